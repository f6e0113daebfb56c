#include "lamina/backends/cpu/norm_kernels.h"

#include <algorithm>
#include <cmath>

#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/backends/cpu/norm_kernels.cpp"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace lamina::cpu {
namespace HWY_NAMESPACE {
namespace {  // other files have functions of the same names
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

/// Rows of f32 sums are this long before they are added in f64.
constexpr int64_t kRun = 2048;

template <bool kBackward>
HWY_ATTR HWY_INLINE void add_terms(V x, V g, V c, V& sum1, V& sum2) {
  const V centred = hn::Sub(x, c);
  sum1 = hn::Add(sum1, kBackward ? g : centred);
  sum2 = hn::MulAdd(kBackward ? g : centred, centred, sum2);
}

template <bool kBackward>
HWY_ATTR void sums_of(const float* x, const float* g, float shift, int64_t n, double* sum1, double* sum2) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const V c = hn::Set(d, shift), zero = hn::Zero(d);
  for (int64_t begin = 0; begin < n; begin += kRun) {
    const int64_t end = std::min(begin + kRun, n);
    V a[4] = {zero, zero, zero, zero}, b[4] = {zero, zero, zero, zero};
    int64_t i = begin;
    for (; i + 4 * lanes <= end; i += 4 * lanes) {
#pragma GCC unroll 4
      for (int u = 0; u < 4; ++u) {
        const int64_t at = i + u * lanes;
        add_terms<kBackward>(hn::LoadU(d, x + at), kBackward ? hn::LoadU(d, g + at) : zero, c, a[u], b[u]);
      }
    }
    for (; i + lanes <= end; i += lanes) {
      add_terms<kBackward>(hn::LoadU(d, x + i), kBackward ? hn::LoadU(d, g + i) : zero, c, a[0], b[0]);
    }
    const V both1 = hn::Add(hn::Add(a[0], a[1]), hn::Add(a[2], a[3]));
    const V both2 = hn::Add(hn::Add(b[0], b[1]), hn::Add(b[2], b[3]));
    float tail1 = 0, tail2 = 0;
    for (; i < end; ++i) {
      const float centred = x[i] - shift, factor = kBackward ? g[i] : centred;
      tail1 += factor;
      tail2 += factor * centred;
    }
    *sum1 += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, both1)) + tail1);
    *sum2 += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, both2)) + tail2);
  }
}

HWY_ATTR void sums(const float* x, const float* g, float c, int64_t n, double* sum1, double* sum2) {
  g ? sums_of<true>(x, g, c, n, sum1, sum2) : sums_of<false>(x, g, c, n, sum1, sum2);
}

/// (x − c)·p + q, with g + g·r, perhaps cut at 0.
template <bool kBackward, bool kRelu>
HWY_ATTR HWY_INLINE V mapped(V x, V g, V c, V p, V q, V r) {
  V value = hn::MulAdd(hn::Sub(x, c), p, q);
  if (kBackward) value = hn::MulAdd(g, r, value);
  // NaN stays NaN, as it does in relu.
  return kRelu ? hn::IfThenZeroElse(hn::Lt(value, hn::Zero(D())), value) : value;
}

template <bool kBackward, bool kRelu>
HWY_ATTR void map_of(const float* x, const float* g, ChannelMap m, int64_t n, float* y) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const V c = hn::Set(d, *m.c), p = hn::Set(d, *m.p), q = hn::Set(d, *m.q), r = kBackward ? hn::Set(d, *m.r) : c;
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const V v = hn::LoadU(d, x + i);
    hn::StoreU(mapped<kBackward, kRelu>(v, kBackward ? hn::LoadU(d, g + i) : v, c, p, q, r), d, y + i);
  }
  if (i == n) return;
  const auto mask = hn::FirstN(d, static_cast<size_t>(n - i));
  const V v = hn::MaskedLoad(mask, d, x + i);
  hn::BlendedStore(mapped<kBackward, kRelu>(v, kBackward ? hn::MaskedLoad(mask, d, g + i) : v, c, p, q, r), mask, d,
                   y + i);
}

HWY_ATTR void map(const float* x, const float* g, ChannelMap m, int64_t n, float* y) {
  if (m.relu) return g ? map_of<true, true>(x, g, m, n, y) : map_of<false, true>(x, g, m, n, y);
  g ? map_of<true, false>(x, g, m, n, y) : map_of<false, false>(x, g, m, n, y);
}

