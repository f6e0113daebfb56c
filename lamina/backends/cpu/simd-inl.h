// Loops over vectors with tails, and the functions of real analysis in f32. Compiled once per target.
#if defined(LAMINA_BACKENDS_CPU_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LAMINA_BACKENDS_CPU_SIMD_INL_H_
#undef LAMINA_BACKENDS_CPU_SIMD_INL_H_
#else
#define LAMINA_BACKENDS_CPU_SIMD_INL_H_
#endif

#include <cmath>
#include <cstring>
#include <limits>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// The first `count` lanes from memory, zeros behind; count < Lanes(d). Reads nothing beyond.
template <class D>
HWY_INLINE hn::Vec<D> load_part(D d, const hn::TFromD<D>* from, size_t count) {
#if HWY_MEM_OPS_MIGHT_FAULT
  alignas(64) hn::TFromD<D> lanes[64 / sizeof(hn::TFromD<D>)] = {};
  std::memcpy(lanes, from, count * sizeof lanes[0]);
  return hn::Load(d, lanes);
#else
  return hn::MaskedLoad(hn::FirstN(d, count), d, from);
#endif
}

template <class D>
HWY_INLINE void store_part(hn::Vec<D> v, D d, hn::TFromD<D>* to, size_t count) {
#if HWY_TARGET <= HWY_AVX3
  hn::BlendedStore(v, hn::FirstN(d, count), d, to);
#else  // masked stores are slow, or there are none
  alignas(64) hn::TFromD<D> lanes[64 / sizeof(hn::TFromD<D>)];
  hn::Store(v, d, lanes);
  for (size_t i = 0; i < count; ++i) to[i] = lanes[i];
#endif
}

/// out[i] = f(a[i]); out may be a.
template <class T, class F>
HWY_INLINE void map_unary(T* out, const T* a, size_t n, const F& f) {
  const hn::ScalableTag<T> d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(f(d, hn::LoadU(d, a + i)), d, out + i);
  if (i < n) store_part(f(d, load_part(d, a + i, n - i)), d, out + i, n - i);
}

/// out[i] = f(a[i], b[i]); out may be an operand. Bit 0 (1) of `splat`: a (b) is one vector, used for all.
template <class T, class F>
HWY_INLINE void map_binary(T* out, const T* a, const T* b, size_t n, unsigned splat, const F& f) {
  const hn::ScalableTag<T> d;
  const size_t lanes = hn::Lanes(d);
  const size_t step_a = splat & 1U ? 0 : lanes, step_b = splat & 2U ? 0 : lanes;
  size_t i = 0;
  for (; i + lanes <= n; i += lanes, a += step_a, b += step_b) {
    hn::StoreU(f(d, hn::LoadU(d, a), hn::LoadU(d, b)), d, out + i);
  }
  if (i < n) store_part(f(d, load_part(d, a, n - i), load_part(d, b, n - i)), d, out + i, n - i);
}

template <class D, class V>
HWY_INLINE V horner(D, V, V c) {
  return c;
}
/// c + x·(c1 + x·(c2 + …)).
template <class D, class V, class... C>
HWY_INLINE V horner(D d, V x, V c, C... higher) {
  return hn::MulAdd(horner(d, x, higher...), x, c);
}

/// e^x = 2^k · (1 + r + r²·p), |r| ≤ ln2 / 2.
template <class D, class V>
HWY_INLINE V exp_remainder(D d, V x, V& k) {
  k = hn::Round(hn::Mul(x, hn::Set(d, 1.44269504088896341F)));
  V r = hn::NegMulAdd(k, hn::Set(d, 0.693145751953125F), x);
  r = hn::NegMulAdd(k, hn::Set(d, 1.42860682030941723212e-6F), r);
  // Minimax for (e^r − 1 − r)/r².
  const V p = horner(d, r, hn::Set(d, 0.5F), hn::Set(d, 0x1.55548ep-3F), hn::Set(d, 0x1.55545ep-5F),
                     hn::Set(d, 0x1.123b52p-7F), hn::Set(d, 0x1.6db424p-10F));
  return hn::MulAdd(hn::Mul(r, r), p, r);
}

