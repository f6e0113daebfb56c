// Transforms that move pixels: resize, crops, pad, flip, rotate, shift, erase.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "lamina/data/transforms_internal.h"

namespace lamina::data::transforms {

Planes planes_of(const Tensor& x, int lead, const std::string& transform) {
  const bool pixels = x.dtype() == DType::u8 || x.dtype() == DType::f32;
  if (x.rank() != 3 + lead || !pixels || !x.is_contiguous() || x.numel() == 0) {
    throw Error(transform,
                "expected " +
                    std::string(lead ? "images [n, channels, height, width]" : "an image [channels, height, width]") +
                    " of u8 or f32, got " + x.meta().str());
  }
  return {x.numel() / (x.size(-1) * x.size(-2)), x.size(-2), x.size(-1)};
}

Shape with_size(Shape shape, int64_t height, int64_t width) {
  shape[shape.rank() - 2] = height;
  shape[shape.rank() - 1] = width;
  return shape;
}

void check_image_shape(const Shape& shape, const std::string& transform) {
  if (shape.rank() != 3) throw Error(transform, "expected images [channels, height, width], got inputs " + shape.str());
}

void bad_option(const std::string& transform, const std::string& option, const std::string& expected,
                const std::string& got) {
  throw Error(transform, option + ": expected " + expected + ", got " + got);
}

void check_probability(double p, const std::string& transform) {
  if (!(p >= 0 && p <= 1)) bad_option(transform, "probability", "a number between 0 and 1", std::to_string(p));
}

Dims two_numbers(const Dims& size, const std::string& transform, const std::string& option) {
  const bool positive = std::all_of(size.begin(), size.end(), [](int64_t v) { return v > 0 && v <= 65535; });
  if (size.rank() < 1 || size.rank() > 2 || !positive)
    bad_option(transform, option, "[height, width] in pixels", size.str());
  return {size[0], size.back()};
}

namespace {

// ---- resize ----

/// The source pixels of each target pixel along one axis, and their weights.
struct Taps {
  std::vector<int64_t> begin;
  std::vector<float> weights;  // [target, width], zeros at the end
  int64_t width = 0;
};

Taps taps_of(int64_t from, int64_t to, bool antialias) {
  const double ratio = static_cast<double>(from) / static_cast<double>(to);
  const double reach = antialias ? std::max(ratio, 1.0) : 1.0;  // half the base of the triangle, in source pixels
  Taps taps;
  taps.width = static_cast<int64_t>(std::ceil(reach)) * 2 + 1;
  taps.weights.assign(static_cast<size_t>(to * taps.width), 0.0F);
  for (int64_t i = 0; i < to; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * ratio;
    const int64_t begin = std::max<int64_t>(0, std::llround(std::floor(centre - reach + 0.5)));
    const int64_t end = std::min<int64_t>(from, std::llround(std::floor(centre + reach + 0.5)));
    float* w = taps.weights.data() + i * taps.width;
    double sum = 0;
    for (int64_t j = begin; j < end; ++j)
      sum += std::max(0.0, 1 - std::abs((static_cast<double>(j) + 0.5 - centre) / reach));
    for (int64_t j = begin; j < end; ++j) {
      w[j - begin] =
          static_cast<float>(std::max(0.0, 1 - std::abs((static_cast<double>(j) + 0.5 - centre) / reach)) / sum);
    }
    taps.begin.push_back(begin);
  }
  return taps;
}

template <class T>
void resize_plane(const T* from, T* to, int64_t height, int64_t width, const Taps& rows, const Taps& columns,
                  std::vector<float>& between) {
  const auto out_h = static_cast<int64_t>(rows.begin.size()), out_w = static_cast<int64_t>(columns.begin.size());
  between.resize(static_cast<size_t>(height * out_w));
  for (int64_t y = 0; y < height; ++y, from += width) {
    for (int64_t x = 0; x < out_w; ++x) {
      const int64_t begin = columns.begin[static_cast<size_t>(x)], count = std::min(columns.width, width - begin);
      const float* w = columns.weights.data() + x * columns.width;
      float sum = 0;
      for (int64_t k = 0; k < count; ++k) sum += w[k] * static_cast<float>(from[begin + k]);
      between[static_cast<size_t>(y * out_w + x)] = sum;
    }
  }
  std::vector<float> line(static_cast<size_t>(out_w));
  for (int64_t y = 0; y < out_h; ++y) {
    const int64_t begin = rows.begin[static_cast<size_t>(y)], count = std::min(rows.width, height - begin);
    const float* w = rows.weights.data() + y * rows.width;
    std::fill(line.begin(), line.end(), 0.0F);
    for (int64_t k = 0; k < count; ++k) {
      const float* source = between.data() + (begin + k) * out_w;
      for (int64_t x = 0; x < out_w; ++x) line[static_cast<size_t>(x)] += w[k] * source[x];
    }
    for (const float v : line) put_pixel(v, *to++);
  }
}

class Resize final : public Fixed {
 public:
  explicit Resize(ResizeOptions o) : options_(o) { two_numbers(o.size, "resize", "size"); }
  std::string name() const override { return "resize"; }
  Shape output_shape(const Shape& input) const override {
    check_image_shape(input, "resize");
    const Dims size = target(input[1], input[2]);
    return with_size(input, size[0], size[1]);
  }

