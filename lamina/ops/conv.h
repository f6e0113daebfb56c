// Convolution (cross-correlation, as the field has it) in 1, 2 and 3 dimensions.
#pragma once

#include "lamina/tensor/tensor.h"

namespace lamina {

/// One entry means the same for every spatial axis; empty means the default.
struct ConvOptions {
  Dims stride = {1};
  Dims padding = {0};
  Dims dilation = {1};
  int64_t groups = 1;
};

/// x [n, in, spatial…], weight [out, in/groups, kernel…], bias [out] or undefined → [n, out, spatial′…]
/// with spatial′ = floor((spatial + 2·padding − dilation·(kernel − 1) − 1) / stride) + 1.
Tensor conv(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, const ConvOptions& options = {});

struct ConvTransposeOptions {
  Dims stride = {1};
  Dims padding = {0};
  Dims output_padding = {0};
  Dims dilation = {1};
  int64_t groups = 1;
};

/// The adjoint of conv: x [n, in, spatial…], weight [in, out/groups, kernel…], bias [out] → [n, out, spatial′…] with
/// spatial′ = (spatial − 1)·stride − 2·padding + dilation·(kernel − 1) + output_padding + 1.
Tensor conv_transpose(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                      const ConvTransposeOptions& options = {});

}  // namespace lamina
