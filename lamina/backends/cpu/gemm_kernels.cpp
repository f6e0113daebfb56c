#include "lamina/backends/cpu/gemm_kernels.h"

#include <algorithm>
#include <utility>

// Three targets are enough: the ones between differ in nothing these loops use.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/backends/cpu/gemm_kernels.cpp"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace lamina::cpu {
namespace HWY_NAMESPACE {
namespace {  // other files have functions of the same names
namespace hn = hwy::HWY_NAMESPACE;

// Sums, a row of b and a broadcast value must fit into the registers: 32 of them from AVX-512 on, else 16.
constexpr int kTileRows = HWY_TARGET <= HWY_AVX3 ? 12 : 6, kSlimRows = HWY_TARGET <= HWY_AVX3 ? 12 : 8;

/// A tile in registers: kRows rows, kVectors vectors of columns.
template <int kRows, int kVectors, bool kMasked, class T>
HWY_ATTR void tile_of(const Strip<T>& s, const T* a, int64_t a_row, int64_t a_step, int64_t j, T* c) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t cols = std::min(s.cols - j, kVectors * lanes);
  const auto last = hn::FirstN(d, static_cast<size_t>(cols - (kVectors - 1) * lanes));
  V sum[kRows][kVectors];
  const T* row[kRows];
#pragma GCC unroll 12
  for (int i = 0; i < kRows; ++i) {
    row[i] = a + i * a_row;
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sum[i][v] = hn::Zero(d);
  }
  const T* b = s.b + j;
  for (int64_t p = 0, at = 0; p < s.k; ++p, at += a_step, b += s.b_row) {
    V right[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      right[v] = kMasked && v == kVectors - 1 ? hn::MaskedLoad(last, d, b + v * lanes) : hn::LoadU(d, b + v * lanes);
    }
#pragma GCC unroll 12
    for (int i = 0; i < kRows; ++i) {
      const V left = hn::Set(d, row[i][at]);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) sum[i][v] = hn::MulAdd(left, right[v], sum[i][v]);
    }
  }
#pragma GCC unroll 12
  for (int i = 0; i < kRows; ++i, c += s.c_row) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      V value = sum[i][v];
      if (v == kVectors - 1 && cols != kVectors * lanes) {
        if (s.accumulate) value = hn::Add(value, hn::MaskedLoad(last, d, c + v * lanes));
        // AMD's masked stores take longer than a detour over the stack.
        HWY_ALIGN T scratch[hn::MaxLanes(hn::ScalableTag<T>())];
        hn::Store(value, d, scratch);
        std::copy_n(scratch, cols - v * lanes, c + v * lanes);
      } else {
        if (s.accumulate) value = hn::Add(value, hn::LoadU(d, c + v * lanes));
        hn::StoreU(value, d, c + v * lanes);
      }
    }
  }
}

template <class T>
using TileFn = void (*)(const Strip<T>&, const T*, int64_t, int64_t, int64_t, T*);

template <class T, int kVectors, bool kMasked, int... kRow>
HWY_ATTR TileFn<T> tile_of_height(int64_t rows, std::integer_sequence<int, kRow...>) {
  static constexpr TileFn<T> table[] = {tile_of<kRow + 1, kVectors, kMasked, T>...};
  return table[rows - 1];
}

template <class T>
HWY_ATTR TileFn<T> find_tile(int64_t rows, bool wide, bool masked) {
  if (wide) {
    const std::make_integer_sequence<int, kTileRows> heights;
    return masked ? tile_of_height<T, 2, true>(rows, heights) : tile_of_height<T, 2, false>(rows, heights);
  }
  const std::make_integer_sequence<int, kSlimRows> heights;
  return masked ? tile_of_height<T, 1, true>(rows, heights) : tile_of_height<T, 1, false>(rows, heights);
}

/// The rows of columns [j, j + 2 vectors).
template <class T>
HWY_ATTR void rows_at(const Strip<T>& s, int64_t j) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(hn::ScalableTag<T>()));
  const int64_t cols = s.cols - j;
  const bool wide = cols > lanes, masked = !s.b_padded && cols < (wide ? 2 : 1) * lanes;
  const int64_t most = s.a_tile > 0 ? s.a_tile : wide ? kTileRows : kSlimRows;
  const T* a = s.a;
  T* c = s.c + j;
  for (int64_t i = 0, h = 0; i < s.rows; i += h) {
    h = tile_height(s.rows - i, most);
    if (s.a_tile > 0) {
      find_tile<T>(h, wide, masked)(s, a, 1, h, j, c);
      a += h * s.k;
    } else {
      find_tile<T>(h, wide, masked)(s, a, s.a_row, s.a_step, j, c);
      a += h * s.a_row;
    }
    c += h * s.c_row;
  }
}

/// Of one to three rows a tile of two vectors has too few sums to keep the multipliers busy.
template <class T>
HWY_ATTR int64_t low_strip(const Strip<T>& s) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(hn::ScalableTag<T>()));
  const int64_t vectors = s.rows == 1 ? 8 : 4;
  const TileFn<T> tile = s.rows == 1   ? tile_of<1, 8, false, T>
                         : s.rows == 2 ? tile_of<2, 4, false, T>
                                       : tile_of<3, 4, false, T>;
  int64_t j = 0;
  for (; j + vectors * lanes <= s.cols; j += vectors * lanes) tile(s, s.a, s.a_row, s.a_step, j, s.c + j);
  return j;
}

