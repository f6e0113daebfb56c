#include "lamina/backends/cpu/ctc_kernels.h"

#include <algorithm>
#include <cmath>

#include "lamina/backends/cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/backends/cpu/ctc_kernels.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.
#include "lamina/backends/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::cpu::HWY_NAMESPACE {

namespace {

using D = hn::CappedTag<float, 16>;
using V = hn::Vec<D>;

/// Below any logarithm that occurs, but a number: −infinity − (−infinity) is none.
constexpr float kLeast = -1e30F;

float advance(const float* before, const float* emitted, const float* skip, float* next, int64_t states) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const V never = hn::Set(d, -HUGE_VALF);
  V top = never;
  for (int64_t s = 0; s < states; s += lanes) {
    const V a = hn::LoadU(d, before + s), b = hn::LoadU(d, before + s - 1);
    const V c = hn::Add(hn::LoadU(d, before + s - 2), hn::LoadU(d, skip + s));
    const V most = hn::Max(hn::Max(hn::Max(a, b), c), hn::Set(d, kLeast));
    const V sum = hn::Add(hn::Add(vexp(d, hn::Sub(a, most)), vexp(d, hn::Sub(b, most))), vexp(d, hn::Sub(c, most)));
    V value = hn::Add(hn::Add(most, vlog(d, sum)), hn::LoadU(d, emitted + s));
    if (s + lanes > states) value = hn::IfThenElse(hn::FirstN(d, static_cast<size_t>(states - s)), value, never);
    hn::StoreU(value, d, next + s);
    top = hn::Max(top, value);
  }
  const float shift = hn::GetLane(hn::MaxOfLanes(d, top));
  if (shift == -HUGE_VALF) return 0;
  const V by = hn::Set(d, shift);
  for (int64_t s = 0; s < states; s += lanes) hn::StoreU(hn::Sub(hn::LoadU(d, next + s), by), d, next + s);
  return shift;
}

void occupy(const float* alpha, const float* beta, const float* emitted, float shift, float* occupied, int64_t states) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const V by = hn::Set(d, shift), least = hn::Set(d, kLeast);
  for (int64_t s = 0; s < states; s += lanes) {
    const V paths = hn::Add(hn::LoadU(d, alpha + s), hn::LoadU(d, beta + s));
    hn::StoreU(vexp(d, hn::Add(hn::Sub(paths, hn::Max(hn::LoadU(d, emitted + s), least)), by)), d, occupied + s);
  }
}

CtcKernels<float> make_table() { return {advance, occupy}; }

}  // namespace
}  // namespace lamina::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::cpu {

namespace {

double advance_double(const double* before, const double* emitted, const double* skip, double* next, int64_t states) {
  double shift = -HUGE_VAL;
  for (int64_t s = 0; s < states; ++s) {
    const double a = before[s], b = before[s - 1], c = before[s - 2] + skip[s], most = std::max({a, b, c});
    next[s] = most == -HUGE_VAL
                  ? most
                  : most + std::log(std::exp(a - most) + std::exp(b - most) + std::exp(c - most)) + emitted[s];
    shift = std::max(shift, next[s]);
  }
  if (shift == -HUGE_VAL) return 0;
  for (int64_t s = 0; s < states; ++s) next[s] -= shift;
  return shift;
}

void occupy_double(const double* alpha, const double* beta, const double* emitted, double shift, double* occupied,
                   int64_t states) {
  for (int64_t s = 0; s < states; ++s) {
    const double paths = alpha[s] + beta[s];
    occupied[s] = paths == -HUGE_VAL ? 0 : std::exp(paths - emitted[s] + shift);
  }
}

}  // namespace

HWY_EXPORT(make_table);

const CtcKernels<float>& ctc_kernels(float) {
  static const CtcKernels<float> table = HWY_DYNAMIC_DISPATCH(make_table)();
  return table;
}

const CtcKernels<double>& ctc_kernels(double) {
  static const CtcKernels<double> table{advance_double, occupy_double};
  return table;
}

}  // namespace lamina::cpu
#endif
