// One scalar function per pointwise op: of f64 for floating-point operands, of i64 for the others.
#pragma once

#include "lamina/backends/ref/kernels_internal.h"

namespace lamina::ref {

using ScalarFn = Scalar (*)(const Scalar* operands);

/// Null where the op has no meaning for operands of this dtype. `cast` and `full` are not among them.
ScalarFn scalar_function(OpId op, DType operand);

/// cast: floats to integers truncate (out of range saturates, NaN gives 0), to bool compare with zero.
Scalar converted(Scalar value, DType from, DType to);

}  // namespace lamina::ref
