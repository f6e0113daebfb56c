// Transforms that move pixels: resize, crops, pad, flip, rotate, affine, perspective, shift, erase, cutout.
#include <algorithm>
#include <cmath>

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

std::string describe(const std::vector<double>& values) {
  std::string list;
  for (const double v : values) list += (list.empty() ? "" : ", ") + std::to_string(v);
  return "[" + list + "]";
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

void check_range(const std::vector<double>& range, double least, double most, const std::string& transform,
                 const std::string& option) {
  if (range.size() == 2 && range[0] >= least && range[1] <= most && range[0] <= range[1]) return;
  bad_option(transform, option, "[low, high] within " + std::to_string(least) + " to " + std::to_string(most),
             describe(range));
}

namespace {

image::Border border_option(const std::string& word, const char* transform) {
  return image::border_of(word, std::string(transform) + ": border");
}

// ---- resize ----

class Resize final : public Fixed {
 public:
  explicit Resize(ResizeOptions o)
      : options_(std::move(o)), sampling_(image::sampling_of(options_.interpolation, "resize: interpolation")) {
    two_numbers(options_.size, "resize", "size");
  }
  std::string name() const override { return "resize"; }
  Shape output_shape(const Shape& input) const override {
    check_image_shape(input, "resize");
    const Dims size = target(input[1], input[2]);
    return with_size(input, size[0], size[1]);
  }
  /// Twice the target, as Pillow's thumbnails: then the rest of the way is still averaged well.
  Dims enough() const override {
    if (sampling_ == image::Sampling::nearest || !options_.antialias) return {};
    return {2 * options_.size[0], 2 * options_.size.back()};
  }

 protected:
  Tensor map(const Tensor& x, int lead, TensorPool& pool) const override {
    const Planes p = planes_of(x, lead, "resize");
    const Dims size = target(p.height, p.width);
    return image::resize(x, size[0], size[1], sampling_, options_.antialias, &pool);
  }

 private:
  Dims target(int64_t height, int64_t width) const {
    if (options_.size.rank() == 2) return options_.size;
    const int64_t side = options_.size[0], shorter = std::min(height, width);
    const auto scaled = [&](int64_t v) { return std::max<int64_t>(1, (v * side + shorter / 2) / shorter); };
    return {scaled(height), scaled(width)};
  }
  ResizeOptions options_;
  image::Sampling sampling_;
};

// ---- windows: crops, pad, shift ----

/// What center_crop and random_crop share: a window of a fixed size, perhaps after padding.
class CropSize {
 public:
  CropSize(const CropOptions& o, const char* name)
      : name_(name),
        size_(two_numbers(o.size, name, "size")),
        padding_(o.padding),
        border_(border_option(o.border, name)) {
    if (padding_ < 0) bad_option(name, "padding", "a number of at least 0", std::to_string(padding_));
  }
  Shape output_shape(const Shape& input) const {
    check_image_shape(input, name_);
    check_fits(input[1], input[2]);
    return with_size(input, size_[0], size_[1]);
  }
  void check_fits(int64_t height, int64_t width) const {
    if (height + 2 * padding_ >= size_[0] && width + 2 * padding_ >= size_[1]) return;
    throw Error(name_, "cannot cut " + size_.str() + " out of an image " + Dims{height, width}.str() +
                           (padding_ ? " padded by " + std::to_string(padding_) : ""))
        .hint("make images larger before, by resize or pad, or set padding");
  }

 protected:
  const char* name_;
  Dims size_;
  int64_t padding_;
  image::Border border_;
};

/// Where the middle part of a whole begins: half of what is left over, halves going to the even neighbour as
/// torchvision has it; below 0 where the part is the larger.
int64_t before(int64_t whole, int64_t part) {
  return whole < part ? (whole - part) >> 1 : std::lrint(static_cast<double>(whole - part) / 2);
}

class CenterCrop final : public Fixed, CropSize {
 public:
  explicit CenterCrop(const CropOptions& o) : CropSize(o, "center_crop") {}
  std::string name() const override { return "center_crop"; }
  Shape output_shape(const Shape& input) const override { return CropSize::output_shape(input); }

 protected:
  Tensor map(const Tensor& x, int lead, TensorPool& pool) const override {
    const Planes p = planes_of(x, lead, "center_crop");
    check_fits(p.height, p.width);
    return image::crop(x, {before(p.height, size_[0]), before(p.width, size_[1]), size_[0], size_[1]}, border_, 0,
                       &pool);
  }
};

class RandomCrop final : public RandomImage, CropSize {
 public:
  explicit RandomCrop(const CropOptions& o) : RandomImage("random_crop"), CropSize(o, "random_crop") {}
  Shape output_shape(const Shape& input) const override { return CropSize::output_shape(input); }

 protected:
  Tensor draw(const Tensor& x, Philox& random) const override {
    check_fits(x.size(1), x.size(2));
    const auto offset = [&](int64_t whole, int64_t part) {
      return static_cast<int64_t>(random.below(static_cast<uint64_t>(whole + 2 * padding_ - part + 1))) - padding_;
    };
    const int64_t top = offset(x.size(1), size_[0]), left = offset(x.size(2), size_[1]);
    return image::crop(x, {top, left, size_[0], size_[1]}, border_);
  }
};

class RandomResizedCrop final : public RandomImage {
 public:
  explicit RandomResizedCrop(const ResizedCropOptions& o)
      : RandomImage("random_resized_crop"),
        size_(two_numbers(o.size, "random_resized_crop", "size")),
        scale_(o.scale),
        ratio_(o.ratio),
        sampling_(image::sampling_of(o.interpolation, "random_resized_crop: interpolation")) {
    check_range(scale_, 1e-6, 1, "random_resized_crop", "scale");
    check_range(ratio_, 0.01, 100, "random_resized_crop", "ratio");
  }
  Shape output_shape(const Shape& input) const override {
    check_image_shape(input, "random_resized_crop");
    return with_size(input, size_[0], size_[1]);
  }
  /// The smallest parts that are drawn still have the pixels of the target.
  Dims enough() const override {
    const auto whole = [this](int64_t side) {
      return std::llround(std::ceil(static_cast<double>(side) / std::sqrt(scale_[0])));
    };
    return {whole(size_[0]), whole(size_[1])};
  }

 protected:
  Tensor draw(const Tensor& x, Philox& random) const override {
    return image::resize_part(x, part_of(x.size(1), x.size(2), random), size_[0], size_[1], sampling_, true);
  }

 private:
  image::Window part_of(int64_t height, int64_t width, Philox& random) const {
    const double area = static_cast<double>(height * width);
    for (int i = 0; i < 10; ++i) {
      const double share = random.uniform(scale_[0], scale_[1]);
      const double ratio = std::exp(random.uniform(std::log(ratio_[0]), std::log(ratio_[1])));
      const int64_t w = std::llround(std::sqrt(area * share * ratio)),
                    h = std::llround(std::sqrt(area * share / ratio));
      if (w < 1 || h < 1 || w > width || h > height) continue;
      const auto place = [&](int64_t whole, int64_t part) {
        return static_cast<int64_t>(random.below(static_cast<uint64_t>(whole - part + 1)));
      };
      const int64_t top = place(height, h), left = place(width, w);
      return {top, left, h, w};
    }
    const auto shape = static_cast<double>(width) / static_cast<double>(height);
    const double ratio = std::clamp(shape, ratio_[0], ratio_[1]);
    int64_t h = height, w = width;
    if (ratio > shape) h = std::max<int64_t>(1, std::llround(static_cast<double>(width) / ratio));
    if (ratio < shape) w = std::max<int64_t>(1, std::llround(static_cast<double>(height) * ratio));
    return {before(height, h), before(width, w), h, w};
  }
  Dims size_;
  std::vector<double> scale_, ratio_;
  image::Sampling sampling_;
};

class Pad final : public Fixed {
 public:
  explicit Pad(const PadOptions& o) : value_(o.value), border_(border_option(o.border, "pad")) {
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
    const image::Window window{-sides_[0], -sides_[2], p.height + sides_[0] + sides_[1],
                               p.width + sides_[2] + sides_[3]};
    return image::crop(x, window, border_, value_, &pool);
  }

 private:
  Dims sides_;  // top, bottom, left, right
  double value_;
  image::Border border_;
};

class Shift final : public RandomImage {
 public:
  explicit Shift(ShiftOptions o) : RandomImage("shift"), options_(o) {
    if (o.pixels < 0) bad_option("shift", "pixels", "a number of at least 0", std::to_string(o.pixels));
  }

 protected:
  Tensor draw(const Tensor& x, Philox& random) const override {
    const auto amount = [&] {
      return static_cast<int64_t>(random.below(static_cast<uint64_t>(2 * options_.pixels + 1))) - options_.pixels;
    };
    const int64_t top = amount(), left = amount();
    return image::crop(x, {top, left, x.size(1), x.size(2)}, image::Border::constant, options_.value);
  }

 private:
  ShiftOptions options_;
};

// ---- flip, rotate, affine, perspective ----

class Flip final : public RandomImage {
 public:
  explicit Flip(FlipOptions o) : RandomImage("flip", o.probability), vertical_(o.vertical) {}

 protected:
  Tensor draw(const Tensor& x, Philox&) const override { return image::flip(x, vertical_); }

 private:
  bool vertical_;
};

class Rotate final : public RandomImage {
 public:
  explicit Rotate(RotateOptions o) : RandomImage("rotate"), options_(o) {
    if (!(o.degrees >= 0 && o.degrees <= 180))
      bad_option("rotate", "degrees", "a number between 0 and 180", std::to_string(o.degrees));
  }

 protected:
  Tensor draw(const Tensor& x, Philox& random) const override {
    const double angle = random.uniform(-options_.degrees, options_.degrees);
    const image::Mapping mapping = image::mapping_of({.degrees = angle}, x.size(1), x.size(2));
    return image::warp(x, mapping, image::Sampling::bilinear, options_.value);
  }

 private:
  RotateOptions options_;
};

image::Sampling quick_sampling(const std::string& word, const std::string& transform) {
  const image::Sampling sampling = image::sampling_of(word, transform + ": interpolation");
  if (sampling == image::Sampling::bicubic) bad_option(transform, "interpolation", "nearest or bilinear", "bicubic");
  return sampling;
}

class AffineTransform final : public RandomImage {
 public:
  explicit AffineTransform(AffineOptions o)
      : RandomImage("affine"), options_(std::move(o)), sampling_(quick_sampling(options_.interpolation, "affine")) {
    if (!(options_.degrees >= 0 && options_.degrees <= 180))
      bad_option("affine", "degrees", "a number between 0 and 180", std::to_string(options_.degrees));
    for (const auto& [option, values, most] :
         {std::tuple{"translate", &options_.translate, 1.0}, {"shear", &options_.shear, 89.0}}) {
      const bool valid = values->size() == 2 && std::all_of(values->begin(), values->end(),
                                                            [most = most](double v) { return v >= 0 && v <= most; });
      if (!valid) bad_option("affine", option, "two numbers from 0 to " + std::to_string(most), describe(*values));
    }
    check_range(options_.scale, 1e-3, 1e3, "affine", "scale");
  }

 protected:
  Tensor draw(const Tensor& x, Philox& random) const override {
    const auto either = [&](double most) { return random.uniform(-most, most); };
    image::Affine a;
    a.degrees = either(options_.degrees);
    a.shift_x = std::round(either(options_.translate[0]) * static_cast<double>(x.size(2)));
    a.shift_y = std::round(either(options_.translate[1]) * static_cast<double>(x.size(1)));
    a.scale = random.uniform(options_.scale[0], options_.scale[1]);
    a.shear_x = either(options_.shear[0]);
    a.shear_y = either(options_.shear[1]);
    return image::warp(x, image::mapping_of(a, x.size(1), x.size(2)), sampling_, options_.value);
  }

 private:
  AffineOptions options_;
  image::Sampling sampling_;
};

class Perspective final : public RandomImage {
 public:
  explicit Perspective(PerspectiveOptions o) : RandomImage("perspective", o.probability), options_(o) {
    if (!(o.distortion >= 0 && o.distortion <= 0.99))
      bad_option("perspective", "distortion", "a number from 0 to 0.99", std::to_string(o.distortion));
  }

 protected:
  Tensor draw(const Tensor& x, Philox& random) const override {
    const double right = static_cast<double>(x.size(2) - 1), bottom = static_cast<double>(x.size(1) - 1);
    if (right < 1 || bottom < 1) return x;
    const auto inwards = [&](double extent) { return random.uniform(0, options_.distortion * extent / 2); };
    const image::Corners from{{{0, 0}, {right, 0}, {right, bottom}, {0, bottom}}};
    image::Corners to = from;
    for (size_t i = 0; i < 4; ++i) {
      const double dx = inwards(right), dy = inwards(bottom);
      to[i][0] += i == 1 || i == 2 ? -dx : dx;
      to[i][1] += i >= 2 ? -dy : dy;
    }
    return image::warp(x, image::mapping_of(from, to), image::Sampling::bilinear, options_.value);
  }

 private:
  PerspectiveOptions options_;
};

// ---- erase, cutout ----

/// A copy with a rectangle overwritten; the parts of it that lie outside are lost.
Tensor overwritten(const Tensor& x, image::Window w, double value) {
  const Planes p = image::planes_of(x, "erase");
  const int64_t bottom = std::min(w.top + w.height, p.height), right = std::min(w.left + w.width, p.width);
  w.top = std::max<int64_t>(w.top, 0);
  w.left = std::max<int64_t>(w.left, 0);
  Tensor out = Tensor::from_bytes(x.raw(), x.shape(), x.dtype());
  for_pixel_type(out, [&]<class T>(T*) {
    T filling{};
    put_pixel(static_cast<float>(value), filling);
    for (int64_t plane = 0; plane < p.count; ++plane) {
      for (int64_t y = w.top; y < bottom; ++y) {
        T* row = out.mutable_data<T>() + plane * p.pixels() + y * p.width;
        std::fill(row + w.left, row + std::max(w.left, right), filling);
      }
    }
  });
  return out;
}

class Erase final : public RandomImage {
 public:
  explicit Erase(EraseOptions o) : RandomImage("erase", o.probability), options_(o) {
    if (!(o.least > 0 && o.least <= o.most && o.most <= 1)) {
      bad_option("erase", "least, most", "shares of the area, 0 < least ≤ most ≤ 1",
                 std::to_string(o.least) + ", " + std::to_string(o.most));
    }
  }

 protected:
  Tensor draw(const Tensor& x, Philox& random) const override {
    const int64_t height = x.size(1), width = x.size(2);
    const double area = random.uniform(options_.least, options_.most) * static_cast<double>(height * width);
    const double aspect = std::exp(random.uniform(std::log(0.3), std::log(1 / 0.3)));
    const int64_t h = std::clamp<int64_t>(std::llround(std::sqrt(area * aspect)), 1, height);
    const int64_t w = std::clamp<int64_t>(std::llround(std::sqrt(area / aspect)), 1, width);
    const auto top = static_cast<int64_t>(random.below(static_cast<uint64_t>(height - h + 1)));
    const auto left = static_cast<int64_t>(random.below(static_cast<uint64_t>(width - w + 1)));
    return overwritten(x, {top, left, h, w}, options_.value);
  }

 private:
  EraseOptions options_;
};

class Cutout final : public RandomImage {
 public:
  explicit Cutout(CutoutOptions o) : RandomImage("cutout", o.probability), options_(o) {
    if (o.size < 1) bad_option("cutout", "size", "a number of at least 1", std::to_string(o.size));
  }

 protected:
  Tensor draw(const Tensor& x, Philox& random) const override {
    const auto y = static_cast<int64_t>(random.below(static_cast<uint64_t>(x.size(1))));
    const auto column = static_cast<int64_t>(random.below(static_cast<uint64_t>(x.size(2))));
    const int64_t half = options_.size / 2;
    return overwritten(x, {y - half, column - half, options_.size, options_.size}, options_.value);
  }

 private:
  CutoutOptions options_;
};

}  // namespace

std::unique_ptr<Transform> resize(ResizeOptions options) { return std::make_unique<Resize>(std::move(options)); }
std::unique_ptr<Transform> center_crop(CropOptions options) { return std::make_unique<CenterCrop>(options); }
std::unique_ptr<Transform> random_crop(CropOptions options) { return std::make_unique<RandomCrop>(options); }
std::unique_ptr<Transform> random_resized_crop(ResizedCropOptions options) {
  return std::make_unique<RandomResizedCrop>(options);
}
std::unique_ptr<Transform> pad(PadOptions options) { return std::make_unique<Pad>(options); }
std::unique_ptr<Transform> shift(ShiftOptions options) { return std::make_unique<Shift>(options); }
std::unique_ptr<Transform> flip(FlipOptions options) { return std::make_unique<Flip>(options); }
std::unique_ptr<Transform> rotate(RotateOptions options) { return std::make_unique<Rotate>(options); }
std::unique_ptr<Transform> affine(AffineOptions options) {
  return std::make_unique<AffineTransform>(std::move(options));
}
std::unique_ptr<Transform> perspective(PerspectiveOptions options) { return std::make_unique<Perspective>(options); }
std::unique_ptr<Transform> erase(EraseOptions options) { return std::make_unique<Erase>(options); }
std::unique_ptr<Transform> cutout(CutoutOptions options) { return std::make_unique<Cutout>(options); }

}  // namespace lamina::data::transforms
