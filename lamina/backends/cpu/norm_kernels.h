// The inner loops of normalization, for the CPU at hand. All in f32.
#pragma once

#include <cstdint>

namespace lamina::cpu {

/// Both directions of batch normalization are two sums per channel and one map. Where g is null (forward)
/// the sums are Σ (x − c) and Σ (x − c)², otherwise (backward) Σ g and Σ g·(x − c); the map gives
/// (x − c)·p + q, backward + g·r.
struct ChannelMap {
  const float *c, *p, *q, *r;  // per channel
  bool relu = false;           // of the result
};

/// One row of layer normalization.
struct RowNorm {
  const float *x, *weight, *bias;
  float* y;
  int64_t n;
  float eps;
};

struct RowNormGrad {
  const float *x, *weight, *g;
  float mean, scale;  // 1/√(variance + eps)
  float* dx;          // may be null
  int64_t n;
  float *dweight, *dbias;  // added to; may be null
};

struct NormKernels {
  /// n adjacent elements of one channel.
  void (*sums)(const float* x, const float* g, float c, int64_t n, double* sum1, double* sum2);
  void (*map)(const float* x, const float* g, ChannelMap channel, int64_t n, float* y);
  /// rows × channels, channels adjacent: per channel the two sums of these rows.
  void (*sums_last)(const float* x, const float* g, const float* c, int64_t rows, int64_t channels, float* sum1,
                    float* sum2);
  void (*map_last)(const float* x, const float* g, ChannelMap channels, int64_t rows, int64_t count, float* y);
  void (*row)(const RowNorm&, float* mean, float* variance);
  void (*row_grad)(const RowNormGrad&);
  const char* target;
};

const NormKernels& norm_kernels();

}  // namespace lamina::cpu