/// kVectors vectors of channels in registers, down the rows.
template <bool kBackward, int kVectors, bool kMasked>
HWY_ATTR void sums_of_columns(const float* x, const float* g, const float* c, int64_t rows, int64_t step, int64_t count,
                              float* sum1, float* sum2) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto mask = hn::FirstN(d, static_cast<size_t>(count));
  const auto load = [&](const float* p) HWY_ATTR { return kMasked ? hn::MaskedLoad(mask, d, p) : hn::LoadU(d, p); };
  V a[kVectors], b[kVectors], shift[kVectors];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) {
    a[v] = b[v] = hn::Zero(d);
    shift[v] = load(c + v * lanes);
  }
  for (int64_t i = 0; i < rows; ++i, x += step) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      add_terms<kBackward>(load(x + v * lanes), kBackward ? load(g + v * lanes) : shift[v], shift[v], a[v], b[v]);
    }
    if (kBackward) g += step;
  }
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) {
    if (kMasked) {
      hn::BlendedStore(a[v], mask, d, sum1 + v * lanes);
      hn::BlendedStore(b[v], mask, d, sum2 + v * lanes);
    } else {
      hn::StoreU(a[v], d, sum1 + v * lanes);
      hn::StoreU(b[v], d, sum2 + v * lanes);
    }
  }
}

template <bool kBackward>
HWY_ATTR void sums_last_of(const float* x, const float* g, const float* c, int64_t rows, int64_t channels, float* sum1,
                           float* sum2) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
  int64_t j = 0;
  const auto at = [&](const float* p) { return kBackward ? p + j : p; };
  for (; j + 4 * lanes <= channels; j += 4 * lanes) {
    sums_of_columns<kBackward, 4, false>(x + j, at(g), c + j, rows, channels, 0, sum1 + j, sum2 + j);
  }
  for (; j + lanes <= channels; j += lanes) {
    sums_of_columns<kBackward, 1, false>(x + j, at(g), c + j, rows, channels, 0, sum1 + j, sum2 + j);
  }
  if (j < channels) {
    sums_of_columns<kBackward, 1, true>(x + j, at(g), c + j, rows, channels, channels - j, sum1 + j, sum2 + j);
  }
}

HWY_ATTR void sums_last(const float* x, const float* g, const float* c, int64_t rows, int64_t channels, float* sum1,
                        float* sum2) {
  g ? sums_last_of<true>(x, g, c, rows, channels, sum1, sum2)
    : sums_last_of<false>(x, g, c, rows, channels, sum1, sum2);
}

template <bool kBackward, bool kRelu>
HWY_ATTR void map_last_of(const float* x, const float* g, ChannelMap m, int64_t rows, int64_t channels, float* y) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t whole = channels / lanes * lanes;
  const auto mask = hn::FirstN(d, static_cast<size_t>(channels - whole));
  for (int64_t i = 0; i < rows; ++i, x += channels, y += channels) {
    for (int64_t j = 0; j < whole; j += lanes) {
      const V v = hn::LoadU(d, x + j), c = hn::LoadU(d, m.c + j);
      const V result = mapped<kBackward, kRelu>(v, kBackward ? hn::LoadU(d, g + j) : v, c, hn::LoadU(d, m.p + j),
                                                hn::LoadU(d, m.q + j), kBackward ? hn::LoadU(d, m.r + j) : c);
      hn::StoreU(result, d, y + j);
    }
    if (whole < channels) {
      const auto load = [&](const float* p) HWY_ATTR { return hn::MaskedLoad(mask, d, p + whole); };
      const V v = load(x), c = load(m.c);
      const V result =
          mapped<kBackward, kRelu>(v, kBackward ? load(g) : v, c, load(m.p), load(m.q), kBackward ? load(m.r) : c);
      hn::BlendedStore(result, mask, d, y + whole);
    }
    if (kBackward) g += channels;
  }
}

HWY_ATTR void map_last(const float* x, const float* g, ChannelMap m, int64_t rows, int64_t channels, float* y) {
  if (m.relu) {
    return g ? map_last_of<true, true>(x, g, m, rows, channels, y)
             : map_last_of<false, true>(x, g, m, rows, channels, y);
  }
  g ? map_last_of<true, false>(x, g, m, rows, channels, y) : map_last_of<false, false>(x, g, m, rows, channels, y);
}

