#include "lamina/core/dtype.h"

#include <array>
#include <bit>
#include <cmath>

#include "lamina/core/error.h"

namespace lamina {

namespace {

struct Info {
  DType dtype;
  std::string_view name;
  size_t size;
  int rank;  // order of promotion
};

constexpr std::array<Info, 7> kInfos{{{DType::f32, "f32", 4, 5},
                                      {DType::f64, "f64", 8, 6},
                                      {DType::bf16, "bf16", 2, 4},
                                      {DType::i64, "i64", 8, 3},
                                      {DType::i32, "i32", 4, 2},
                                      {DType::u8, "u8", 1, 1},
                                      {DType::boolean, "bool", 1, 0}}};

const Info& info(DType dtype) { return kInfos[static_cast<size_t>(dtype)]; }

}  // namespace

size_t size_of(DType dtype) { return info(dtype).size; }

std::string_view name_of(DType dtype) { return info(dtype).name; }

DType dtype_from_name(std::string_view name) {
  for (const Info& i : kInfos) {
    if (i.name == name) return i.dtype;
  }
  throw Error("dtype", "unknown dtype \"" + std::string(name) + "\"").hint("one of f32, f64, bf16, i64, i32, u8, bool");
}

DType promote(DType a, DType b) { return info(a).rank >= info(b).rank ? a : b; }

bfloat16::bfloat16(float value) {
  const auto word = std::bit_cast<uint32_t>(value);
  if (std::isnan(value)) {
    bits = static_cast<uint16_t>((word >> 16) | 0x40U);  // stays a NaN when the low half held its only set bits
    return;
  }
  const uint32_t round_to_even = 0x7fffU + ((word >> 16) & 1U);
  bits = static_cast<uint16_t>((word + round_to_even) >> 16);
}

bfloat16::operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

}  // namespace lamina
