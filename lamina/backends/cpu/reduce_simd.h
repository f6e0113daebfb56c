// Vector loops of the reductions. Totals are kept in f64: sums of f32 are exact to a few units of the
// last place however many terms they have.
#pragma once

#include <cstdint>

#include "lamina/engine/op.h"

namespace lamina::cpu {

/// Terms that are added up in the dtype itself before they go into an f64 total; also where long runs are cut.
inline constexpr int64_t kRunLength = 8192;

struct ReduceLoops {
  /// All of a[0 … n), n ≤ kRunLength.
  double (*run)(const void* a, int64_t n);
  /// out[r·out_stride] = all of a[r·stride … r·stride + n), for rows too short for vectors.
  void (*short_runs)(const void* a, int64_t rows, int64_t stride, int64_t n, void* out, int64_t out_stride);
  /// totals[j] joined with a[r·stride + j] for every row r and j < columns.
  void (*rows)(const void* a, int64_t rows, int64_t stride, int64_t columns, double* totals);
};

/// Of sum, amax and amin in f32 and f64; null functions for others.
ReduceLoops reduce_loops(OpId op, DType dtype);

}  // namespace lamina::cpu
