// What the transforms share.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "lamina/core/error.h"
#include "lamina/data/image_internal.h"
#include "lamina/data/pool.h"
#include "lamina/data/transforms.h"

namespace lamina::data::transforms {

/// A transform of the input that draws no random numbers, written once for examples and batches.
class Fixed : public Transform {
 public:
  void apply(Example& example, Philox&) const final {
    TensorPool fresh(0);
    example.at(0) = map(example.at(0), 0, fresh);
  }
  bool works_on_batches() const final { return true; }
  void apply_batch(Batch& batch, TensorPool& pool) const final { batch.at(0) = map(batch.at(0), 1, pool); }

 protected:
  /// `x` has `lead` batch axes (0 or 1) before the axes of an input.
  virtual Tensor map(const Tensor& x, int lead, TensorPool& pool) const = 0;
};

using image::for_pixel_type;
using image::Planes;
using image::put_pixel;

/// Throws Error naming the transform where the tensor is no image (or no batch of them), u8 or f32, contiguous.
Planes planes_of(const Tensor& x, int lead, const std::string& transform);
/// The same shape with another height and width.
Shape with_size(Shape shape, int64_t height, int64_t width);
void check_image_shape(const Shape& shape, const std::string& transform);
/// [height, width] from an option of one or two numbers; throws Error for others.
Dims two_numbers(const Dims& size, const std::string& transform, const std::string& option);
[[noreturn]] void bad_option(const std::string& transform, const std::string& option, const std::string& expected,
                             const std::string& got);
/// "[0.080000, 1.000000]".
std::string describe(const std::vector<double>& values);
void check_probability(double p, const std::string& transform);

/// Throws Error where an option is no range [low, high] within [least, most].
void check_range(const std::vector<double>& range, double least, double most, const std::string& transform,
                 const std::string& option);

/// Shows `see` the inputs of the training part, one or several at a time (then with `lead` 1), as the transforms before
/// leave them: all of a set in memory, 4,096 evenly spaced ones of others.
void visit_inputs(const Dataset& train, std::span<const TransformPtr> so_far,
                  const std::function<void(const Tensor& inputs, int lead)>& see);

/// A transform of the image that is drawn by chance: with a probability, and perhaps parameters.
class RandomImage : public Transform {
 public:
  explicit RandomImage(std::string name, double probability = 1) : name_(std::move(name)), probability_(probability) {
    check_probability(probability, name_);
  }
  std::string name() const override { return name_; }
  void apply(Example& example, Philox& random) const final {
    planes_of(example.at(0), 0, name_);
    if (probability_ < 1 && random.uniform() >= probability_) return;
    example[0] = draw(example[0], random);
  }

 protected:
  virtual Tensor draw(const Tensor& x, Philox& random) const = 0;

 private:
  std::string name_;
  double probability_;
};

}  // namespace lamina::data::transforms
