// Views and rearrangements. reshape (of contiguous data), permute, transpose, slice, expand,
// squeeze and unsqueeze share memory with their input.
#pragma once

#include <vector>

#include "lamina/tensor/tensor.h"

namespace lamina {

/// One extent may be −1: inferred. Copies where the strides do not allow a view.
Tensor reshape(const Tensor& x, Shape shape);
/// Axes [start, end] merged into one (negative axes count from the end).
Tensor flatten(const Tensor& x, int start = 0, int end = -1);
/// Axis i of the result is axis order[i] of x.
Tensor permute(const Tensor& x, const Dims& order);
Tensor transpose(const Tensor& x, int a = -2, int b = -1);
Tensor squeeze(const Tensor& x, int axis);
Tensor unsqueeze(const Tensor& x, int axis);
/// NumPy's broadcast_to; the gradient sums.
Tensor expand(const Tensor& x, const Shape& shape);
/// x[…, start:end:step, …] on one axis; negative positions count from the end, the end is cut to the extent. step ≥ 1.
Tensor slice(const Tensor& x, int axis, int64_t start, int64_t end, int64_t step = 1);
/// x[…, index, …]: the axis disappears.
Tensor select(const Tensor& x, int axis, int64_t index);
/// Before/after counts per axis (negative counts cut), filled with `value`.
Tensor pad(const Tensor& x, const Dims& before, const Dims& after, double value = 0);
Tensor concat(const Tensors& xs, int axis);
/// Joined along a new axis.
Tensor stack(const Tensors& xs, int axis = 0);
/// Parts of the given extents along an axis.
Tensors split(const Tensor& x, const Dims& sizes, int axis = 0);
/// n equal parts; the extent must divide.
Tensors chunk(const Tensor& x, int64_t n, int axis = 0);
/// Row-major copy where it is not already.
Tensor contiguous(const Tensor& x);

}  // namespace lamina
