// Element types of tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lamina {

enum class DType : uint8_t { f32, f64, bf16, i64, i32, u8, boolean };

/// Bytes per element: 4, 8, 2, 8, 4, 1, 1.
size_t size_of(DType dtype);

/// "f32", "f64", "bf16", "i64", "i32", "u8", "bool".
std::string_view name_of(DType dtype);

/// The dtype of that name; throws Error naming the valid ones.
DType dtype_from_name(std::string_view name);

constexpr bool is_floating(DType d) { return d == DType::f32 || d == DType::f64 || d == DType::bf16; }
constexpr bool is_integral(DType d) { return !is_floating(d) && d != DType::boolean; }

/// The dtype that holds both operands of a binary op: bool < u8 < i32 < i64 < bf16 < f32 < f64.
DType promote(DType a, DType b);

/// IEEE-754 binary32 with the lower 16 bits of the mantissa dropped; converts with round-to-nearest-even.
struct bfloat16 {
  uint16_t bits = 0;
  bfloat16() = default;
  explicit bfloat16(float value);
  operator float() const;
};

}  // namespace lamina
