// Functions over one tile: the instructions of fused programs, and the single pointwise ops.
#pragma once

#include <cstddef>
#include <span>

#include "lamina/engine/op.h"

namespace lamina::cpu {

/// out[i] = f(a[i], b[i], c[i]) for i < n. `out` may be an operand of the same element size. Bit k of
/// `splat`: operand k is kSplat equal elements that stand for all n.
using TileFn = void (*)(void* out, const void* a, const void* b, const void* c, size_t n, unsigned splat);

/// Elements in the memory of a splat operand: a vector of every instruction set.
inline constexpr size_t kSplat = 16;

struct TileOp {
  OpId op;
  DType in, out;  // of the operands (for where: of the values); of the result
  TileFn fn;
  int cost = 1;  // relative to an addition
};

/// bf16 values are held as f32, rounded after each op.
TileFn round_to_bf16();
/// Null where there is none. `in` are the dtypes of all operands; bf16 stands for itself nowhere.
const TileOp* find_tile_op(OpId op, std::span<const DType> in, DType out);
/// out = second(first(a, b), c), or second(c, first(a, b)) where `turned`, on f32; relu has no c (it is read,
/// hence must be readable, and ignored). Null where the two are no pair.
TileFn find_tile_pair(OpId first, OpId second, bool turned);
/// The functions of f32 and f64 arithmetic, chosen for this CPU.
std::span<const TileOp> simd_tile_ops();
/// The functions of f32 real analysis, chosen for this CPU.
std::span<const TileOp> simd_math_ops();
/// Every other dtype, in plain loops.
std::span<const TileOp> scalar_tile_ops();

}  // namespace lamina::cpu
