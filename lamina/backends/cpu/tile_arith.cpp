// Arithmetic, comparisons and selection on tiles of f32 and f64.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "lamina/backends/cpu/simd.h"
#include "lamina/backends/cpu/tile.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/backends/cpu/tile_arith.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.
#include "lamina/backends/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::cpu::HWY_NAMESPACE {

namespace {

#define TILE_UNARY(name, expression)          \
  struct name {                               \
    template <class D, class V>               \
    HWY_INLINE V operator()(D d, V x) const { \
      (void)d;                                \
      return expression;                      \
    }                                         \
  };
#define TILE_BINARY(name, expression)              \
  struct name {                                    \
    template <class D, class V>                    \
    HWY_INLINE V operator()(D d, V a, V b) const { \
      (void)d;                                     \
      return expression;                           \
    }                                              \
  };
#define TILE_COMPARE(name, expression)                       \
  struct name {                                              \
    template <class D, class V>                              \
    HWY_INLINE hn::Mask<D> operator()(D d, V a, V b) const { \
      (void)d;                                               \
      return expression;                                     \
    }                                                        \
  };

TILE_BINARY(AddF, hn::Add(a, b))
TILE_BINARY(SubF, hn::Sub(a, b))
TILE_BINARY(MulF, hn::Mul(a, b))
TILE_BINARY(DivF, hn::Div(a, b))
// NaN wins.
TILE_BINARY(MaxF, hn::IfThenElse(hn::IsNaN(a), a, hn::IfThenElse(hn::IsNaN(b), b, hn::Max(a, b))))
TILE_BINARY(MinF, hn::IfThenElse(hn::IsNaN(a), a, hn::IfThenElse(hn::IsNaN(b), b, hn::Min(a, b))))
TILE_UNARY(NegF, hn::Neg(x))
TILE_UNARY(AbsF, hn::Abs(x))
TILE_UNARY(SignF, hn::IfThenElse(hn::Or(hn::Gt(x, hn::Zero(d)), hn::Lt(x, hn::Zero(d))),
                                 hn::CopySign(hn::Set(d, hn::TFromD<D>{1}), x), x))
TILE_UNARY(FloorF, hn::Floor(x))
TILE_UNARY(CeilF, hn::Ceil(x))
TILE_UNARY(RoundF, hn::Round(x))
TILE_UNARY(SqrtF, hn::Sqrt(x))
TILE_UNARY(RsqrtF, hn::Div(hn::Set(d, hn::TFromD<D>{1}), hn::Sqrt(x)))
TILE_UNARY(ReluF, hn::IfThenZeroElse(hn::Le(x, hn::Zero(d)), x))
TILE_COMPARE(EqF, hn::Eq(a, b))
TILE_COMPARE(NeF, hn::Not(hn::Eq(a, b)))  // true for NaN
TILE_COMPARE(LtF, hn::Lt(a, b))
TILE_COMPARE(LeF, hn::Le(a, b))
TILE_COMPARE(GtF, hn::Gt(a, b))
TILE_COMPARE(GeF, hn::Ge(a, b))

template <class T, class F>
void unary_tile(void* out, const void* a, const void*, const void*, size_t n, unsigned) {
  map_unary(static_cast<T*>(out), static_cast<const T*>(a), n, F{});
}

template <class T, class F>
void binary_tile(void* out, const void* a, const void* b, const void*, size_t n, unsigned splat) {
  map_binary(static_cast<T*>(out), static_cast<const T*>(a), static_cast<const T*>(b), n, splat, F{});
}

template <class D>
HWY_INLINE auto bytes_of(D d, hn::Mask<D> mask) {
  const hn::RebindToUnsigned<D> du;
  const hn::RebindToSigned<D> di;
  const hn::Rebind<uint8_t, D> d8;
  const auto ones = hn::ShiftRight<31>(hn::BitCast(du, hn::VecFromMask(d, mask)));
  return hn::DemoteTo(d8, hn::BitCast(di, ones));
}

/// f32 → bool.
template <class F>
void compare_tile(void* out, const void* pa, const void* pb, const void*, size_t n, unsigned splat) {
  const hn::ScalableTag<float> d;
  const hn::Rebind<uint8_t, decltype(d)> d8;
  const size_t lanes = hn::Lanes(d);
  const size_t step_a = splat & 1U ? 0 : lanes, step_b = splat & 2U ? 0 : lanes;
  const auto *a = static_cast<const float*>(pa), *b = static_cast<const float*>(pb);
  auto* to = static_cast<uint8_t*>(out);
  const F f;
  size_t i = 0;
  for (; i + lanes <= n; i += lanes, a += step_a, b += step_b) {
    hn::StoreU(bytes_of(d, f(d, hn::LoadU(d, a), hn::LoadU(d, b))), d8, to + i);
  }
  if (i < n) {
    alignas(64) uint8_t rest[64];
    hn::Store(bytes_of(d, f(d, load_part(d, a, n - i), load_part(d, b, n - i))), d8, rest);
    std::memcpy(to + i, rest, n - i);
  }
}

/// bool, f32, f32 → f32.
void where_tile(void* out, const void* pc, const void* pa, const void* pb, size_t n, unsigned splat) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  const hn::Rebind<uint8_t, decltype(d)> d8;
  const size_t lanes = hn::Lanes(d);
  const size_t step_c = splat & 1U ? 0 : lanes, step_a = splat & 2U ? 0 : lanes, step_b = splat & 4U ? 0 : lanes;
  const auto* c = static_cast<const uint8_t*>(pc);
  const auto *a = static_cast<const float*>(pa), *b = static_cast<const float*>(pb);
  auto* to = static_cast<float*>(out);
  const auto mask = [&](const uint8_t* from) HWY_ATTR {
    return hn::Ne(hn::BitCast(d, hn::ConvertTo(d, hn::PromoteTo(di, hn::LoadU(d8, from)))), hn::Zero(d));
  };
  size_t i = 0;
  for (; i + lanes <= n; i += lanes, c += step_c, a += step_a, b += step_b) {
    hn::StoreU(hn::IfThenElse(mask(c), hn::LoadU(d, a), hn::LoadU(d, b)), d, to + i);
  }
  if (i < n) {
    alignas(64) uint8_t rest[64] = {};
    std::memcpy(rest, c, n - i);
    store_part(hn::IfThenElse(mask(rest), load_part(d, a, n - i), load_part(d, b, n - i)), d, to + i, n - i);
  }
}

