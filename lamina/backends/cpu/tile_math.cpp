// Functions of real analysis on tiles of f32.
#include "lamina/backends/cpu/simd.h"
#include "lamina/backends/cpu/tile.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/backends/cpu/tile_math.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.
#include "hwy/contrib/math/math-inl.h"
#include "lamina/backends/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::cpu::HWY_NAMESPACE {

namespace {

#define TILE_FUNCTION(name, function)         \
  struct name {                               \
    template <class D, class V>               \
    HWY_INLINE V operator()(D d, V x) const { \
      return function(d, x);                  \
    }                                         \
  };
TILE_FUNCTION(ExpF, vexp)
TILE_FUNCTION(Expm1F, vexpm1)
TILE_FUNCTION(LogF, vlog)
TILE_FUNCTION(Log1pF, vlog1p)
TILE_FUNCTION(TanhF, vtanh)
TILE_FUNCTION(SigmoidF, vsigmoid)
TILE_FUNCTION(SoftplusF, vsoftplus)
TILE_FUNCTION(ErfF, verf)
TILE_FUNCTION(SinF, hn::Sin)
TILE_FUNCTION(CosF, hn::Cos)

template <class F>
void math_tile(void* out, const void* a, const void*, const void*, size_t n, unsigned) {
  map_unary(static_cast<float*>(out), static_cast<const float*>(a), n, F{});
}

/// The vector form is good up to 39000; the few numbers beyond go through the C library one by one.
template <class F, float (*precise)(float)>
void periodic_tile(void* out, const void* a, const void*, const void*, size_t n, unsigned) {
  constexpr size_t kBlock = 256;
  float far[kBlock];
  size_t places[kBlock];
  const auto* from = static_cast<const float*>(a);
  auto* to = static_cast<float*>(out);
  for (size_t begin = 0; begin < n; begin += kBlock) {
    const size_t count = n - begin < kBlock ? n - begin : kBlock;
    size_t found = 0;
    for (size_t i = begin; i < begin + count; ++i) {
      if (!(std::fabs(from[i]) <= 30000.0F)) {
        far[found] = from[i];
        places[found++] = i;
      }
    }
    map_unary(to + begin, from + begin, count, F{});
    for (size_t k = 0; k < found; ++k) to[places[k]] = precise(far[k]);
  }
}

float precise_sin(float x) { return std::sin(x); }
float precise_cos(float x) { return std::cos(x); }

constexpr DType kF32 = DType::f32;
const TileOp kOps[] = {
    {OpId::exp, kF32, kF32, math_tile<ExpF>, 8},
    {OpId::expm1, kF32, kF32, math_tile<Expm1F>, 8},
    {OpId::log, kF32, kF32, math_tile<LogF>, 10},
    {OpId::log1p, kF32, kF32, math_tile<Log1pF>, 15},
    {OpId::tanh, kF32, kF32, math_tile<TanhF>, 12},
    {OpId::sigmoid, kF32, kF32, math_tile<SigmoidF>, 10},
    {OpId::softplus, kF32, kF32, math_tile<SoftplusF>, 20},
    {OpId::erf, kF32, kF32, math_tile<ErfF>, 14},
    {OpId::sin, kF32, kF32, periodic_tile<SinF, precise_sin>, 15},
    {OpId::cos, kF32, kF32, periodic_tile<CosF, precise_cos>, 15},
};

}  // namespace

std::span<const TileOp> math_ops() { return kOps; }

}  // namespace lamina::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::cpu {

HWY_EXPORT(math_ops);
std::span<const TileOp> simd_math_ops() { return HWY_DYNAMIC_DISPATCH(math_ops)(); }

}  // namespace lamina::cpu
#endif
