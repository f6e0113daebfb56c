// Two dependent instructions on tiles of f32 in one pass: the first result stays in a register. Each rounds
// as it does alone (nothing is contracted), so the bits are the same.
#include <array>

#include "lamina/backends/cpu/simd.h"
#include "lamina/backends/cpu/tile.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/backends/cpu/tile_pairs.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.
#include "lamina/backends/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::cpu::HWY_NAMESPACE {

namespace {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

struct AddF {
  static HWY_INLINE V apply(V a, V b) { return hn::Add(a, b); }
};
struct SubF {
  static HWY_INLINE V apply(V a, V b) { return hn::Sub(a, b); }
};
struct MulF {
  static HWY_INLINE V apply(V a, V b) { return hn::Mul(a, b); }
};
struct DivF {
  static HWY_INLINE V apply(V a, V b) { return hn::Div(a, b); }
};
/// The other operand of the second instruction comes first.
template <class F>
struct Turned {
  static HWY_INLINE V apply(V a, V b) { return F::apply(b, a); }
};
struct ReluF {
  static HWY_INLINE V apply(V a, V) { return hn::IfThenZeroElse(hn::Le(a, hn::Zero(D())), a); }
};

/// out = second(first(a, b), c).
template <class First, class Second>
void pair_tile(void* out, const void* pa, const void* pb, const void* pc, size_t n, unsigned splat) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const size_t step_a = splat & 1U ? 0 : lanes, step_b = splat & 2U ? 0 : lanes, step_c = splat & 4U ? 0 : lanes;
  const auto *a = static_cast<const float*>(pa), *b = static_cast<const float*>(pb);
  const auto* c = static_cast<const float*>(pc);
  auto* to = static_cast<float*>(out);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes, a += step_a, b += step_b, c += step_c) {
    const V first = First::apply(hn::LoadU(d, a), hn::LoadU(d, b));
    hn::StoreU(Second::apply(first, hn::LoadU(d, c)), d, to + i);
  }
  if (const size_t rest = n - i; rest > 0) {
    const V first = First::apply(load_part(d, a, rest), load_part(d, b, rest));
    store_part(Second::apply(first, load_part(d, c, rest)), d, to + i, rest);
  }
}

template <class First>
TileFn second_of(OpId second, bool turned) {
  switch (second) {
    case OpId::add:
      return pair_tile<First, AddF>;
    case OpId::mul:
      return pair_tile<First, MulF>;
    case OpId::sub:
      return turned ? pair_tile<First, Turned<SubF>> : pair_tile<First, SubF>;
    case OpId::div:
      return turned ? pair_tile<First, Turned<DivF>> : pair_tile<First, DivF>;
    case OpId::relu:
      return pair_tile<First, ReluF>;
    default:
      return nullptr;
  }
}

}  // namespace

TileFn pair_of(OpId first, OpId second, bool turned) {
  switch (first) {
    case OpId::add:
      return second_of<AddF>(second, turned);
    case OpId::sub:
      return second_of<SubF>(second, turned);
    case OpId::mul:
      return second_of<MulF>(second, turned);
    case OpId::div:
      return second_of<DivF>(second, turned);
    default:
      return nullptr;
  }
}

}  // namespace lamina::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::cpu {

HWY_EXPORT(pair_of);
TileFn find_tile_pair(OpId first, OpId second, bool turned) {
  return HWY_DYNAMIC_DISPATCH(pair_of)(first, second, turned);
}

}  // namespace lamina::cpu
#endif
