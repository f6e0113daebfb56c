#include <cstdint>

#include "lamina/backends/cpu/simd.h"
#include "lamina/backends/cpu/strided_copy.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/backends/cpu/transpose.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

namespace {

#if HWY_TARGET == HWY_SCALAR
HWY_INLINE void transpose_four(const float* from, int64_t from_stride, float* to, int64_t to_stride) {
  for (int r = 0; r < 4; ++r) {
    for (int c = 0; c < 4; ++c) to[c * to_stride + r] = from[r * from_stride + c];
  }
}
#else
/// 4 × 4 elements in registers.
HWY_INLINE void transpose_four(const float* from, int64_t from_stride, float* to, int64_t to_stride) {
  const hn::FixedTag<float, 4> d;
  const hn::FixedTag<double, 2> pairs;
  const auto a = hn::LoadU(d, from), b = hn::LoadU(d, from + from_stride);
  const auto c = hn::LoadU(d, from + 2 * from_stride), e = hn::LoadU(d, from + 3 * from_stride);
  const auto ab_low = hn::BitCast(pairs, hn::InterleaveLower(d, a, b));
  const auto ab_high = hn::BitCast(pairs, hn::InterleaveUpper(d, a, b));
  const auto ce_low = hn::BitCast(pairs, hn::InterleaveLower(d, c, e));
  const auto ce_high = hn::BitCast(pairs, hn::InterleaveUpper(d, c, e));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, ab_low, ce_low)), d, to);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, ab_low, ce_low)), d, to + to_stride);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, ab_high, ce_high)), d, to + 2 * to_stride);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, ab_high, ce_high)), d, to + 3 * to_stride);
}
#endif

}  // namespace

void transpose_floats(const void* source, int64_t from_stride, void* target, int64_t to_stride, int64_t rows,
                      int64_t columns) {
  const auto* from = static_cast<const float*>(source);
  auto* to = static_cast<float*>(target);
  const int64_t rows4 = rows / 4 * 4, columns4 = columns / 4 * 4;
  for (int64_t c = 0; c < columns4; c += 4) {
    for (int64_t r = 0; r < rows4; r += 4) {
      transpose_four(from + r * from_stride + c, from_stride, to + c * to_stride + r, to_stride);
    }
  }
  for (int64_t c = 0; c < columns; ++c) {
    for (int64_t r = c < columns4 ? rows4 : 0; r < rows; ++r) to[c * to_stride + r] = from[r * from_stride + c];
  }
}

}  // namespace lamina::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::cpu {

HWY_EXPORT(transpose_floats);

void transpose_block(const void* from, int64_t from_stride, void* to, int64_t to_stride, int64_t rows,
                     int64_t columns) {
  HWY_DYNAMIC_DISPATCH(transpose_floats)(from, from_stride, to, to_stride, rows, columns);
}

}  // namespace lamina::cpu
#endif
