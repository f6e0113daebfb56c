// The axes of several operands of one shape, merged where all of them allow it.
#pragma once

#include <vector>

#include "lamina/tensor/tensor.h"

namespace lamina::cpu {

struct Loops {
  Shape shape;                   // outermost first, no extents of 1; [1] for a single element
  std::vector<Strides> strides;  // per operand, in elements

  int rank() const { return shape.rank(); }
};

/// Axes ordered by the strides of operand `leader`, the largest first, then by those of the others.
Loops merge_axes(const Shape& shape, const std::vector<Strides>& operands, size_t leader = 0);

}  // namespace lamina::cpu
