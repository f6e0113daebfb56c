// Several pictures in one.
#pragma once

#include <vector>

#include "lamina/tensor/tensor.h"

namespace lamina::report {

struct GridOptions {
  int64_t enlarge = 1;  // pixels on a side for each pixel
  int64_t gap = 4;      // pixels of white between pictures, and around them
};

/// Pictures u8 [1 or 3, h, w] in rows, as one picture u8 [3, …]. Each column is as wide as its widest, each row as high
/// as its highest picture.
Tensor grid(const std::vector<std::vector<Tensor>>& rows, const GridOptions& options = {});

/// f32 in [0, 1] (what is outside is cut) → u8.
Tensor to_bytes(const Tensor& picture);

}  // namespace lamina::report