 protected:
  Tensor map(const Tensor& x, int lead, TensorPool& pool) const override {
    const Planes p = planes_of(x, lead, "resize");
    const Dims size = target(p.height, p.width);
    if (size[0] == p.height && size[1] == p.width) return x;
    const Taps rows = taps_of(p.height, size[0], options_.antialias),
               columns = taps_of(p.width, size[1], options_.antialias);
    Tensor out = pool.get(with_size(x.shape(), size[0], size[1]), x.dtype());
    std::vector<float> between;
    for_pixel_type(x, [&]<class T>(T*) {
      for (int64_t i = 0; i < p.count; ++i) {
        resize_plane(x.data<T>() + i * p.height * p.width, out.mutable_data<T>() + i * size[0] * size[1], p.height,
                     p.width, rows, columns, between);
      }
    });
    return out;
  }

 private:
  Dims target(int64_t height, int64_t width) const {
    if (options_.size.rank() == 2) return options_.size;
    const int64_t side = options_.size[0], shorter = std::min(height, width);
    const auto scaled = [&](int64_t v) { return std::max<int64_t>(1, (v * side + shorter / 2) / shorter); };
    return {scaled(height), scaled(width)};
  }
  ResizeOptions options_;
};

// ---- windows: crops, pad, shift ----

/// A window of an image that may reach beyond it, where it holds `value`.
struct Window {
  int64_t top = 0, left = 0, height = 0, width = 0;
  double value = 0;
};

Tensor cut(const Tensor& x, const Planes& p, const Window& w, TensorPool& pool) {
  Tensor out = pool.get(with_size(x.shape(), w.height, w.width), x.dtype());
  const int64_t x0 = std::clamp<int64_t>(-w.left, 0, w.width), x1 = std::clamp<int64_t>(p.width - w.left, x0, w.width);
  for_pixel_type(x, [&]<class T>(T*) {
    const T* from = x.data<T>();
    T* to = out.mutable_data<T>();
    T value{};
    put_pixel(static_cast<float>(w.value), value);
    for (int64_t plane = 0; plane < p.count; ++plane, from += p.height * p.width) {
      for (int64_t y = 0; y < w.height; ++y, to += w.width) {
        const int64_t row = w.top + y;
        if (row < 0 || row >= p.height || x0 == x1) {
          std::fill(to, to + w.width, value);
          continue;
        }
        std::fill(to, to + x0, value);
        std::memcpy(to + x0, from + row * p.width + w.left + x0, static_cast<size_t>(x1 - x0) * sizeof(T));
        std::fill(to + x1, to + w.width, value);
      }
    }
  });
  return out;
}

class CenterCrop final : public Fixed {
 public:
  explicit CenterCrop(CropOptions o) : size_(two_numbers(o.size, "center_crop", "size")), padding_(o.padding) {
    if (padding_ < 0) bad_option("center_crop", "padding", "a number of at least 0", std::to_string(padding_));
  }
  std::string name() const override { return "center_crop"; }
  Shape output_shape(const Shape& input) const override {
    check_image_shape(input, "center_crop");
    check_fits(input[1], input[2]);
    return with_size(input, size_[0], size_[1]);
  }

