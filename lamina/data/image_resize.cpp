// Resizing, cutting and mirroring pictures.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "lamina/data/image_internal.h"

namespace lamina::data::image {

Planes planes_of(const Tensor& x, const char* what) {
  const bool pixels = x.dtype() == DType::u8 || x.dtype() == DType::f32;
  if (x.rank() < 2 || !pixels || !x.is_contiguous() || x.numel() == 0) {
    throw Error(what, "expected pictures [channels, height, width] of u8 or f32, got " + x.meta().str());
  }
  return {x.numel() / (x.size(-1) * x.size(-2)), x.size(-2), x.size(-1)};
}

Tensor like(const Tensor& x, int64_t height, int64_t width, TensorPool* pool) {
  Shape shape = x.shape();
  shape[shape.rank() - 2] = height;
  shape[shape.rank() - 1] = width;
  return pool ? pool->get(shape, x.dtype()) : Tensor::empty(shape, x.dtype());
}

Sampling sampling_of(const std::string& word, const std::string& where) {
  if (word == "nearest") return Sampling::nearest;
  if (word == "bilinear") return Sampling::bilinear;
  if (word == "bicubic") return Sampling::bicubic;
  throw Error(where, "expected nearest, bilinear or bicubic, got \"" + word + "\"");
}

Border border_of(const std::string& word, const std::string& where) {
  if (word == "constant") return Border::constant;
  if (word == "edge") return Border::edge;
  if (word == "reflect") return Border::reflect;
  throw Error(where, "expected constant, edge or reflect, got \"" + word + "\"");
}

namespace {

/// The source pixels of each target pixel along one axis, and their weights.
struct Taps {
  std::vector<int64_t> begin, count;
  std::vector<float> weights;  // [target, width], zeros at the end
  int64_t width = 0;
  int64_t targets() const { return static_cast<int64_t>(begin.size()); }
};

double triangle(double x) { return std::max(0.0, 1 - std::abs(x)); }

/// Keys' cubic convolution (1981).
double cubic(double x, double a) {
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/// Weights over the pixels that the kernel covers, scaled to a sum of 1: what lies outside does not count.
Taps averaging_taps(int64_t from, int64_t to, Sampling sampling) {
  const double ratio = static_cast<double>(from) / static_cast<double>(to), stretch = std::max(ratio, 1.0);
  const double reach = stretch * (sampling == Sampling::bicubic ? 2 : 1);
  const auto kernel = [&](double x) { return sampling == Sampling::bicubic ? cubic(x, -0.5) : triangle(x); };
  Taps taps;
  taps.width = static_cast<int64_t>(std::ceil(reach)) * 2 + 1;
  taps.weights.assign(static_cast<size_t>(to * taps.width), 0.0F);
  std::vector<double> w(static_cast<size_t>(taps.width));
  for (int64_t i = 0; i < to; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * ratio;
    const int64_t begin = std::max<int64_t>(0, std::llround(std::floor(centre - reach + 0.5)));
    const int64_t end = std::min<int64_t>(from, std::llround(std::floor(centre + reach + 0.5)));
    double sum = 0;
    for (int64_t j = begin; j < end; ++j) {
      sum += w[static_cast<size_t>(j - begin)] = kernel((static_cast<double>(j) + 0.5 - centre) / stretch);
    }
    for (int64_t j = begin; j < end; ++j) {
      taps.weights[static_cast<size_t>(i * taps.width + j - begin)] =
          static_cast<float>(w[static_cast<size_t>(j - begin)] / sum);
    }
    taps.begin.push_back(begin);
    taps.count.push_back(end - begin);
  }
  return taps;
}

/// Weights of the two or four nearest pixels, the outermost standing for what lies outside.
Taps interpolating_taps(int64_t from, int64_t to, Sampling sampling) {
  const double ratio = static_cast<double>(from) / static_cast<double>(to);
  const int64_t reach = sampling == Sampling::bicubic ? 2 : 1;
  Taps taps;
  taps.width = 2 * reach;
  taps.weights.assign(static_cast<size_t>(to * taps.width), 0.0F);
  for (int64_t i = 0; i < to; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * ratio - 0.5;
    const auto first = static_cast<int64_t>(std::floor(centre)) - reach + 1;
    const int64_t begin = std::clamp<int64_t>(first, 0, from - 1);
    const int64_t end = std::clamp<int64_t>(first + taps.width, begin + 1, from);
    for (int64_t j = first; j < first + taps.width; ++j) {
      const double x = static_cast<double>(j) - centre;
      const int64_t inside = std::clamp(j, begin, end - 1);
      taps.weights[static_cast<size_t>(i * taps.width + inside - begin)] +=
          static_cast<float>(sampling == Sampling::bicubic ? cubic(x, -0.75) : triangle(x));
    }
    taps.begin.push_back(begin);
    taps.count.push_back(end - begin);
  }
  return taps;
}

Taps taps_of(int64_t from, int64_t to, Sampling sampling, bool antialias) {
  if (sampling == Sampling::nearest) {
    Taps taps;
    taps.width = 1;
    taps.weights.assign(static_cast<size_t>(to), 1.0F);
    taps.count.assign(static_cast<size_t>(to), 1);
    for (int64_t i = 0; i < to; ++i) taps.begin.push_back((2 * i + 1) * from / (2 * to));
    return taps;
  }
  return antialias ? averaging_taps(from, to, sampling) : interpolating_taps(from, to, sampling);
}

/// Rows first, as sums of whole rows are quick, then the columns of each of the few rows that are left.
template <class T>
void resize_plane(const T* from, int64_t stride, int64_t width, T* to, const Taps& rows, const Taps& columns,
                  std::vector<float>& line) {
  line.resize(static_cast<size_t>(width));
  for (int64_t y = 0; y < rows.targets(); ++y) {
    std::fill(line.begin(), line.end(), 0.0F);
    const float* weights = rows.weights.data() + y * rows.width;
    for (int64_t k = 0; k < rows.count[static_cast<size_t>(y)]; ++k) {
      const T* source = from + (rows.begin[static_cast<size_t>(y)] + k) * stride;
      const float w = weights[k];
      float* sums = line.data();
      for (int64_t x = 0; x < width; ++x) sums[x] += w * static_cast<float>(source[x]);
    }
    for (int64_t x = 0; x < columns.targets(); ++x) {
      const float* w = columns.weights.data() + x * columns.width;
      const float* source = line.data() + columns.begin[static_cast<size_t>(x)];
      const int64_t count = columns.count[static_cast<size_t>(x)];
      float sum = 0;
      for (int64_t k = 0; k < count; ++k) sum += w[k] * source[k];
      put_pixel(sum, *to++);
    }
  }
}

/// The pixel that stands at a place outside of 0 … size − 1.
int64_t place_inside(int64_t at, int64_t size, Border border) {
  if (border == Border::edge || size == 1) return std::clamp<int64_t>(at, 0, size - 1);
  const int64_t period = 2 * (size - 1);
  at = ((at % period) + period) % period;
  return at < size ? at : period - at;
}

}  // namespace

Tensor resize_part(const Tensor& x, const Window& part, int64_t height, int64_t width, Sampling sampling,
                   bool antialias, TensorPool* pool) {
  const Planes p = planes_of(x, "resize");
  const Taps rows = taps_of(part.height, height, sampling, antialias),
             columns = taps_of(part.width, width, sampling, antialias);
  Tensor out = like(x, height, width, pool);
  std::vector<float> line;
  for_pixel_type(x, [&]<class T>(T*) {
    const T* from = x.data<T>() + part.top * p.width + part.left;
    T* to = out.mutable_data<T>();
    for (int64_t i = 0; i < p.count; ++i) {
      resize_plane(from + i * p.pixels(), p.width, part.width, to + i * height * width, rows, columns, line);
    }
  });
  return out;
}

Tensor resize(const Tensor& x, int64_t height, int64_t width, Sampling sampling, bool antialias, TensorPool* pool) {
  const Planes p = planes_of(x, "resize");
  if (p.height == height && p.width == width) return x;
  return resize_part(x, {0, 0, p.height, p.width}, height, width, sampling, antialias, pool);
}

Tensor crop(const Tensor& x, const Window& w, Border border, double value, TensorPool* pool) {
  const Planes p = planes_of(x, "crop");
  Tensor out = like(x, w.height, w.width, pool);
  const int64_t x0 = std::clamp<int64_t>(-w.left, 0, w.width), x1 = std::clamp<int64_t>(p.width - w.left, x0, w.width);
  for_pixel_type(x, [&]<class T>(T*) {
    const T* from = x.data<T>();
    T* to = out.mutable_data<T>();
    T filling{};
    put_pixel(static_cast<float>(value), filling);
    for (int64_t plane = 0; plane < p.count; ++plane, from += p.pixels()) {
      for (int64_t y = 0; y < w.height; ++y, to += w.width) {
        int64_t row = w.top + y;
        const bool outside = row < 0 || row >= p.height;
        if (border == Border::constant && (outside || x0 == x1)) {
          std::fill(to, to + w.width, filling);
          continue;
        }
        if (outside) row = place_inside(row, p.height, border);
        const T* source = from + row * p.width;
        const auto beyond = [&](int64_t at) {
          return border == Border::constant ? filling : source[place_inside(w.left + at, p.width, border)];
        };
        for (int64_t i = 0; i < x0; ++i) to[i] = beyond(i);
        if (x1 > x0) std::memcpy(to + x0, source + w.left + x0, static_cast<size_t>(x1 - x0) * sizeof(T));
        for (int64_t i = x1; i < w.width; ++i) to[i] = beyond(i);
      }
    }
  });
  return out;
}

Tensor flip(const Tensor& x, bool vertical) {
  const Planes p = planes_of(x, "flip");
  Tensor out = like(x, p.height, p.width, nullptr);
  for_pixel_type(x, [&]<class T>(T*) {
    const T* from = x.data<T>();
    T* to = out.mutable_data<T>();
    for (int64_t row = 0; row < p.count * p.height; ++row, to += p.width) {
      const int64_t plane = row / p.height, y = row % p.height;
      const T* source = from + (plane * p.height + (vertical ? p.height - 1 - y : y)) * p.width;
      if (vertical) {
        std::copy(source, source + p.width, to);
      } else {
        std::reverse_copy(source, source + p.width, to);
      }
    }
  });
  return out;
}

}  // namespace lamina::data::image