/// bool → f32: 0 or 1.
void cast_from_bool(void* out, const void* a, const void*, const void*, size_t n, unsigned) {
  const auto* __restrict from = static_cast<const uint8_t*>(a);
  auto* __restrict to = static_cast<float*>(out);
  for (size_t i = 0; i < n; ++i) to[i] = static_cast<float>(static_cast<int32_t>(from[i]));
}

/// To the nearest bf16, ties to even, as f32.
void bf16_tile(void* out, const void* a, const void*, const void*, size_t n, unsigned) {
  const auto* from = static_cast<const uint32_t*>(a);
  auto* to = static_cast<uint32_t*>(out);
#pragma GCC ivdep
  for (size_t i = 0; i < n; ++i) {
    const uint32_t word = from[i];
    const uint32_t rounded = (word + 0x7fffU + ((word >> 16) & 1U)) & 0xffff0000U;
    to[i] = (word & 0x7fffffffU) > 0x7f800000U ? (word | 0x400000U) & 0xffff0000U : rounded;
  }
}

#define TILE_BOTH(op, kind, f, cost)                                 \
  {OpId::op, DType::f32, DType::f32, kind##_tile<float, f>, cost}, { \
    OpId::op, DType::f64, DType::f64, kind##_tile<double, f>, cost   \
  }
#define TILE_TO_BOOL(op, f) {OpId::op, DType::f32, DType::boolean, compare_tile<f>, 1}

const TileOp kOps[] = {
    TILE_BOTH(add, binary, AddF, 1),
    TILE_BOTH(sub, binary, SubF, 1),
    TILE_BOTH(mul, binary, MulF, 1),
    TILE_BOTH(div, binary, DivF, 3),
    TILE_BOTH(maximum, binary, MaxF, 1),
    TILE_BOTH(minimum, binary, MinF, 1),
    TILE_BOTH(neg, unary, NegF, 1),
    TILE_BOTH(abs, unary, AbsF, 1),
    TILE_BOTH(sign, unary, SignF, 1),
    TILE_BOTH(floor, unary, FloorF, 1),
    TILE_BOTH(ceil, unary, CeilF, 1),
    TILE_BOTH(round, unary, RoundF, 1),
    TILE_BOTH(sqrt, unary, SqrtF, 3),
    TILE_BOTH(rsqrt, unary, RsqrtF, 6),
    TILE_BOTH(relu, unary, ReluF, 1),
    TILE_TO_BOOL(eq, EqF),
    TILE_TO_BOOL(ne, NeF),
    TILE_TO_BOOL(lt, LtF),
    TILE_TO_BOOL(le, LeF),
    TILE_TO_BOOL(gt, GtF),
    TILE_TO_BOOL(ge, GeF),
    {OpId::where, DType::f32, DType::f32, where_tile, 1},
    {OpId::cast, DType::boolean, DType::f32, cast_from_bool, 1},
};

}  // namespace

std::span<const TileOp> arith_ops() { return kOps; }
TileFn bf16_rounder() { return bf16_tile; }

}  // namespace lamina::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::cpu {

HWY_EXPORT(arith_ops);
HWY_EXPORT(bf16_rounder);

std::span<const TileOp> simd_tile_ops() { return HWY_DYNAMIC_DISPATCH(arith_ops)(); }
TileFn round_to_bf16() { return HWY_DYNAMIC_DISPATCH(bf16_rounder)(); }

}  // namespace lamina::cpu
#endif