 protected:
  Tensor map(const Tensor& x, int lead, TensorPool& pool) const override {
    const Planes p = planes_of(x, lead, "center_crop");
    check_fits(p.height, p.width);
    const auto before = [](int64_t whole, int64_t part) { return (whole - part) >> 1; };  // rounds down below 0 too
    return cut(x, p, {before(p.height, size_[0]), before(p.width, size_[1]), size_[0], size_[1]}, pool);
  }

 private:
  void check_fits(int64_t height, int64_t width) const {
    if (height + 2 * padding_ >= size_[0] && width + 2 * padding_ >= size_[1]) return;
    throw Error("center_crop", "cannot cut " + size_.str() + " out of an image " + Dims{height, width}.str())
        .hint("make images larger before, by resize or pad, or set padding");
  }
  Dims size_;
  int64_t padding_;
};

class RandomCrop final : public Transform {
 public:
  explicit RandomCrop(CropOptions o) : size_(two_numbers(o.size, "random_crop", "size")), padding_(o.padding) {
    if (padding_ < 0) bad_option("random_crop", "padding", "a number of at least 0", std::to_string(padding_));
  }
  std::string name() const override { return "random_crop"; }
  void apply(Example& example, Philox& random) const override {
    const Planes p = planes_of(example.at(0), 0, "random_crop");
    check_fits(p.height, p.width);
    const auto offset = [&](int64_t whole, int64_t part) {
      return static_cast<int64_t>(random.below(static_cast<uint64_t>(whole + 2 * padding_ - part + 1))) - padding_;
    };
    const int64_t top = offset(p.height, size_[0]), left = offset(p.width, size_[1]);
    TensorPool fresh(0);
    example[0] = cut(example[0], p, {top, left, size_[0], size_[1]}, fresh);
  }
  Shape output_shape(const Shape& input) const override {
    check_image_shape(input, "random_crop");
    check_fits(input[1], input[2]);
    return with_size(input, size_[0], size_[1]);
  }

 private:
  void check_fits(int64_t height, int64_t width) const {
    if (height + 2 * padding_ >= size_[0] && width + 2 * padding_ >= size_[1]) return;
    throw Error("random_crop", "cannot cut " + size_.str() + " out of an image " + Dims{height, width}.str() +
                                   " padded by " + std::to_string(padding_));
  }
  Dims size_;
  int64_t padding_;
};

class Pad final : public Fixed {
 public:
  explicit Pad(PadOptions o) : value_(o.value) {
    const Dims& a = o.amount;
    const bool valid = std::all_of(a.begin(), a.end(), [](int64_t v) { return v >= 0 && v <= 65535; });
    if (!valid || (a.rank() != 1 && a.rank() != 2 && a.rank() != 4)) {
      bad_option("pad", "amount", "one, two or four numbers of at least 0", a.str());
    }
    sides_ = a.rank() == 4 ? a : Dims{a[0], a[0], a.back(), a.back()};
  }
  std::string name() const override { return "pad"; }
  Shape output_shape(const Shape& input) const override {
    check_image_shape(input, "pad");
    return with_size(input, input[1] + sides_[0] + sides_[1], input[2] + sides_[2] + sides_[3]);
  }