HWY_ATTR void row(const RowNorm& r, float* mean, float* variance) {
  double sum1 = 0, sum2 = 0;
  const auto n = static_cast<double>(r.n);
  sums_of<false>(r.x, nullptr, 0, r.n, &sum1, &sum2);
  const auto m = static_cast<float>(sum1 / n);
  sum1 = sum2 = 0;
  sums_of<false>(r.x, nullptr, m, r.n, &sum1, &sum2);
  *mean = m;
  *variance = static_cast<float>(sum2 / n);
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const float s = 1 / std::sqrt(*variance + r.eps);
  const V c = hn::Set(d, m), scale = hn::Set(d, s);
  int64_t i = 0;
  for (; i + lanes <= r.n; i += lanes) {
    const V normal = hn::Mul(hn::Sub(hn::LoadU(d, r.x + i), c), scale);
    hn::StoreU(hn::MulAdd(normal, hn::LoadU(d, r.weight + i), hn::LoadU(d, r.bias + i)), d, r.y + i);
  }
  for (; i < r.n; ++i) r.y[i] = std::fma((r.x[i] - m) * s, r.weight[i], r.bias[i]);
}

HWY_ATTR void row_grad(const RowNormGrad& r) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const V c = hn::Set(d, r.mean), scale = hn::Set(d, r.scale);
  V sum1 = hn::Zero(d), sum2 = hn::Zero(d);
  float tail1 = 0, tail2 = 0;
  int64_t i = 0;
  for (; i + lanes <= r.n; i += lanes) {
    const V g = hn::LoadU(d, r.g + i), normal = hn::Mul(hn::Sub(hn::LoadU(d, r.x + i), c), scale);
    const V scaled = hn::Mul(g, hn::LoadU(d, r.weight + i));
    sum1 = hn::Add(sum1, scaled);
    sum2 = hn::MulAdd(scaled, normal, sum2);
    if (r.dweight) hn::StoreU(hn::MulAdd(g, normal, hn::LoadU(d, r.dweight + i)), d, r.dweight + i);
    if (r.dbias) hn::StoreU(hn::Add(g, hn::LoadU(d, r.dbias + i)), d, r.dbias + i);
  }
  for (; i < r.n; ++i) {
    const float normal = (r.x[i] - r.mean) * r.scale, scaled = r.g[i] * r.weight[i];
    tail1 += scaled;
    tail2 += scaled * normal;
    if (r.dweight) r.dweight[i] += r.g[i] * normal;
    if (r.dbias) r.dbias[i] += r.g[i];
  }
  if (!r.dx) return;
  const auto n = static_cast<float>(r.n);
  const float shift = (hn::GetLane(hn::SumOfLanes(d, sum1)) + tail1) / n;
  const float slope = (hn::GetLane(hn::SumOfLanes(d, sum2)) + tail2) / n;
  const V vshift = hn::Set(d, shift), vslope = hn::Set(d, slope);
  for (i = 0; i + lanes <= r.n; i += lanes) {
    const V normal = hn::Mul(hn::Sub(hn::LoadU(d, r.x + i), c), scale);
    const V scaled = hn::Mul(hn::LoadU(d, r.g + i), hn::LoadU(d, r.weight + i));
    hn::StoreU(hn::Mul(hn::NegMulAdd(normal, vslope, hn::Sub(scaled, vshift)), scale), d, r.dx + i);
  }
  for (; i < r.n; ++i) {
    const float normal = (r.x[i] - r.mean) * r.scale;
    r.dx[i] = (r.g[i] * r.weight[i] - shift - normal * slope) * r.scale;
  }
}

HWY_ATTR NormKernels make_table() {
  return {sums, map, sums_last, map_last, row, row_grad, hwy::TargetName(HWY_TARGET)};
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace lamina::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::cpu {

HWY_EXPORT(make_table);

const NormKernels& norm_kernels() {
  static const NormKernels table = HWY_DYNAMIC_DISPATCH(make_table)();
  return table;
}

}  // namespace lamina::cpu
#endif  // HWY_ONCE
