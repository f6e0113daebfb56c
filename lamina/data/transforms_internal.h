// What the transforms share.
#pragma once

#include <memory>
#include <string>

#include "lamina/core/error.h"
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

/// The extents of images [lead…, channels, height, width]; channels counts those of all images together.
struct Planes {
  int64_t count = 1, height = 0, width = 0;
};
/// Throws Error naming the transform where the tensor is no image (or no batch of them), u8 or f32, contiguous.
Planes planes_of(const Tensor& x, int lead, const std::string& transform);
/// The same shape with another height and width.
Shape with_size(Shape shape, int64_t height, int64_t width);
void check_image_shape(const Shape& shape, const std::string& transform);
/// [height, width] from an option of one or two numbers; throws Error for others.
Dims two_numbers(const Dims& size, const std::string& transform, const std::string& option);
[[noreturn]] void bad_option(const std::string& transform, const std::string& option, const std::string& expected,
                             const std::string& got);
void check_probability(double p, const std::string& transform);

/// Calls f with a null pointer of the element type, u8 or f32.
template <class F>
void for_pixel_type(const Tensor& x, F&& f) {
  if (x.dtype() == DType::u8) {
    f(static_cast<uint8_t*>(nullptr));
  } else {
    f(static_cast<float*>(nullptr));
  }
}

/// Rounds and clamps for bytes, passes floats on.
inline void put_pixel(float value, float& out) { out = value; }
inline void put_pixel(float value, uint8_t& out) {
  out = static_cast<uint8_t>(value <= 0 ? 0 : value >= 255 ? 255 : value + 0.5F);
}

}  // namespace lamina::data::transforms
