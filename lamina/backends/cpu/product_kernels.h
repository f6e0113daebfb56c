// The inner loops of direct convolutions, and what they share with matrix products, for the CPU at hand.
#pragma once

#include <cstdint>

namespace lamina::cpu {

constexpr int kMaxTileRows = 8;

/// A tile of a sum of products, at most tile rows × panel columns:
///
///     c[i, j] (+)= Σ_s Σ_p  a[i][segments[s] + p·a_step] · b[s·b_segment + p·b_step + j]
///
/// A matrix product has one segment; a convolution one per row of its kernel, or, where such rows are short, `index`
/// names the place of each product in a: then segments[s] + p·a_step is index[p], and there is one segment.
template <class T>
struct Tile {
  int rows, cols;
  const T* a[kMaxTileRows];
  const int64_t* segments;
  int64_t segment_count;
  const int64_t* index;  // or null; needs b_padded
  int64_t k;             // products per segment
  int64_t a_step;
  const T* b;
  int64_t b_step, b_segment;
  bool b_padded;  // b may be read up to the panel's end
  T* c;
  int64_t c_step;  // between rows
  bool accumulate;
};

/// Elements of a finished block, in place: one value per column, a block of the same shape, activations.
enum class BlockOp : uint8_t { add_row, add_block, mul_row, mul_block, relu, tanh, sigmoid };

template <class T>
struct ProductKernels {
  int lanes;      // of a vector
  int tile_rows;  // of tiles wider than `lanes`, which have up to 2·lanes columns
  int slim_rows;  // of tiles of up to `lanes` columns
  void (*tile)(const Tile<T>&);
  /// block[i·step + j] for rows × cols; operand likewise with its own step, or one row.
  void (*apply)(BlockOp op, T* block, int64_t step, int64_t rows, int64_t cols, const T* operand, int64_t operand_step);
  /// to[p·step_to + j] = from[p + j·step] for p < k, j < cols; zero for cols ≤ j < filled.
  void (*transpose)(const T* from, int64_t step, int64_t k, int64_t cols, T* to, int64_t step_to, int64_t filled);
  const char* target;  // "AVX2"
};

const ProductKernels<float>& product_kernels(float);
const ProductKernels<double>& product_kernels(double);

}  // namespace lamina::cpu
