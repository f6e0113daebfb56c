// Softmax and the cross-entropy built on it.
#pragma once

#include "lamina/tensor/tensor.h"

namespace lamina {

/// e^(xᵢ − max) / Σ e^(xⱼ − max).
Tensor softmax(const Tensor& x, int axis = -1);
Tensor log_softmax(const Tensor& x, int axis = -1);
/// −log softmax(logits)[target] per row: logits [n, classes], target i64 or i32 [n] → [n]. Rows whose target is
/// negative give 0. Targets of `classes` and above are an error in eager code.
Tensor cross_entropy_rows(const Tensor& logits, const Tensor& target);

}  // namespace lamina
