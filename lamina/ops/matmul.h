// Matrix products.
#pragma once

#include <string_view>

#include "lamina/tensor/tensor.h"

namespace lamina {

/// [.., m, k] × [.., k, n] → [.., m, n]; leading axes broadcast. A vector on the left is a row, on
/// the right a column, and its axis disappears from the result.
Tensor matmul(const Tensor& a, const Tensor& b);
/// x·weightᵀ + bias: x [.., in], weight [out, in], bias [out] or undefined → [.., out].
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});
/// Einstein summation of one or two operands, e.g. einsum("bij,bjk->bik", a, b). Without "->" the
/// result has the labels that occur once, sorted.
Tensor einsum(std::string_view formula, const Tensor& a, const Tensor& b);
Tensor einsum(std::string_view formula, const Tensor& a);

}  // namespace lamina
