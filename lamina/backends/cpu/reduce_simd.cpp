#include "lamina/backends/cpu/reduce_simd.h"

#include <algorithm>
#include <cmath>

#include "lamina/backends/cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/backends/cpu/reduce_simd.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.
#include "lamina/backends/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::cpu::HWY_NAMESPACE {

namespace {

struct Sum {
  static constexpr double kStart = 0;
  template <class D, class V>
  static HWY_INLINE V join(D, V total, V x) {
    return hn::Add(total, x);
  }
  template <class T>
  static T join(T total, T x) {
    return total + x;
  }
};

// NaN wins, whichever operand it is.
struct Largest {
  static constexpr double kStart = -HUGE_VAL;
  template <class D, class V>
  static HWY_INLINE V join(D, V total, V x) {
    return hn::IfThenElse(hn::Or(hn::Gt(x, total), hn::IsNaN(x)), x, total);
  }
  template <class T>
  static T join(T total, T x) {
    return x > total || x != x ? x : total;
  }
};

struct Smallest {
  static constexpr double kStart = HUGE_VAL;
  template <class D, class V>
  static HWY_INLINE V join(D, V total, V x) {
    return hn::IfThenElse(hn::Or(hn::Lt(x, total), hn::IsNaN(x)), x, total);
  }
  template <class T>
  static T join(T total, T x) {
    return x < total || x != x ? x : total;
  }
};

template <class T, class Op>
double reduce_run(const void* from, int64_t count) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = hn::Lanes(d), n = static_cast<size_t>(count);
  const auto* a = static_cast<const T*>(from);
  const V start = hn::Set(d, static_cast<T>(Op::kStart));
  V t0 = start, t1 = start, t2 = start, t3 = start;
  size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    t0 = Op::join(d, t0, hn::LoadU(d, a + i));
    t1 = Op::join(d, t1, hn::LoadU(d, a + i + lanes));
    t2 = Op::join(d, t2, hn::LoadU(d, a + i + 2 * lanes));
    t3 = Op::join(d, t3, hn::LoadU(d, a + i + 3 * lanes));
  }
  for (; i + lanes <= n; i += lanes) t0 = Op::join(d, t0, hn::LoadU(d, a + i));
  if (i < n) t1 = Op::join(d, t1, hn::IfThenElse(hn::FirstN(d, n - i), load_part(d, a + i, n - i), start));
  HWY_ALIGN T parts[HWY_MAX_BYTES / sizeof(T)];
  hn::Store(Op::join(d, Op::join(d, t0, t1), Op::join(d, t2, t3)), d, parts);
  double total = Op::kStart;
  for (size_t k = 0; k < lanes; ++k) total = Op::join(total, static_cast<double>(parts[k]));
  return total;
}

/// Several rows side by side, each in a scalar of its own.
template <class T, class Op>
void reduce_short_runs(const void* from, int64_t rows, int64_t stride, int64_t n, void* to, int64_t out_stride) {
  constexpr int64_t kSide = 8;
  const auto* a = static_cast<const T*>(from);
  auto* out = static_cast<T*>(to);
  int64_t r = 0;
  for (; r + kSide <= rows; r += kSide, a += kSide * stride) {
    T totals[kSide];
    std::fill_n(totals, kSide, static_cast<T>(Op::kStart));
    for (int64_t k = 0; k < n; ++k) {
      for (int64_t u = 0; u < kSide; ++u) totals[u] = Op::join(totals[u], a[u * stride + k]);
    }
    for (int64_t u = 0; u < kSide; ++u) out[(r + u) * out_stride] = totals[u];
  }
  for (; r < rows; ++r, a += stride) {
    T total = static_cast<T>(Op::kStart);
    for (int64_t k = 0; k < n; ++k) total = Op::join(total, a[k]);
    out[r * out_stride] = total;
  }
}

/// part[j] joined with four rows at a time.
template <class T, class Op>
HWY_INLINE void join_rows(const T* a, int64_t rows, int64_t stride, size_t columns, T* part) {
  const hn::ScalableTag<T> d;
  const size_t lanes = hn::Lanes(d);
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4, a += 4 * stride) {
    const T *b = a + stride, *c = b + stride, *e = c + stride;
    size_t j = 0;
    for (; j + lanes <= columns; j += lanes) {
      const auto low = Op::join(d, hn::LoadU(d, a + j), hn::LoadU(d, b + j));
      const auto high = Op::join(d, hn::LoadU(d, c + j), hn::LoadU(d, e + j));
      hn::StoreU(Op::join(d, hn::LoadU(d, part + j), Op::join(d, low, high)), d, part + j);
    }
    if (const size_t k = columns - j; k > 0) {
      const auto low = Op::join(d, load_part(d, a + j, k), load_part(d, b + j, k));
      const auto high = Op::join(d, load_part(d, c + j, k), load_part(d, e + j, k));
      hn::StoreU(Op::join(d, hn::LoadU(d, part + j), Op::join(d, low, high)), d, part + j);
    }
  }
  for (; r < rows; ++r, a += stride) {
    size_t j = 0;
    for (; j + lanes <= columns; j += lanes) {
      hn::StoreU(Op::join(d, hn::LoadU(d, part + j), hn::LoadU(d, a + j)), d, part + j);
    }
    if (const size_t k = columns - j; k > 0) {
      hn::StoreU(Op::join(d, hn::LoadU(d, part + j), load_part(d, a + j, k)), d, part + j);
    }
  }
}

template <class T, class Op>
void reduce_rows(const void* from, int64_t rows, int64_t stride, int64_t columns, double* totals) {
  constexpr int64_t kColumns = 1024, kRows = 256;
  HWY_ALIGN T part[kColumns + HWY_MAX_BYTES / sizeof(T)];  // a last vector may reach beyond
  for (int64_t first = 0; first < columns; first += kColumns) {
    const int64_t width = std::min(kColumns, columns - first);
    for (int64_t r = 0; r < rows; r += kRows) {
      std::fill_n(part, width + HWY_MAX_BYTES / static_cast<int64_t>(sizeof(T)), static_cast<T>(Op::kStart));
      join_rows<T, Op>(static_cast<const T*>(from) + r * stride + first, std::min(kRows, rows - r), stride,
                       static_cast<size_t>(width), part);
      for (int64_t j = 0; j < width; ++j) {
        totals[first + j] = Op::join(totals[first + j], static_cast<double>(part[j]));
      }
    }
  }
}

template <class T>
ReduceLoops loops_of(OpId op) {
  switch (op) {
    case OpId::sum:
      return {reduce_run<T, Sum>, reduce_short_runs<T, Sum>, reduce_rows<T, Sum>};
    case OpId::amax:
      return {reduce_run<T, Largest>, reduce_short_runs<T, Largest>, reduce_rows<T, Largest>};
    case OpId::amin:
      return {reduce_run<T, Smallest>, reduce_short_runs<T, Smallest>, reduce_rows<T, Smallest>};
    default:
      return {};
  }
}

}  // namespace

ReduceLoops loops_for(OpId op, DType dtype) {
  if (dtype == DType::f32) return loops_of<float>(op);
  if (dtype == DType::f64) return loops_of<double>(op);
  return {};
}

}  // namespace lamina::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::cpu {

HWY_EXPORT(loops_for);
ReduceLoops reduce_loops(OpId op, DType dtype) { return HWY_DYNAMIC_DISPATCH(loops_for)(op, dtype); }

}  // namespace lamina::cpu
#endif
