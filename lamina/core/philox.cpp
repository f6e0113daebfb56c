#include "lamina/core/philox.h"

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

namespace lamina {

std::array<uint32_t, 4> philox4x32(uint64_t seed, uint64_t stream, uint64_t index) {
  constexpr uint64_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
  constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  auto key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
  std::array<uint32_t, 4> c{static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32),
                            static_cast<uint32_t>(stream), static_cast<uint32_t>(stream >> 32)};
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = kMultiplier0 * c[0], product1 = kMultiplier1 * c[2];
    c = {static_cast<uint32_t>(product1 >> 32) ^ c[1] ^ key0, static_cast<uint32_t>(product1),
         static_cast<uint32_t>(product0 >> 32) ^ c[3] ^ key1, static_cast<uint32_t>(product0)};
    key0 += kWeyl0;
    key1 += kWeyl1;
  }
  return c;
}

uint32_t Philox::next_u32() {
  if (used_ == 4) {
    block_ = philox4x32(seed_, stream_, index_++);
    used_ = 0;
  }
  return block_[static_cast<size_t>(used_++)];
}

uint64_t Philox::next_u64() {
  const uint64_t low = next_u32();
  return low | static_cast<uint64_t>(next_u32()) << 32;
}

double Philox::uniform() { return static_cast<double>(next_u64() >> 11) * 0x1p-53; }

double Philox::normal() {
  const double radius = std::sqrt(-2 * std::log1p(-uniform()));
  return radius * std::cos(2 * std::numbers::pi * uniform());
}

uint64_t Philox::below(uint64_t n) {
  const uint64_t limit = UINT64_MAX - UINT64_MAX % n;  // the largest multiple of n: reject what lies above
  uint64_t r = next_u64();
  while (r >= limit) r = next_u64();
  return r % n;
}

namespace {

double u53(uint32_t low, uint32_t high) {
  return static_cast<double>((low | static_cast<uint64_t>(high) << 32) >> 11) * 0x1p-53;
}

struct Pair {
  double even, odd;
};

/// Box–Muller of u in (0, 1] and v in [0, 1).
Pair normal_pair(double u, double v) {
  const double radius = std::sqrt(-2 * std::log(u)), angle = 2 * std::numbers::pi * v;
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

template <class T>
std::array<T, 4> uniform_block(const std::array<uint32_t, 4>& w) {
  if constexpr (std::is_same_v<T, float>) {
    return {to_unit_float(w[0]), to_unit_float(w[1]), to_unit_float(w[2]), to_unit_float(w[3])};
  } else {
    const auto eight = [](uint32_t bits) { return bfloat16(static_cast<float>(bits >> 24) * 0x1p-8f); };
    return {eight(w[0]), eight(w[1]), eight(w[2]), eight(w[3])};
  }
}

template <class T>
std::array<T, 4> normal_block(const std::array<uint32_t, 4>& w) {
  const auto pair = [](uint32_t a, uint32_t b) { return normal_pair((a + 1.0) * 0x1p-32, b * 0x1p-32); };
  const auto narrow = [](double z) { return T(static_cast<float>(z)); };
  const Pair p = pair(w[0], w[1]), q = pair(w[2], w[3]);
  return {narrow(p.even), narrow(p.odd), narrow(q.even), narrow(q.odd)};
}

std::array<double, 2> uniform_block_f64(const std::array<uint32_t, 4>& w) { return {u53(w[0], w[1]), u53(w[2], w[3])}; }

std::array<double, 2> normal_block_f64(const std::array<uint32_t, 4>& w) {
  const Pair p = normal_pair(1 - u53(w[0], w[1]), u53(w[2], w[3]));
  return {p.even, p.odd};
}

/// Elements of blocks made by `make`, each of `size` elements.
template <int size, class T, class Make>
void fill(uint64_t seed, uint64_t call, int64_t first, int64_t n, T* out, Make make) {
  for (int64_t done = 0; done < n;) {
    const int64_t at = first + done;
    const auto block = make(philox4x32(seed, call, static_cast<uint64_t>(at / size)));
    for (int64_t k = at % size; k < size && done < n; ++k) out[done++] = block[static_cast<size_t>(k)];
  }
}

}  // namespace

void fill_uniform(uint64_t seed, uint64_t call, int64_t first, int64_t n, float* out) {
  fill<4>(seed, call, first, n, out, uniform_block<float>);
}
void fill_uniform(uint64_t seed, uint64_t call, int64_t first, int64_t n, bfloat16* out) {
  fill<4>(seed, call, first, n, out, uniform_block<bfloat16>);
}
void fill_uniform(uint64_t seed, uint64_t call, int64_t first, int64_t n, double* out) {
  fill<2>(seed, call, first, n, out, uniform_block_f64);
}
void fill_normal(uint64_t seed, uint64_t call, int64_t first, int64_t n, float* out) {
  fill<4>(seed, call, first, n, out, normal_block<float>);
}
void fill_normal(uint64_t seed, uint64_t call, int64_t first, int64_t n, bfloat16* out) {
  fill<4>(seed, call, first, n, out, normal_block<bfloat16>);
}
void fill_normal(uint64_t seed, uint64_t call, int64_t first, int64_t n, double* out) {
  fill<2>(seed, call, first, n, out, normal_block_f64);
}

void fill_permutation(uint64_t seed, uint64_t call, int64_t n, int64_t* out) {
  std::iota(out, out + n, int64_t{0});
  Philox random(seed, call);
  for (int64_t i = n - 1; i > 0; --i) std::swap(out[i], out[random.below(static_cast<uint64_t>(i) + 1)]);
}

}  // namespace lamina
