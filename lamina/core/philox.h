// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011):
// a counter-based generator. Element i of stream (seed, stream) is a pure function of the three,
// so results depend neither on the number of threads nor on the order of evaluation.
#pragma once

#include <array>
#include <cstdint>

namespace lamina {

/// Four 32-bit random words for counter (index, stream) under key `seed`.
std::array<uint32_t, 4> philox4x32(uint64_t seed, uint64_t stream, uint64_t index);

/// Uniform in [0, 1) with 24 bits.
constexpr float to_unit_float(uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }

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