 protected:
  Tensor map(const Tensor& x, int lead, TensorPool& pool) const override {
    const Planes p = planes_of(x, lead, "pad");
    return cut(x, p,
               {-sides_[0], -sides_[2], p.height + sides_[0] + sides_[1], p.width + sides_[2] + sides_[3], value_},
               pool);
  }

 private:
  Dims sides_;  // top, bottom, left, right
  double value_;
};

class Shift final : public Transform {
 public:
  explicit Shift(ShiftOptions o) : options_(o) {
    if (o.pixels < 0) bad_option("shift", "pixels", "a number of at least 0", std::to_string(o.pixels));
  }
  std::string name() const override { return "shift"; }
  void apply(Example& example, Philox& random) const override {
    const Planes p = planes_of(example.at(0), 0, "shift");
    const auto draw = [&] {
      return static_cast<int64_t>(random.below(static_cast<uint64_t>(2 * options_.pixels + 1))) - options_.pixels;
    };
    const int64_t top = draw(), left = draw();
    TensorPool fresh(0);
    example[0] = cut(example[0], p, {top, left, p.height, p.width, options_.value}, fresh);
  }

 private:
  ShiftOptions options_;
};

// ---- flip, rotate, erase ----

/// std::floor is a call into libm without SSE4.1.
int64_t floor_of(double x) {
  const auto truncated = static_cast<int64_t>(x);
  return truncated - (static_cast<double>(truncated) > x);
}

Tensor copy_of(const Tensor& x) { return Tensor::from_bytes(x.raw(), x.shape(), x.dtype()); }

class Flip final : public Transform {
 public:
  explicit Flip(FlipOptions o) : options_(o) { check_probability(o.probability, "flip"); }
  std::string name() const override { return "flip"; }
  void apply(Example& example, Philox& random) const override {
    const Planes p = planes_of(example.at(0), 0, "flip");
    if (random.uniform() >= options_.probability) return;
    Tensor out = copy_of(example[0]);
    for_pixel_type(out, [&]<class T>(T*) {
      T* row = out.mutable_data<T>();
      for (int64_t i = 0; i < p.count * p.height && !options_.vertical; ++i, row += p.width)
        std::reverse(row, row + p.width);
      for (int64_t i = 0; i < p.count && options_.vertical; ++i, row += p.height * p.width) {
        for (int64_t y = 0; y < p.height / 2; ++y) {
          std::swap_ranges(row + y * p.width, row + (y + 1) * p.width, row + (p.height - 1 - y) * p.width);
        }
      }
    });
    example[0] = out;
  }

 private:
  FlipOptions options_;
};

class Rotate final : public Transform {
 public:
  explicit Rotate(RotateOptions o) : options_(o) {
    if (!(o.degrees >= 0 && o.degrees <= 180))
      bad_option("rotate", "degrees", "a number between 0 and 180", std::to_string(o.degrees));
  }
  std::string name() const override { return "rotate"; }
  void apply(Example& example, Philox& random) const override {
    const Tensor& x = example.at(0);
    const Planes p = planes_of(x, 0, "rotate");
    const double angle = random.uniform(-options_.degrees, options_.degrees) * std::numbers::pi / 180;
    Tensor out = Tensor::empty(x.shape(), x.dtype());
    for_pixel_type(x, [&]<class T>(T*) {
      for (int64_t i = 0; i < p.count; ++i) {
        turn(x.data<T>() + i * p.height * p.width, out.mutable_data<T>() + i * p.height * p.width, p, angle);
      }
    });
    example[0] = out;
  }

