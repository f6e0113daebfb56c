// Indexing, sorting. Indices are i64 or i32; out of range is an error.
#pragma once

#include <utility>

#include "lamina/tensor/tensor.h"

namespace lamina {

/// out[i][j] = x[index[i][j]][j] for axis 0: index has x's rank and extents no larger off the axis.
Tensor gather(const Tensor& x, int axis, const Tensor& index);
/// x with source added at the places that gather would read.
Tensor scatter_add(const Tensor& x, int axis, const Tensor& index, const Tensor& source);
/// Rows (slices along axis) by a vector of indices.
Tensor index_select(const Tensor& x, int axis, const Tensor& index);
/// x with slices of source added at the indices along an axis.
Tensor index_add(const Tensor& x, int axis, const Tensor& index, const Tensor& source);
/// weight [rows, dim], ids of any shape → ids.shape + [dim]; padding_id (≥ 0) contributes no gradient.
Tensor embedding(const Tensor& weight, const Tensor& ids, int64_t padding_id = -1);
/// [.., classes]; a negative id gives a row of zeros.
Tensor one_hot(const Tensor& ids, int64_t classes, DType dtype = DType::f32);
/// Values and i64 indices along an axis; stable.
std::pair<Tensor, Tensor> sort(const Tensor& x, int axis = -1, bool descending = false);
std::pair<Tensor, Tensor> topk(const Tensor& x, int64_t k, int axis = -1, bool largest = true);

}  // namespace lamina
