// Helpers shared by the ops on [n, channels, spatial…].
#pragma once

#include "lamina/tensor/tensor.h"

namespace lamina {

/// How many spatial axes x has; throws Error naming `op` where it is not 1 to 3.
int spatial_axes(const Tensor& x, const char* op);

/// One value per spatial axis from an option that may hold one for all of them, or none.
Dims per_axis(const Dims& option, int axes, int64_t otherwise, const char* op, const char* name);

/// [channels] as [1, channels, 1, …], which broadcasts against x; throws Error where the counts differ.
Tensor per_channel(const Tensor& values, const Tensor& x, const char* op, const char* name);

}  // namespace lamina
