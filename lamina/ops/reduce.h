// Reductions over any axes; an empty list means all. Negative axes count from the end.
#pragma once

#include "lamina/tensor/tensor.h"

namespace lamina {

Tensor sum(const Tensor& x, const Dims& axes = {}, bool keepdim = false);
Tensor mean(const Tensor& x, const Dims& axes = {}, bool keepdim = false);
Tensor prod(const Tensor& x, const Dims& axes = {}, bool keepdim = false);
/// The gradient is shared equally among equal maxima.
Tensor amax(const Tensor& x, const Dims& axes = {}, bool keepdim = false);
Tensor amin(const Tensor& x, const Dims& axes = {}, bool keepdim = false);
/// Divided by n − correction.
Tensor var(const Tensor& x, const Dims& axes = {}, int correction = 1, bool keepdim = false);
Tensor stddev(const Tensor& x, const Dims& axes = {}, int correction = 1, bool keepdim = false);
/// (Σ|x|ᵖ)^(1/p); p = infinity gives max |x|. The 2-norm has gradient 0 at 0.
Tensor norm(const Tensor& x, double p = 2, const Dims& axes = {}, bool keepdim = false);
/// log Σ eˣ, shifted by the maximum.
Tensor logsumexp(const Tensor& x, const Dims& axes = {}, bool keepdim = false);
/// i64 index of the first extreme element along an axis.
Tensor argmax(const Tensor& x, int axis = -1, bool keepdim = false);
Tensor argmin(const Tensor& x, int axis = -1, bool keepdim = false);
Tensor cumsum(const Tensor& x, int axis = -1, bool reverse = false);
/// Sums x down to a shape that broadcasts to x's: the gradient of expand.
Tensor sum_to(const Tensor& x, const Shape& shape);

}  // namespace lamina
