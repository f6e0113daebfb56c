#include "lamina/backends/cpu/pool_kernels.h"

#include <algorithm>

#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/backends/cpu/pool_kernels.cpp"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace lamina::cpu {
namespace HWY_NAMESPACE {
namespace {  // other files have functions of the same names
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using DI = hn::RebindToSigned<D>;

/// The first `count` elements of an array. AMD's masked stores are slow, so whole vectors avoid them.
template <class DT, class T>
HWY_ATTR HWY_INLINE hn::Vec<DT> load(DT d, const T* from, size_t count) {
  return count == hn::Lanes(d) ? hn::LoadU(d, from) : hn::MaskedLoad(hn::FirstN(d, count), d, from);
}

template <class DT, class T>
HWY_ATTR HWY_INLINE void store(DT d, hn::Vec<DT> value, T* to, size_t count) {
  if (count == hn::Lanes(d)) return hn::StoreU(value, d, to);
  HWY_ALIGN T lanes[hn::MaxLanes(DT())];
  hn::Store(value, d, lanes);
  for (size_t i = 0; i < count; ++i) to[i] = lanes[i];
}

/// body(first channel, how many) per vector of channels.
template <class Body>
HWY_ATTR HWY_INLINE void for_vectors(int64_t channels, const Body& body) {
  const size_t lanes = hn::Lanes(D());
  int64_t c = 0;
  for (; c + static_cast<int64_t>(lanes) <= channels; c += static_cast<int64_t>(lanes)) body(c, lanes);
  if (c < channels) body(c, static_cast<size_t>(channels - c));
}

HWY_ATTR void max(const float* base, Pixels p, float* y, int32_t* positions) {
  const D d;
  const DI di;
  for_vectors(p.channels, [&](int64_t c, size_t count) HWY_ATTR {
    auto best = load(d, base + p.at[0] * p.channels + c, count);
    auto where = hn::Set(di, p.at[0]);
    for (int64_t i = 1; i < p.count; ++i) {
      const auto v = load(d, base + p.at[i] * p.channels + c, count);
      const auto better = hn::AndNot(hn::Le(v, best), hn::Eq(best, best));
      best = hn::IfThenElse(better, v, best);
      where = hn::IfThenElse(hn::RebindMask(di, better), hn::Set(di, p.at[i]), where);
    }
    store(d, best, y + c, count);
    if (positions) store(di, where, positions + c, count);
  });
}

HWY_ATTR void weighted_sum(const float* base, Pixels p, const float* weights, float* y) {
  const D d;
  for_vectors(p.channels, [&](int64_t c, size_t count) HWY_ATTR {
    auto sum = hn::Zero(d);
    for (int64_t i = 0; i < p.count; ++i) {
      sum = hn::MulAdd(load(d, base + p.at[i] * p.channels + c, count), hn::Set(d, weights[i]), sum);
    }
    store(d, sum, y + c, count);
  });
}

HWY_ATTR void sum_where(const float* base, const int32_t* positions, Pixels p, int32_t self, float* y) {
  const D d;
  const DI di;
  const auto wanted = hn::Set(di, self);
  for_vectors(p.channels, [&](int64_t c, size_t count) HWY_ATTR {
    auto sum = hn::Zero(d);
    for (int64_t i = 0; i < p.count; ++i) {
      const int64_t at = p.at[i] * p.channels + c;
      const auto where = load(di, positions + at, count);
      const auto hit = hn::RebindMask(d, hn::Eq(where, wanted));
      sum = hn::Add(sum, hn::IfThenElseZero(hit, load(d, base + at, count)));
    }
    store(d, sum, y + c, count);
  });
}

HWY_ATTR void spread(const float* g, const int32_t* positions, const int32_t* at, const int64_t* first, int64_t rows,
                     int64_t channels, float* dx) {
  const D d;
  const DI di;
  for (int64_t r = 0; r < rows; ++r, g += channels, positions += channels) {
    for_vectors(channels, [&](int64_t c, size_t count) HWY_ATTR {
      const auto gradient = load(d, g + c, count);
      const auto where = load(di, positions + c, count);
      for (int64_t i = first[r]; i < first[r + 1]; ++i) {
        const auto hit = hn::RebindMask(d, hn::Eq(where, hn::Set(di, at[i])));
        store(d, hn::IfThenElseZero(hit, gradient), dx + at[i] * channels + c, count);
      }
    });
  }
}

/// body(first row) per vector of rows; the last one overlaps the one before.
template <class Body>
HWY_ATTR HWY_INLINE void for_rows(int64_t rows, const Body& body) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
  for (int64_t r = 0; r < rows; r += lanes) body(std::min(r, rows - lanes));
}

HWY_ATTR void gather_sum(const float* plane, const int32_t* at, const float* weights, int64_t rows, int64_t count,
                         float* y) {
  const D d;
  const DI di;
  for_rows(rows, [&](int64_t r) HWY_ATTR {
    const auto weight = hn::LoadU(d, weights + r);
    auto sum = hn::Zero(d);
    for (int64_t i = 0; i < count; ++i) {
      sum = hn::MulAdd(hn::GatherIndex(d, plane, hn::LoadU(di, at + i * rows + r)), weight, sum);
    }
    hn::StoreU(sum, d, y + r);
  });
}

HWY_ATTR void gather_max(const float* plane, const int32_t* at, int64_t rows, int64_t count, float* y,
                         int32_t* positions) {
  const D d;
  const DI di;
  for_rows(rows, [&](int64_t r) HWY_ATTR {
    auto where = hn::LoadU(di, at + r);
    auto best = hn::GatherIndex(d, plane, where);
    for (int64_t i = 1; i < count; ++i) {
      const auto index = hn::LoadU(di, at + i * rows + r);
      const auto v = hn::GatherIndex(d, plane, index);
      const auto better = hn::AndNot(hn::Le(v, best), hn::Eq(best, best));
      best = hn::IfThenElse(better, v, best);
      where = hn::IfThenElse(hn::RebindMask(di, better), index, where);
    }
    hn::StoreU(best, d, y + r);
    if (positions) hn::StoreU(where, di, positions + r);
  });
}

HWY_ATTR PoolKernels make_table() {
  return {max,
          weighted_sum,
          sum_where,
          spread,
          static_cast<int64_t>(hn::Lanes(D())),
          gather_sum,
          gather_max,
          hwy::TargetName(HWY_TARGET)};
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace lamina::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::cpu {

HWY_EXPORT(make_table);

const PoolKernels& pool_kernels() {
  static const PoolKernels table = HWY_DYNAMIC_DISPATCH(make_table)();
  return table;
}

}  // namespace lamina::cpu
#endif  // HWY_ONCE