 private:
  template <class T>
  void turn(const T* from, T* to, const Planes& p, double angle) const {
    // Locals, because a byte that is written might be any member.
    const int64_t height = p.height, width = p.width;
    const float value = static_cast<float>(options_.value);
    const double cy = static_cast<double>(height - 1) / 2, cx = static_cast<double>(width - 1) / 2;
    const double cosine = std::cos(angle), sine = std::sin(angle);
    const auto at = [=](int64_t y, int64_t x) {
      const bool inside = y >= 0 && y < height && x >= 0 && x < width;
      return inside ? static_cast<float>(from[y * width + x]) : value;
    };
    for (int64_t y = 0; y < height; ++y) {
      const double dy = static_cast<double>(y) - cy;
      for (int64_t x = 0; x < width; ++x) {
        const double dx = static_cast<double>(x) - cx;
        const double sy = cy + cosine * dy - sine * dx, sx = cx + sine * dy + cosine * dx;
        const int64_t iy = floor_of(sy), ix = floor_of(sx);
        const auto wy = static_cast<float>(sy - static_cast<double>(iy)),
                   wx = static_cast<float>(sx - static_cast<double>(ix));
        const float above = at(iy, ix) * (1 - wx) + at(iy, ix + 1) * wx;
        const float below = at(iy + 1, ix) * (1 - wx) + at(iy + 1, ix + 1) * wx;
        put_pixel(above * (1 - wy) + below * wy, *to++);
      }
    }
  }
  RotateOptions options_;
};

class Erase final : public Transform {
 public:
  explicit Erase(EraseOptions o) : options_(o) {
    check_probability(o.probability, "erase");
    if (!(o.least > 0 && o.least <= o.most && o.most <= 1)) {
      bad_option("erase", "least, most", "shares of the area, 0 < least ≤ most ≤ 1",
                 std::to_string(o.least) + ", " + std::to_string(o.most));
    }
  }
  std::string name() const override { return "erase"; }
  void apply(Example& example, Philox& random) const override {
    const Planes p = planes_of(example.at(0), 0, "erase");
    if (random.uniform() >= options_.probability) return;
    const double area = random.uniform(options_.least, options_.most) * static_cast<double>(p.height * p.width);
    const double aspect = std::exp(random.uniform(std::log(0.3), std::log(1 / 0.3)));
    const int64_t h = std::clamp<int64_t>(std::llround(std::sqrt(area * aspect)), 1, p.height);
    const int64_t w = std::clamp<int64_t>(std::llround(std::sqrt(area / aspect)), 1, p.width);
    const auto top = static_cast<int64_t>(random.below(static_cast<uint64_t>(p.height - h + 1)));
    const auto left = static_cast<int64_t>(random.below(static_cast<uint64_t>(p.width - w + 1)));
    Tensor out = copy_of(example[0]);
    for_pixel_type(out, [&]<class T>(T*) {
      T value{};
      put_pixel(static_cast<float>(options_.value), value);
      for (int64_t plane = 0; plane < p.count; ++plane) {
        for (int64_t y = top; y < top + h; ++y) {
          T* row = out.mutable_data<T>() + (plane * p.height + y) * p.width + left;
          std::fill(row, row + w, value);
        }
      }
    });
    example[0] = out;
  }

 private:
  EraseOptions options_;
};

}  // namespace

std::unique_ptr<Transform> resize(ResizeOptions options) { return std::make_unique<Resize>(options); }
std::unique_ptr<Transform> center_crop(CropOptions options) { return std::make_unique<CenterCrop>(options); }
std::unique_ptr<Transform> random_crop(CropOptions options) { return std::make_unique<RandomCrop>(options); }
std::unique_ptr<Transform> pad(PadOptions options) { return std::make_unique<Pad>(options); }
std::unique_ptr<Transform> shift(ShiftOptions options) { return std::make_unique<Shift>(options); }
std::unique_ptr<Transform> flip(FlipOptions options) { return std::make_unique<Flip>(options); }
std::unique_ptr<Transform> rotate(RotateOptions options) { return std::make_unique<Rotate>(options); }
std::unique_ptr<Transform> erase(EraseOptions options) { return std::make_unique<Erase>(options); }

}  // namespace lamina::data::transforms
