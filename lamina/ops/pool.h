// Pooling over the spatial axes of [n, channels, spatial…], 1 to 3 of them.
#pragma once

#include <utility>

#include "lamina/tensor/tensor.h"

namespace lamina {

/// One entry means the same for every spatial axis.
struct PoolOptions {
  Dims kernel = {2};
  Dims stride = {};  // default: the kernel
  Dims padding = {0};
  Dims dilation = {1};            // max pooling
  bool ceil_mode = false;         // round the output extent up
  bool count_include_pad = true;  // average pooling: padding counts in the divisor
};

Tensor max_pool(const Tensor& x, const PoolOptions& options = {});
/// Also the i64 position of each maximum within its channel's flattened spatial extent.
std::pair<Tensor, Tensor> max_pool_with_indices(const Tensor& x, const PoolOptions& options = {});
Tensor avg_pool(const Tensor& x, const PoolOptions& options = {});
/// Windows chosen such that the output has the given spatial extents, as PyTorch does.
Tensor adaptive_avg_pool(const Tensor& x, const Dims& output);
Tensor adaptive_max_pool(const Tensor& x, const Dims& output);
/// Mean over all spatial axes → [n, channels].
Tensor global_avg_pool(const Tensor& x);
Tensor global_max_pool(const Tensor& x);

}  // namespace lamina
