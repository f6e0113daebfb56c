#include "lamina/backends/cpu/product_kernels.h"

#include <algorithm>
#include <type_traits>
#include <utility>

// Three targets are enough: the ones between differ in nothing these loops use.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/backends/cpu/product_kernels.cpp"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>
// after highway.h
#include <hwy/contrib/math/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace lamina::cpu {
namespace HWY_NAMESPACE {
namespace {  // other files have functions of the same names
namespace hn = hwy::HWY_NAMESPACE;

/// NV vectors of columns, `rows` rows, all sums in registers.
template <int kRows, int kVectors, bool kMasked, bool kIndexed, class T>
HWY_ATTR void tile_of(const Tile<T>& t) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const int lanes = static_cast<int>(hn::Lanes(d));
  const auto last = hn::FirstN(d, static_cast<size_t>(t.cols - (kVectors - 1) * lanes));
  V sum[kRows][kVectors];
  const T* row[kRows];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) sum[i][v] = hn::Zero(d);
  }
  for (int64_t s = 0; s < t.segment_count; ++s) {
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) row[i] = t.a[i] + (kIndexed ? 0 : t.segments[s]);
    const T* b = t.b + s * t.b_segment;
    for (int64_t p = 0, at = 0; p < t.k; ++p, at += t.a_step, b += t.b_step) {
      if (kIndexed) at = t.index[p];
      V right[kVectors];
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) {
        right[v] = kMasked && v == kVectors - 1 ? hn::MaskedLoad(last, d, b + v * lanes) : hn::LoadU(d, b + v * lanes);
      }
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) {
        const V left = hn::Set(d, row[i][at]);
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; ++v) sum[i][v] = hn::MulAdd(left, right[v], sum[i][v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    T* c = t.c + i * t.c_step;
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      const bool partial = v == kVectors - 1 && t.cols != kVectors * lanes;
      V value = sum[i][v];
      if (partial) {
        if (t.accumulate) value = hn::Add(value, hn::MaskedLoad(last, d, c + v * lanes));
        // AMD's masked stores take longer than a detour over the stack.
        HWY_ALIGN T scratch[hn::MaxLanes(hn::ScalableTag<T>())];
        hn::Store(value, d, scratch);
        for (int j = 0; j < t.cols - v * lanes; ++j) c[v * lanes + j] = scratch[j];
      } else {
        if (t.accumulate) value = hn::Add(value, hn::LoadU(d, c + v * lanes));
        hn::StoreU(value, d, c + v * lanes);
      }
    }
  }
}

template <class T, int kVectors, bool kMasked, bool kIndexed, int... kRow>
HWY_ATTR void tile_by_rows(const Tile<T>& t, std::integer_sequence<int, kRow...>) {
  using Fn = void (*)(const Tile<T>&);
  static constexpr Fn table[] = {tile_of<kRow + 1, kVectors, kMasked, kIndexed, T>...};
  table[t.rows - 1](t);
}

template <class T>
HWY_ATTR void tile(const Tile<T>& t) {
  const int lanes = static_cast<int>(hn::Lanes(hn::ScalableTag<T>()));
  const std::make_integer_sequence<int, kMaxTileRows> rows;
  const bool whole = t.b_padded || t.cols % lanes == 0, wide = t.cols > lanes;
  if (t.index) {
    wide ? tile_by_rows<T, 2, false, true>(t, rows) : tile_by_rows<T, 1, false, true>(t, rows);
  } else if (wide) {
    whole ? tile_by_rows<T, 2, false, false>(t, rows) : tile_by_rows<T, 2, true, false>(t, rows);
  } else {
    whole ? tile_by_rows<T, 1, false, false>(t, rows) : tile_by_rows<T, 1, true, false>(t, rows);
  }
}

template <class D, class V>
HWY_ATTR HWY_INLINE V apply_to(D d, BlockOp op, V x, V operand) {
  switch (op) {
    case BlockOp::add_row:
    case BlockOp::add_block:
      return hn::Add(x, operand);
    case BlockOp::mul_row:
    case BlockOp::mul_block:
      return hn::Mul(x, operand);
    case BlockOp::relu:
      return hn::IfThenZeroElse(hn::Lt(x, hn::Zero(d)), x);  // NaN stays
    case BlockOp::tanh:
      return hn::Tanh(d, x);
    case BlockOp::sigmoid:
      break;
  }
  const V one = hn::Set(d, 1);
  return hn::Div(one, hn::Add(one, hn::Exp(d, hn::Neg(x))));
}