template <class D>
HWY_INLINE hn::Vec<D> power_of_two(D d, hn::Vec<hn::RebindToSigned<D>> k) {
  return hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(k, hn::Set(hn::RebindToSigned<D>(), 127))));
}

/// Beyond the range of f32 inf and 0; denormal results are exact to 1 ulp.
template <class D, class V>
HWY_INLINE V vexp(D d, V x) {
  const hn::RebindToSigned<D> di;
  V kf;
  const V q = exp_remainder(d, x, kf);
  const auto k = hn::ConvertTo(di, kf);
  const auto half = hn::ShiftRight<1>(k);
  const V y = hn::Mul(hn::Mul(hn::Add(q, hn::Set(d, 1.0F)), power_of_two(d, half)), power_of_two(d, hn::Sub(k, half)));
  const V high = hn::IfThenElse(hn::Gt(x, hn::Set(d, 88.722839F)), hn::Set(d, HUGE_VALF), y);
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -104.0F)), high);
}

template <class D, class V>
HWY_INLINE V vexpm1(D d, V x) {
  const hn::RebindToSigned<D> di;
  V kf;
  const V q = exp_remainder(d, x, kf);
  const V half_scale = power_of_two(d, hn::Sub(hn::ConvertTo(di, kf), hn::Set(di, 1)));  // 2^128 is no f32
  const V half = hn::MulAdd(half_scale, q, hn::Sub(half_scale, hn::Set(d, 0.5F)));
  const V y = hn::Add(half, half);
  const V high = hn::IfThenElse(hn::Gt(x, hn::Set(d, 88.722839F)), hn::Set(d, HUGE_VALF), y);
  return hn::IfThenElse(hn::Lt(x, hn::Set(d, -18.0F)), hn::Set(d, -1.0F), high);
}

template <class D, class V>
HWY_INLINE V vlog(D d, V x) {
  const hn::RebindToSigned<D> di;
  const auto tiny = hn::Lt(x, hn::Set(d, std::numeric_limits<float>::min()));
  const V scaled = hn::IfThenElse(tiny, hn::Mul(x, hn::Set(d, 0x1p24F)), x);
  // Mantissa in [√½, √2).
  const auto bits = hn::BitCast(di, scaled);
  const auto e = hn::ShiftRight<23>(hn::Sub(bits, hn::Set(di, 0x3f3504f3)));
  const V f = hn::Sub(hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<23>(e))), hn::Set(d, 1.0F));
  const V ef = hn::Add(hn::ConvertTo(d, e), hn::IfThenElseZero(tiny, hn::Set(d, -24.0F)));
  // Minimax for (log(1 + f) − f + f²/2)/f³.
  const V p = horner(d, f, hn::Set(d, 0x1.555548p-2F), hn::Set(d, -0x1.000006p-2F), hn::Set(d, 0x1.99a4b6p-3F),
                     hn::Set(d, -0x1.555c4ep-3F), hn::Set(d, 0x1.233768p-3F), hn::Set(d, -0x1.fc2208p-4F),
                     hn::Set(d, 0x1.e6f06cp-4F), hn::Set(d, -0x1.de3c14p-4F), hn::Set(d, 0x1.1457a2p-4F));
  const V f2 = hn::Mul(f, f);
  V low = hn::Mul(hn::Mul(f2, f), p);
  low = hn::MulAdd(ef, hn::Set(d, -2.12194440e-4F), low);
  low = hn::NegMulAdd(f2, hn::Set(d, 0.5F), low);
  const V y = hn::MulAdd(ef, hn::Set(d, 0.693359375F), hn::Add(f, low));
  const V finite = hn::IfThenElse(hn::Eq(x, hn::Set(d, HUGE_VALF)), x, y);
  const V zero = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), hn::Set(d, -HUGE_VALF), finite);
  return hn::IfThenElse(hn::Ge(x, hn::Zero(d)), zero, hn::Set(d, std::numeric_limits<float>::quiet_NaN()));
}

