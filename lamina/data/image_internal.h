// What the functions of pictures share.
#pragma once

#include <cstdint>

#include "lamina/core/error.h"
#include "lamina/data/image_ops.h"
#include "lamina/data/pool.h"

namespace lamina::data::image {

constexpr float kRed = 0.299F, kGreen = 0.587F, kBlue = 0.114F;  // ITU-R BT.601

/// The extents of pictures [lead…, height, width].
struct Planes {
  int64_t count = 1, height = 0, width = 0;
  int64_t pixels() const { return height * width; }
};
/// Throws Error where the tensor holds no pictures, u8 or f32, contiguous.
Planes planes_of(const Tensor& x, const char* what);
/// The same shape with another height and width, uninitialised.
Tensor like(const Tensor& x, int64_t height, int64_t width, TensorPool* pool);

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

/// The largest value that a colour may have.
inline float white(const Tensor& x) { return x.dtype() == DType::u8 ? 255.0F : 1.0F; }

template <class T>
float luma(const T* pixel, int64_t plane) {
  return kRed * static_cast<float>(pixel[0]) + kGreen * static_cast<float>(pixel[plane]) +
         kBlue * static_cast<float>(pixel[2 * plane]);
}

}  // namespace lamina::data::image
