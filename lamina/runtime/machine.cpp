#include "lamina/runtime/machine.h"

#include <immintrin.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <vector>

#include "lamina/core/parallel.h"

namespace lamina::runtime {

namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

constexpr int64_t kRounds = 2'000'000;
constexpr int kChains = 12;  // independent sums, enough to cover the latency of a multiply-add

[[gnu::target("avx2,fma")]] float multiply_add_avx2() {
  __m256 sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = _mm256_set1_ps(static_cast<float>(i));
  const __m256 a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f);
  for (int64_t r = 0; r < kRounds; ++r) {
    for (__m256& s : sums) s = _mm256_fmadd_ps(s, a, b);
  }
  float total = 0;
  for (const __m256& s : sums) total += _mm256_cvtss_f32(s);
  return total;
}

[[gnu::target("avx512f")]] float multiply_add_avx512() {
  __m512 sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = _mm512_set1_ps(static_cast<float>(i));
  const __m512 a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(0.001f);
  for (int64_t r = 0; r < kRounds; ++r) {
    for (__m512& s : sums) s = _mm512_fmadd_ps(s, a, b);
  }
  float total = 0;
  for (const __m512& s : sums) total += _mm512_cvtss_f32(s);
  return total;
}

double measure_flops() {
  const bool wide = __builtin_cpu_supports("avx512f");
  const int64_t threads = num_threads();
  const double per_thread = 2.0 * kRounds * kChains * (wide ? 16 : 8);
  double best = 0;
  std::vector<float> sink(static_cast<size_t>(threads));
  for (int attempt = 0; attempt < 5; ++attempt) {
    const double start = now();
    parallel_for(threads, 1, [&](int64_t begin, int64_t) {
      sink[static_cast<size_t>(begin)] = wide ? multiply_add_avx512() : multiply_add_avx2();
    });
    best = std::max(best, per_thread * static_cast<double>(threads) / (now() - start));
  }
  return best;
}

double measure_bandwidth() {
  constexpr int64_t kCount = 24'000'000;  // floats; two arrays of 96 MB
  std::vector<float> from(kCount, 1.0f), to(kCount, 0.0f);
  double best = 0;
  for (int attempt = 0; attempt < 5; ++attempt) {
    const double start = now();
    parallel_for(kCount, kCount / num_threads() + 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) to[static_cast<size_t>(i)] = from[static_cast<size_t>(i)] + 1.0f;
    });
    best = std::max(best, 8.0 * kCount / (now() - start));
  }
  return best;
}

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

}  // namespace

double Machine::seconds(double flops, double bytes) const {
  return std::max(flops / flops_per_second, bytes / bytes_per_second);
}

std::string Machine::text() const {
  char line[256];
  std::snprintf(line, sizeof line, "%s, %d threads: %.0f GFLOP/s f32, %.1f GB/s (measured)", cpu.c_str(), threads,
                flops_per_second / 1e9, bytes_per_second / 1e9);
  return line;
}

Machine measure_machine() { return {cpu_name(), num_threads(), measure_flops(), measure_bandwidth()}; }

}  // namespace lamina::runtime
