// The inner loops of pooling over channels-last pixels, for the CPU at hand. All in f32.
#pragma once

#include <cstdint>

namespace lamina::cpu {

/// Pixels that one result depends on; `base` plus a pixel's number times `channels` is its place.
struct Pixels {
  const int32_t* at;
  int64_t count;
  int64_t channels;
};

struct PoolKernels {
  /// Maxima over the pixels, and which pixel has them (positions may be null): the first of equals, NaN above all.
  void (*max)(const float* base, Pixels pixels, float* y, int32_t* positions);
  /// Σ weights[i] · pixel i.
  void (*weighted_sum)(const float* base, Pixels pixels, const float* weights, float* y);
  /// Sum of those pixels of `base` whose entry in `positions` is `self`.
  void (*sum_where)(const float* base, const int32_t* positions, Pixels pixels, int32_t self, float* y);
  /// Where windows share no pixel: each pixel of row r's window, [first[r], first[r + 1]) of `at`, gets g[r] where
  /// positions[r] is that pixel, else 0.
  void (*spread)(const float* g, const int32_t* positions, const int32_t* at, const int64_t* first, int64_t rows,
                 int64_t channels, float* dx);
  /// A plane of at least gather_rows results, each of `count` pixels: result r depends on at[i·rows + r], i < count.
  /// As weighted_sum (with weights[r]) and max do.
  int64_t gather_rows;
  void (*gather_sum)(const float* plane, const int32_t* at, const float* weights, int64_t rows, int64_t count,
                     float* y);
  void (*gather_max)(const float* plane, const int32_t* at, int64_t rows, int64_t count, float* y, int32_t* positions);
  const char* target;
};

const PoolKernels& pool_kernels();

}  // namespace lamina::cpu
