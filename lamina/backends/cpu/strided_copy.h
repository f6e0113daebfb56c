// Copies between any two layouts of one shape.
#pragma once

#include "lamina/backends/cpu/loops.h"

namespace lamina::cpu {

class StridedCopy {
 public:
  StridedCopy() = default;
  /// Strides in elements of `bytes` bytes (1, 2, 4 or 8).
  StridedCopy(const Shape& shape, const Strides& in, const Strides& out, size_t bytes);

  /// On all threads where there is enough to do.
  void run(const void* in, void* out) const;

 private:
  void copy_rows(const std::byte* in, std::byte* out, int64_t begin, int64_t end) const;
  void transpose_tiles(const std::byte* in, std::byte* out, int64_t begin, int64_t end) const;

  static constexpr int64_t kTile = 64, kRow = 16 << 10;
  Shape outer_;  // axes outside a row or a tile
  Strides outer_in_, outer_out_;
  int64_t length_ = 0, step_in_ = 1, step_out_ = 1;  // the row; of a transposition the axis with output stride 1
  int64_t columns_ = 0, column_out_ = 0;             // of a transposition the axis with input stride 1
  int64_t cuts_ = 1, column_cuts_ = 1;               // parts of the row, of the columns
  size_t bytes_ = 4;
  bool transposes_ = false;
};

/// to[c·to_stride + r] = from[r·from_stride + c] for r < rows, c < columns; elements of 4 bytes.
void transpose_block(const void* from, int64_t from_stride, void* to, int64_t to_stride, int64_t rows, int64_t columns);

}  // namespace lamina::cpu
