// Colours and filters of pictures.
#include <algorithm>
#include <array>
#include <cmath>

#include "lamina/data/image_internal.h"

namespace lamina::data::image {

namespace {

/// The extents of a picture of colours [1 or 3, height, width].
Planes colours_of(const Tensor& x, const char* what) {
  const Planes p = planes_of(x, what);
  if (x.rank() != 3 || (p.count != 1 && p.count != 3)) {
    throw Error(what, "expected a picture [1 or 3, height, width], got " + x.meta().str());
  }
  return p;
}

/// out = f(value) for each value, cut to the range of colours.
template <class F>
Tensor mapped(const Tensor& x, const Planes& p, F&& f) {
  Tensor out = like(x, p.height, p.width, nullptr);
  const float most = white(x);
  for_pixel_type(x, [&]<class T>(T*) {
    const T* from = x.data<T>();
    T* to = out.mutable_data<T>();
    for (int64_t i = 0; i < p.count * p.pixels(); ++i) {
      put_pixel(std::clamp(f(static_cast<float>(from[i])), 0.0F, most), to[i]);
    }
  });
  return out;
}

/// Bytes by a table.
template <class F>
Tensor looked_up(const Tensor& x, F&& value_of) {
  std::array<uint8_t, 256> table;
  for (size_t v = 0; v < table.size(); ++v) table[v] = value_of(static_cast<int>(v));
  Tensor out = Tensor::empty(x.shape(), DType::u8);
  std::transform(x.data<uint8_t>(), x.data<uint8_t>() + x.numel(), out.mutable_data<uint8_t>(),
                 [&](uint8_t v) { return table[v]; });
  return out;
}

struct Rgb {
  float r, g, b;
};

/// Red, green, blue in 0 … 1 with the hue turned, by way of hue, saturation and value (Smith 1978).
Rgb with_hue(Rgb c, float turn) {
  const float most = std::max({c.r, c.g, c.b}), least = std::min({c.r, c.g, c.b}), span = most - least;
  if (span <= 0) return c;
  float h = most == c.r ? (c.g - c.b) / span : most == c.g ? 2 + (c.b - c.r) / span : 4 + (c.r - c.g) / span;
  h = h / 6 + turn;
  h = (h - std::floor(h)) * 6;
  const int sector = std::min(static_cast<int>(h), 5);
  const float f = h - static_cast<float>(sector), falling = most - span * f, rising = most - span * (1 - f);
  switch (sector) {
    case 0:
      return {most, rising, least};
    case 1:
      return {falling, most, least};
    case 2:
      return {least, most, rising};
    case 3:
      return {least, falling, most};
    case 4:
      return {rising, least, most};
    default:
      return {most, least, falling};
  }
}

}  // namespace

Tensor brightness(const Tensor& x, double factor) {
  return mapped(x, colours_of(x, "brightness"), [f = static_cast<float>(factor)](float v) { return f * v; });
}

Tensor contrast(const Tensor& x, double factor) {
  const Planes p = colours_of(x, "contrast");
  double sum = 0;
  for_pixel_type(x, [&]<class T>(T*) {
    const T* from = x.data<T>();
    for (int64_t k = 0; k < p.pixels(); ++k) sum += p.count == 3 ? luma(from + k, p.pixels()) : from[k];
  });
  const auto mean = static_cast<float>(sum / static_cast<double>(p.pixels()));
  return mapped(x, p, [mean, f = static_cast<float>(factor)](float v) { return mean + f * (v - mean); });
}

Tensor saturation(const Tensor& x, double factor) {
  const Planes p = colours_of(x, "saturation");
  if (p.count == 1) return x;
  Tensor out = like(x, p.height, p.width, nullptr);
  const auto f = static_cast<float>(factor);
  const float most = white(x);
  for_pixel_type(x, [&]<class T>(T*) {
    const T* from = x.data<T>();
    T* to = out.mutable_data<T>();
    const int64_t plane = p.pixels();
    for (int64_t k = 0; k < plane; ++k) {
      const float grey = luma(from + k, plane);
      for (int64_t c = k; c < 3 * plane; c += plane) {
        put_pixel(std::clamp(grey + f * (static_cast<float>(from[c]) - grey), 0.0F, most), to[c]);
      }
    }
  });
  return out;
}

Tensor hue(const Tensor& x, double turn) {
  const Planes p = colours_of(x, "hue");
  if (p.count == 1) return x;
  Tensor out = like(x, p.height, p.width, nullptr);
  const float most = white(x), unit = 1 / most;
  for_pixel_type(x, [&]<class T>(T*) {
    const T* from = x.data<T>();
    T* to = out.mutable_data<T>();
    const int64_t plane = p.pixels();
    const auto read = [&](int64_t i) { return static_cast<float>(from[i]) * unit; };
    for (int64_t k = 0; k < plane; ++k) {
      const Rgb c = with_hue({read(k), read(k + plane), read(k + 2 * plane)}, static_cast<float>(turn));
      put_pixel(c.r * most, to[k]);
      put_pixel(c.g * most, to[k + plane]);
      put_pixel(c.b * most, to[k + 2 * plane]);
    }
  });
  return out;
}

Tensor sharpness(const Tensor& x, double factor) {
  const Planes p = colours_of(x, "sharpness");
  if (p.height < 3 || p.width < 3) return x;
  Tensor out = Tensor::from_bytes(x.raw(), x.shape(), x.dtype());
  const auto f = static_cast<float>(factor);
  const float most = white(x);
  for_pixel_type(x, [&]<class T>(T*) {
    for (int64_t row = 0; row < p.count * p.height; ++row) {
      if (row % p.height == 0 || row % p.height == p.height - 1) continue;
      const T* from = x.data<T>() + row * p.width;
      T* to = out.mutable_data<T>() + row * p.width;
      for (int64_t i = 1; i < p.width - 1; ++i) {
        const auto three = [&](const T* v) {
          return static_cast<float>(v[-1]) + static_cast<float>(v[0]) + static_cast<float>(v[1]);
        };
        const auto v = static_cast<float>(from[i]);
        const float sum = three(from + i - p.width) + three(from + i) + three(from + i + p.width);
        const float smooth = (sum + 4 * v) / 13;
        put_pixel(std::clamp(smooth + f * (v - smooth), 0.0F, most), to[i]);
      }
    }
  });
  return out;
}

Tensor posterize(const Tensor& x, int bits) {
  const Planes p = colours_of(x, "posterize");
  if (bits < 1 || bits > 8) throw Error("posterize", "bits: expected 1 to 8, got " + std::to_string(bits));
  if (x.dtype() == DType::u8) {
    return looked_up(x, [&](int v) { return static_cast<uint8_t>(v >> (8 - bits) << (8 - bits)); });
  }
  const auto levels = static_cast<float>(1 << bits);
  return mapped(x, p, [levels](float v) { return std::clamp(std::floor(v * levels), 0.0F, levels - 1) / levels; });
}

Tensor solarize(const Tensor& x, double threshold) {
  const float most = white(x), limit = static_cast<float>(threshold) * most;
  return mapped(x, colours_of(x, "solarize"), [=](float v) { return v >= limit ? most - v : v; });
}

Tensor auto_contrast(const Tensor& x) {
  const Planes p = colours_of(x, "auto_contrast");
  Tensor out = like(x, p.height, p.width, nullptr);
  const float most = white(x);
  for_pixel_type(x, [&]<class T>(T*) {
    for (int64_t c = 0; c < p.count; ++c) {
      const T* from = x.data<T>() + c * p.pixels();
      T* to = out.mutable_data<T>() + c * p.pixels();
      const auto [low, high] = std::minmax_element(from, from + p.pixels());
      const auto least = static_cast<float>(*low), span = static_cast<float>(*high) - least;
      if (span <= 0) {
        std::copy(from, from + p.pixels(), to);
        continue;
      }
      for (int64_t i = 0; i < p.pixels(); ++i) put_pixel((static_cast<float>(from[i]) - least) * (most / span), to[i]);
    }
  });
  return out;
}

namespace {

/// Flattens the histogram of one channel of bytes, as Pillow's ImageOps does: the steps between values become equal.
void equalize_channel(const uint8_t* from, uint8_t* to, int64_t pixels) {
  std::array<int64_t, 256> counts{};
  for (int64_t i = 0; i < pixels; ++i) ++counts[from[i]];
  size_t last = 255;
  while (last > 0 && counts[last] == 0) --last;
  const int64_t step = (pixels - counts[last]) / 255;
  std::array<uint8_t, 256> table;
  int64_t below = step / 2;
  for (size_t v = 0; v < 256; ++v) {
    table[v] = static_cast<uint8_t>(step == 0 ? static_cast<int64_t>(v) : std::min<int64_t>(below / step, 255));
    below += counts[v];
  }
  std::transform(from, from + pixels, to, [&](uint8_t v) { return table[v]; });
}

}  // namespace

Tensor equalize(const Tensor& x) {
  const Planes p = colours_of(x, "equalize");
  if (x.dtype() == DType::f32) {  // by way of bytes
    Tensor bytes = Tensor::empty(x.shape(), DType::u8), out = Tensor::empty(x.shape(), DType::f32);
    std::transform(x.data<float>(), x.data<float>() + x.numel(), bytes.mutable_data<uint8_t>(), [](float v) {
      uint8_t byte;
      put_pixel(v * 255, byte);
      return byte;
    });
    const Tensor flat = equalize(bytes);
    std::transform(flat.data<uint8_t>(), flat.data<uint8_t>() + x.numel(), out.mutable_data<float>(),
                   [](uint8_t v) { return static_cast<float>(v) / 255; });
    return out;
  }
  Tensor out = Tensor::empty(x.shape(), DType::u8);
  for (int64_t c = 0; c < p.count; ++c) {
    equalize_channel(x.data<uint8_t>() + c * p.pixels(), out.mutable_data<uint8_t>() + c * p.pixels(), p.pixels());
  }
  return out;
}

Tensor blur(const Tensor& x, int64_t kernel, double sigma) {
  const Planes p = planes_of(x, "blur");
  if (kernel < 1 || kernel % 2 == 0 || kernel > 2 * std::min(p.height, p.width) - 1 || !(sigma > 0)) {
    throw Error("blur", "expected an odd kernel, at most twice as large as the picture, and a sigma above 0, got " +
                            std::to_string(kernel) + " and " + std::to_string(sigma));
  }
  const int64_t half = kernel / 2, width = p.width + 2 * half;
  std::vector<float> weights(static_cast<size_t>(kernel));
  double sum = 0;
  for (int64_t i = 0; i < kernel; ++i) sum += std::exp(-0.5 * std::pow(static_cast<double>(i - half) / sigma, 2));
  for (int64_t i = 0; i < kernel; ++i) {
    weights[static_cast<size_t>(i)] =
        static_cast<float>(std::exp(-0.5 * std::pow(static_cast<double>(i - half) / sigma, 2)) / sum);
  }
  const Tensor wide = crop(x, {-half, -half, p.height + 2 * half, width}, Border::reflect);
  Tensor out = like(x, p.height, p.width, nullptr);
  std::vector<float> line(static_cast<size_t>(width));
  for_pixel_type(x, [&]<class T>(T*) {
    T* to = out.mutable_data<T>();
    for (int64_t row = 0; row < p.count * p.height; ++row, to += p.width) {
      const int64_t plane = row / p.height, y = row % p.height;
      const T* from = wide.data<T>() + (plane * (p.height + 2 * half) + y) * width;
      std::fill(line.begin(), line.end(), 0.0F);
      for (int64_t k = 0; k < kernel; ++k) {
        const float w = weights[static_cast<size_t>(k)];
        for (int64_t i = 0; i < width; ++i) line[static_cast<size_t>(i)] += w * static_cast<float>(from[k * width + i]);
      }
      for (int64_t i = 0; i < p.width; ++i) {
        float value = 0;
        for (int64_t k = 0; k < kernel; ++k)
          value += weights[static_cast<size_t>(k)] * line[static_cast<size_t>(i + k)];
        put_pixel(value, to[i]);
      }
    }
  });
  return out;
}

}  // namespace lamina::data::image
