// The inner loops of matrix products, for the CPU at hand.
#pragma once

#include <cstdint>

namespace lamina::cpu {

/// Rows of a product with one panel of its right operand:
///
///     c[i·c_row + j] (+)= Σ_p a(i, p) · b[p·b_row + j]   for i < rows, j < cols, p < k
///
/// a(i, p) is a[i·a_row + p·a_step], or lies packed: in tiles of a_tile rows (see tile_height), [p][row of the tile]
/// each.
template <class T>
struct Strip {
  int64_t rows, cols, k;
  const T* a;
  int64_t a_row, a_step;
  int64_t a_tile;  // 0: not packed
  const T* b;
  int64_t b_row;
  bool b_padded;  // b may be read up to the panel's width; otherwise cols may be any number
  T* c;
  int64_t c_row;
  bool accumulate;
};

/// Dot products of rows with rows: c[i·c_row + j·c_step] = Σ_p a[i·a_row + p] · b[j·b_row + p].
template <class T>
struct Dots {
  int64_t rows, cols, k;
  const T* a;
  int64_t a_row;
  const T* b;
  int64_t b_row;
  T* c;
  int64_t c_row, c_step;
};

/// Rows of the next tile where `rest` are left: the last two tiles share what is left, because low tiles are slow.
inline int64_t tile_height(int64_t rest, int64_t most) {
  return rest >= 2 * most ? most : rest > most ? (rest + 1) / 2 : rest;
}

template <class T>
struct GemmKernels {
  int lanes;         // of a vector; panels have up to 2·lanes columns
  int tile_rows;     // of panels wider than `lanes`
  int slim_rows;     // of others
  int64_t dot_rows;  // the most that dots() takes
  void (*strip)(const Strip<T>&);
  void (*dots)(const Dots<T>&);
  /// to[p·width + j] = from[p·step + j] for p < k, j < cols; any numbers for cols ≤ j < width. Behind the last row up
  /// to a vector of `to` may be overwritten.
  void (*copy_rows)(const T* from, int64_t step, int64_t k, int64_t cols, T* to, int64_t width);
  const char* target;  // "AVX2"
};

const GemmKernels<float>& gemm_kernels(float);
const GemmKernels<double>& gemm_kernels(double);

}  // namespace lamina::cpu