template <class T>
HWY_ATTR void strip(const Strip<T>& s) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(hn::ScalableTag<T>()));
  int64_t j = 0;
  if (s.rows <= 3 && s.a_tile == 0) j = low_strip(s);
  for (; j < s.cols; j += 2 * lanes) rows_at(s, j);
}

template <int kRows, int kCols, class T>
HWY_ATTR void dots_of(const Dots<T>& t, int64_t j) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V sum[kRows][kCols];
  const T *a[kRows], *b[kCols];
#pragma GCC unroll 8
  for (int c = 0; c < kCols; ++c) b[c] = t.b + (j + c) * t.b_row;
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    a[r] = t.a + r * t.a_row;
#pragma GCC unroll 8
    for (int c = 0; c < kCols; ++c) sum[r][c] = hn::Zero(d);
  }
  const auto add = [&](const auto& load) HWY_ATTR {
    V left[kRows];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) left[r] = load(a[r]);
#pragma GCC unroll 8
    for (int c = 0; c < kCols; ++c) {
      const V right = load(b[c]);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) sum[r][c] = hn::MulAdd(left[r], right, sum[r][c]);
    }
  };
  int64_t p = 0;
  for (; p + lanes <= t.k; p += lanes) add([&](const T* x) HWY_ATTR { return hn::LoadU(d, x + p); });
  if (p < t.k) {
    const auto mask = hn::FirstN(d, static_cast<size_t>(t.k - p));
    add([&](const T* x) HWY_ATTR { return hn::MaskedLoad(mask, d, x + p); });
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int c = 0; c < kCols; ++c) {
      t.c[r * t.c_row + (j + c) * t.c_step] = hn::GetLane(hn::SumOfLanes(d, sum[r][c]));
    }
  }
}

template <int kRows, int kCols, class T>
HWY_ATTR void dots_of_rows(const Dots<T>& t) {
  int64_t j = 0;
  for (; j + kCols <= t.cols; j += kCols) dots_of<kRows, kCols, T>(t, j);
  for (; j < t.cols; ++j) dots_of<kRows, 1, T>(t, j);
}

/// As many rows of b at once as there are registers, so that a is read once and the sums are independent.
template <class T>
HWY_ATTR void dots(const Dots<T>& t) {
  switch (t.rows) {
    case 1:
      return dots_of_rows<1, 8, T>(t);
    case 2:
      return dots_of_rows<2, 4, T>(t);
    case 3:
      return dots_of_rows<3, 3, T>(t);
    default:
      return dots_of_rows<4, 2, T>(t);
  }
}

template <int kVectors, class T>
HWY_ATTR void copy_whole(const T* from, int64_t step, int64_t k, T* to, int64_t width) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t p = 0; p < k; ++p, from += step, to += width) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) hn::StoreU(hn::LoadU(d, from + v * lanes), d, to + v * lanes);
  }
}

template <class T>
HWY_ATTR void copy_rows(const T* from, int64_t step, int64_t k, int64_t cols, T* to, int64_t width) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  if (cols == 2 * lanes) return copy_whole<2>(from, step, k, to, width);
  if (cols == lanes && width == lanes) return copy_whole<1>(from, step, k, to, width);
  // Whole vectors where the next row lies behind them: what comes along is overwritten, or never stored.
  int64_t p = 0;
  if (step >= width + lanes) {
    for (; p + 1 < k; ++p, from += step, to += width) {
      for (int64_t j = 0; j < width; j += lanes) hn::StoreU(hn::LoadU(d, from + j), d, to + j);
    }
  }
  for (; p < k; ++p, from += step, to += width) {
    for (int64_t j = 0; j < width; j += lanes) {
      const int64_t count = std::clamp<int64_t>(cols - j, 0, lanes);
      hn::StoreU(hn::MaskedLoad(hn::FirstN(d, static_cast<size_t>(count)), d, from + j), d, to + j);
    }
  }
}

template <class T>
HWY_ATTR GemmKernels<T> make_table() {
  const int lanes = static_cast<int>(hn::Lanes(hn::ScalableTag<T>()));
  return {lanes, kTileRows, kSlimRows, 4, strip<T>, dots<T>, copy_rows<T>, hwy::TargetName(HWY_TARGET)};
}

HWY_ATTR GemmKernels<float> float_table() { return make_table<float>(); }
HWY_ATTR GemmKernels<double> double_table() { return make_table<double>(); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace lamina::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::cpu {

HWY_EXPORT(float_table);
HWY_EXPORT(double_table);

const GemmKernels<float>& gemm_kernels(float) {
  static const GemmKernels<float> table = HWY_DYNAMIC_DISPATCH(float_table)();
  return table;
}

const GemmKernels<double>& gemm_kernels(double) {
  static const GemmKernels<double> table = HWY_DYNAMIC_DISPATCH(double_table)();
  return table;
}

}  // namespace lamina::cpu
#endif  // HWY_ONCE
