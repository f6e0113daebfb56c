// Parts of contiguous tensors, without copies.
#pragma once

#include "lamina/tensor/tensor.h"

namespace lamina::data {

/// Rows begin … end − 1 along the first axis, sharing the memory.
Tensor rows_of(const Tensor& t, int64_t begin, int64_t end);
/// Row i, without the first axis.
Tensor row_of(const Tensor& rows, int64_t i);
/// The same values in another shape of as many.
Tensor reshaped(const Tensor& t, const Shape& shape);

}  // namespace lamina::data