template <class T>
HWY_ATTR void apply(BlockOp op, T* block, int64_t step, int64_t rows, int64_t cols, const T* operand,
                    int64_t operand_step) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const bool per_row = op == BlockOp::add_block || op == BlockOp::mul_block;
  const bool binary = per_row || op == BlockOp::add_row || op == BlockOp::mul_row;
  for (int64_t i = 0; i < rows; ++i) {
    T* x = block + i * step;
    const T* y = per_row ? operand + i * operand_step : operand;
    int64_t j = 0;
    for (; j + lanes <= cols; j += lanes) {
      const auto v = hn::LoadU(d, x + j);
      hn::StoreU(apply_to(d, op, v, binary ? hn::LoadU(d, y + j) : v), d, x + j);
    }
    if (j == cols) continue;
    const auto mask = hn::FirstN(d, static_cast<size_t>(cols - j));
    const auto v = hn::MaskedLoad(mask, d, x + j);
    hn::BlendedStore(apply_to(d, op, v, binary ? hn::MaskedLoad(mask, d, y + j) : v), mask, d, x + j);
  }
}

#if HWY_TARGET != HWY_SCALAR
/// to[p·width + j] = from[p + j·step] for 8 × 8 elements, in registers.
template <class D>
HWY_ATTR HWY_INLINE void transpose_8x8(D d, const float* from, int64_t step, float* to, int64_t width) {
  const hn::Repartition<double, D> wide;
  hn::Vec<D> r[8], pairs[8], quads[8];
#pragma GCC unroll 8
  for (int j = 0; j < 8; ++j) r[j] = hn::LoadU(d, from + j * step);
#pragma GCC unroll 4
  for (int j = 0; j < 8; j += 2) {
    pairs[j] = hn::InterleaveLower(d, r[j], r[j + 1]);
    pairs[j + 1] = hn::InterleaveUpper(d, r[j], r[j + 1]);
  }
#pragma GCC unroll 2
  for (int half = 0; half < 8; half += 4) {
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      const auto low = hn::BitCast(wide, pairs[half + j]), high = hn::BitCast(wide, pairs[half + j + 2]);
      quads[half + 2 * j] = hn::BitCast(d, hn::InterleaveLower(wide, low, high));
      quads[half + 2 * j + 1] = hn::BitCast(d, hn::InterleaveUpper(wide, low, high));
    }
  }
#pragma GCC unroll 4
  for (int p = 0; p < 4; ++p) {
    hn::StoreU(hn::ConcatLowerLower(d, quads[p + 4], quads[p]), d, to + p * width);
    hn::StoreU(hn::ConcatUpperUpper(d, quads[p + 4], quads[p]), d, to + (p + 4) * width);
  }
}
#endif

template <class T>
HWY_ATTR void transpose(const T* from, int64_t step, int64_t k, int64_t cols, T* to, int64_t width, int64_t filled) {
  for (int64_t p = 0; p < k && cols < filled; ++p) std::fill(to + p * width + cols, to + p * width + filled, T(0));
  int64_t whole = 0;
#if HWY_TARGET != HWY_SCALAR
  if constexpr (std::is_same_v<T, float>) {
    const hn::CappedTag<float, 8> d;
    if constexpr (hn::MaxLanes(hn::CappedTag<float, 8>()) == 8) {
      whole = cols / 8 * 8;
      for (int64_t p = 0; p < k / 8 * 8; p += 8) {
        for (int64_t j = 0; j < whole; j += 8) transpose_8x8(d, from + p + j * step, step, to + p * width + j, width);
      }
      for (int64_t p = k / 8 * 8; p < k; ++p) {
        for (int64_t j = 0; j < whole; ++j) to[p * width + j] = from[p + j * step];
      }
    }
  }
#endif
  for (int64_t j = whole; j < cols; ++j) {
    for (int64_t p = 0; p < k; ++p) to[p * width + j] = from[p + j * step];
  }
}

template <class T>
HWY_ATTR ProductKernels<T> make_table() {
  const int lanes = static_cast<int>(hn::Lanes(hn::ScalableTag<T>()));
  // Sums, a row of b and a broadcast value must fit into the registers: 32 of them from AVX-512 on.
  const int tile_rows = HWY_TARGET <= HWY_AVX3 ? 8 : 6;
  return {lanes, tile_rows, kMaxTileRows, tile<T>, apply<T>, transpose<T>, hwy::TargetName(HWY_TARGET)};
}

HWY_ATTR ProductKernels<float> float_table() { return make_table<float>(); }
HWY_ATTR ProductKernels<double> double_table() { return make_table<double>(); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace lamina::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::cpu {

HWY_EXPORT(float_table);
HWY_EXPORT(double_table);

const ProductKernels<float>& product_kernels(float) {
  static const ProductKernels<float> table = HWY_DYNAMIC_DISPATCH(float_table)();
  return table;
}

const ProductKernels<double>& product_kernels(double) {
  static const ProductKernels<double> table = HWY_DYNAMIC_DISPATCH(double_table)();
  return table;
}

}  // namespace lamina::cpu
#endif  // HWY_ONCE
