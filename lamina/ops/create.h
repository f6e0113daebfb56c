// Tensors from nothing.
#pragma once

#include "lamina/tensor/tensor.h"

namespace lamina {

Tensor full(const Shape& shape, double value, DType dtype = DType::f32);
Tensor zeros(const Shape& shape, DType dtype = DType::f32);
Tensor ones(const Shape& shape, DType dtype = DType::f32);
Tensor zeros_like(const Tensor& x);
Tensor ones_like(const Tensor& x);
/// start, start + step, … (end excluded), [ceil((end − start) / step)].
Tensor arange(double start, double end, double step = 1, DType dtype = DType::f32);
/// n values from start to end, both included.
Tensor linspace(double start, double end, int64_t n, DType dtype = DType::f32);
/// Identity, [n, n].
Tensor eye(int64_t n, DType dtype = DType::f32);

}  // namespace lamina