template <class D, class V>
HWY_INLINE V vlog1p(D d, V x) {
  const V one = hn::Set(d, 1.0F);
  const V u = hn::Add(x, one);
  // What rounding took from u, as long as u is an ordinary number.
  const auto ordinary = hn::And(hn::Gt(u, hn::Zero(d)), hn::Lt(u, hn::Set(d, 0x1p30F)));
  const V lost = hn::Div(hn::Sub(x, hn::Sub(u, one)), hn::IfThenElse(ordinary, u, one));
  const V y = hn::Add(vlog(d, u), hn::IfThenElseZero(ordinary, lost));
  return hn::IfThenElse(hn::Lt(hn::Abs(x), hn::Set(d, 0x1p-25F)), x, y);
}

template <class D, class V>
HWY_INLINE V vtanh(D d, V x) {
  const V one = hn::Set(d, 1.0F), a = hn::Abs(x);
  const V e = vexp(d, hn::Add(a, a));
  const V large = hn::Sub(one, hn::Div(hn::Set(d, 2.0F), hn::Add(e, one)));
  const V s = hn::Mul(a, a);
  // Minimax for (tanh(a)/a − 1)/a² on [0, 5/8].
  const V p = horner(d, s, hn::Set(d, -0x1.555534p-2F), hn::Set(d, 0x1.110768p-3F), hn::Set(d, -0x1.b84448p-5F),
                     hn::Set(d, 0x1.5256d6p-6F), hn::Set(d, -0x1.76ac18p-8F));
  const V small = hn::MulAdd(hn::Mul(s, a), p, a);
  return hn::CopySign(hn::IfThenElse(hn::Lt(a, hn::Set(d, 0.625F)), small, large), x);
}

template <class D, class V>
HWY_INLINE V vsigmoid(D d, V x) {
  const V one = hn::Set(d, 1.0F);
  return hn::Div(one, hn::Add(one, vexp(d, hn::Neg(x))));
}

template <class D, class V>
HWY_INLINE V vsoftplus(D d, V x) {
  const V above = hn::IfThenZeroElse(hn::Le(x, hn::Zero(d)), x);
  return hn::Add(above, vlog1p(d, vexp(d, hn::Neg(hn::Abs(x)))));
}

/// Up to 0.92 x + x·P(x²); above 1 − e^P(x).
template <class D, class V>
HWY_INLINE V verf(D d, V x) {
  const V a = hn::Abs(x), s = hn::Mul(a, a), one = hn::Set(d, 1.0F);
  const V c = horner(d, s, hn::Set(d, 0x1.06eba8p-3F), hn::Set(d, -0x1.812744p-2F), hn::Set(d, 0x1.ce2e28p-4F),
                     hn::Set(d, -0x1.b8112p-6F), hn::Set(d, 0x1.54df6ap-8F), hn::Set(d, -0x1.ab0966p-11F),
                     hn::Set(d, 0x1.5f61bap-14F));
  const V small = hn::MulAdd(c, a, a);
  const V t = horner(d, a, hn::Set(d, -0x1.9a5c2ep-13F), hn::Set(d, -0x1.20af5ap+0F), hn::Set(d, -0x1.463ccp-1F),
                     hn::Set(d, -0x1.a9b42ep-4F), hn::Set(d, 0x1.6c2a78p-6F), hn::Set(d, -0x1.8ee174p-9F),
                     hn::Set(d, 0x1.9ae90ap-13F));
  const V large = hn::IfThenElse(hn::Gt(a, hn::Set(d, 4.0F)), one, hn::Sub(one, vexp(d, t)));
  return hn::CopySign(hn::IfThenElse(hn::Lt(a, hn::Set(d, 0.92F)), small, large), x);
}

}  // namespace lamina::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
