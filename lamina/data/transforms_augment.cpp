// RandAugment.
#include <cmath>

#include "lamina/data/transforms_internal.h"

namespace lamina::data::transforms {

namespace {

/// An operation with a strength from 0 to 1 and a direction of 1 or −1.
struct Strength {
  double amount, direction, value;
  image::Sampling sampling;
};

Tensor moved(const Tensor& x, const image::Affine& a, const Strength& s) {
  return image::warp(x, image::mapping_of(a, x.size(1), x.size(2)), s.sampling, s.value);
}

/// A shear about the upper left corner, by a slope.
Tensor sheared(const Tensor& x, double slope_x, double slope_y, const Strength& s) {
  return image::warp(x, {1, slope_x, 0, slope_y, 1, 0, 0, 0}, s.sampling, s.value);
}

using Operation = Tensor (*)(const Tensor& x, const Strength& s);

constexpr Operation kOperations[] = {
    [](const Tensor& x, const Strength&) { return x; },
    [](const Tensor& x, const Strength& s) { return sheared(x, -0.3 * s.amount * s.direction, 0, s); },
    [](const Tensor& x, const Strength& s) { return sheared(x, 0, -0.3 * s.amount * s.direction, s); },
    [](const Tensor& x, const Strength& s) {
      const double most = 150.0 / 331 * static_cast<double>(x.size(2));
      return moved(x, {.shift_x = std::trunc(most * s.amount) * s.direction}, s);
    },
    [](const Tensor& x, const Strength& s) {
      const double most = 150.0 / 331 * static_cast<double>(x.size(1));
      return moved(x, {.shift_y = std::trunc(most * s.amount) * s.direction}, s);
    },
    [](const Tensor& x, const Strength& s) { return moved(x, {.degrees = 30 * s.amount * s.direction}, s); },
    [](const Tensor& x, const Strength& s) { return image::brightness(x, 1 + 0.9 * s.amount * s.direction); },
    [](const Tensor& x, const Strength& s) { return image::saturation(x, 1 + 0.9 * s.amount * s.direction); },
    [](const Tensor& x, const Strength& s) { return image::contrast(x, 1 + 0.9 * s.amount * s.direction); },
    [](const Tensor& x, const Strength& s) { return image::sharpness(x, 1 + 0.9 * s.amount * s.direction); },
    [](const Tensor& x, const Strength& s) {
      return image::posterize(x, 8 - static_cast<int>(std::lround(4 * s.amount)));
    },
    [](const Tensor& x, const Strength& s) { return image::solarize(x, 1 - s.amount); },
    [](const Tensor& x, const Strength&) { return image::auto_contrast(x); },
    [](const Tensor& x, const Strength&) { return image::equalize(x); },
};

class RandAugment final : public RandomImage {
 public:
  explicit RandAugment(RandAugmentOptions o)
      : RandomImage("rand_augment"),
        options_(std::move(o)),
        sampling_(image::sampling_of(options_.interpolation, "rand_augment: interpolation")) {
    if (options_.operations < 0) {
      bad_option("rand_augment", "operations", "a number of at least 0", std::to_string(options_.operations));
    }
    if (options_.magnitude < 0 || options_.magnitude > 30) {
      bad_option("rand_augment", "magnitude", "0 to 30", std::to_string(options_.magnitude));
    }
    if (sampling_ == image::Sampling::bicubic) {
      bad_option("rand_augment", "interpolation", "nearest or bilinear", "bicubic");
    }
  }

 protected:
  Tensor draw(const Tensor& x, Philox& random) const override {
    Tensor y = x;
    for (int64_t i = 0; i < options_.operations; ++i) {
      const Operation operation = kOperations[random.below(std::size(kOperations))];
      const double direction = random.below(2) ? 1 : -1;
      y = operation(y, {static_cast<double>(options_.magnitude) / 30, direction, options_.value, sampling_});
    }
    return y;
  }

 private:
  RandAugmentOptions options_;
  image::Sampling sampling_;
};

}  // namespace

std::unique_ptr<Transform> rand_augment(RandAugmentOptions options) {
  return std::make_unique<RandAugment>(std::move(options));
}

}  // namespace lamina::data::transforms
