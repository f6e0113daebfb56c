#include "lamina/backends/cpu/pool_kernels.h"

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

/// body(first channel, mask of the channels that exist) per vector of channels.
template <class Body>
HWY_ATTR HWY_INLINE void for_vectors(int64_t channels, const Body& body) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto all = hn::FirstN(d, static_cast<size_t>(lanes));
  int64_t c = 0;
  for (; c + lanes <= channels; c += lanes) body(c, all);
  if (c < channels) body(c, hn::FirstN(d, static_cast<size_t>(channels - c)));
}

HWY_ATTR void max(const float* base, Pixels p, float* y, int32_t* positions) {
  const D d;
  const DI di;
  for_vectors(p.channels, [&](int64_t c, auto mask) HWY_ATTR {
    auto best = hn::MaskedLoad(mask, d, base + p.at[0] * p.channels + c);
    auto where = hn::Set(di, p.at[0]);
    for (int64_t i = 1; i < p.count; ++i) {
      const auto v = hn::MaskedLoad(mask, d, base + p.at[i] * p.channels + c);
      const auto better = hn::AndNot(hn::Le(v, best), hn::Eq(best, best));
      best = hn::IfThenElse(better, v, best);
      where = hn::IfThenElse(hn::RebindMask(di, better), hn::Set(di, p.at[i]), where);
    }
    hn::BlendedStore(best, mask, d, y + c);
    if (positions) hn::BlendedStore(where, hn::RebindMask(di, mask), di, positions + c);
  });
}

HWY_ATTR void weighted_sum(const float* base, Pixels p, const float* weights, float* y) {
  const D d;
  for_vectors(p.channels, [&](int64_t c, auto mask) HWY_ATTR {
    auto sum = hn::Zero(d);
    for (int64_t i = 0; i < p.count; ++i) {
      sum = hn::MulAdd(hn::MaskedLoad(mask, d, base + p.at[i] * p.channels + c), hn::Set(d, weights[i]), sum);
    }
    hn::BlendedStore(sum, mask, d, y + c);
  });
}

HWY_ATTR void sum_where(const float* base, const int32_t* positions, Pixels p, int32_t self, float* y) {
  const D d;
  const DI di;
  const auto wanted = hn::Set(di, self);
  for_vectors(p.channels, [&](int64_t c, auto mask) HWY_ATTR {
    auto sum = hn::Zero(d);
    for (int64_t i = 0; i < p.count; ++i) {
      const int64_t at = p.at[i] * p.channels + c;
      const auto where = hn::MaskedLoad(hn::RebindMask(di, mask), di, positions + at);
      const auto hit = hn::RebindMask(d, hn::Eq(where, wanted));
      sum = hn::Add(sum, hn::IfThenElseZero(hit, hn::MaskedLoad(mask, d, base + at)));
    }
    hn::BlendedStore(sum, mask, d, y + c);
  });
}

HWY_ATTR PoolKernels make_table() { return {max, weighted_sum, sum_where, hwy::TargetName(HWY_TARGET)}; }

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
