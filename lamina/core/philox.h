// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011):
// a counter-based generator. Element i of stream (seed, stream) is a pure function of the three,
// so results depend neither on the number of threads nor on the order of evaluation.
#pragma once

#include <array>
#include <cstdint>

#include "lamina/core/dtype.h"

namespace lamina {

/// Four 32-bit random words for counter (index, stream) under key `seed`.
std::array<uint32_t, 4> philox4x32(uint64_t seed, uint64_t stream, uint64_t index);

/// Uniform in [0, 1) with 24 bits.
constexpr float to_unit_float(uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }

// The random ops. Element i of call `call` under `seed` is the same on every backend and for any split of the work
// into ranges [first, first + n). With w = philox4x32(seed, call, block) and u53(a, b) the upper 53 bits of a + 2³²·b
// times 2⁻⁵³:
//   uniform f32    to_unit_float(w[i % 4]) of block i / 4
//   uniform bf16   the upper 8 bits of the same word, times 2⁻⁸, so that nothing rounds up to 1
//   uniform f64    u53(w[2·(i % 2)], w[2·(i % 2) + 1]) of block i / 2
//   normal f32     Box–Muller, in double, of the words 2·(i / 2 % 2) and the next of block i / 4: with
//                  u = (first word + 1)·2⁻³² and v = second word·2⁻³², √(−2 ln u)·cos 2πv for even i, ·sin 2πv for odd
//   normal bf16    normal f32, rounded
//   normal f64     likewise with u = 1 − u53(w[0], w[1]) and v = u53(w[2], w[3]) of block i / 2
//   permutation    of 0 … n − 1 by Fisher and Yates: for i = n − 1 … 1 swap element i with element
//                  Philox(seed, call).below(i + 1)

/// Writes elements first … first + n − 1 of a call of random_uniform, in [0, 1).
void fill_uniform(uint64_t seed, uint64_t call, int64_t first, int64_t n, float* out);
void fill_uniform(uint64_t seed, uint64_t call, int64_t first, int64_t n, double* out);
void fill_uniform(uint64_t seed, uint64_t call, int64_t first, int64_t n, bfloat16* out);
/// Likewise of random_normal: mean 0, variance 1.
void fill_normal(uint64_t seed, uint64_t call, int64_t first, int64_t n, float* out);
void fill_normal(uint64_t seed, uint64_t call, int64_t first, int64_t n, double* out);
void fill_normal(uint64_t seed, uint64_t call, int64_t first, int64_t n, bfloat16* out);
/// All n elements of a call of random_permutation.
void fill_permutation(uint64_t seed, uint64_t call, int64_t n, int64_t* out);

/// A sequential view of one Philox stream, for host code (shuffling, augmentation, splits).
class Philox {
 public:
  explicit Philox(uint64_t seed, uint64_t stream = 0) : seed_(seed), stream_(stream) {}
  uint32_t next_u32();
  uint64_t next_u64();
  /// Uniform in [0, 1), 53 bits.
  double uniform();
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Standard normal (Box–Muller).
  double normal();
  /// Uniform in [0, n), without bias.
  uint64_t below(uint64_t n);

 private:
  uint64_t seed_, stream_, index_ = 0;
  std::array<uint32_t, 4> block_{};
  int used_ = 4;
};

}  // namespace lamina
