// Convolutions by register tiles on channels-last pixels, without im2col.
#pragma once

#include <optional>

#include "lamina/backends/cpu/epilogue.h"
#include "lamina/backends/cpu/layout.h"
#include "lamina/engine/backend.h"
#include "lamina/ops/conv_attrs.h"

namespace lamina::cpu {

/// A convolution with three spatial axes, the leading ones of extent 1 where it has fewer.
struct ConvShape {
  int64_t n = 1, in_channels = 1, out_channels = 1;
  struct Axis {
    int64_t in = 1, out = 1, kernel = 1, stride = 1, pad = 0, dilation = 1;
  } axis[3];

  ConvShape(const Meta& x, const Meta& weight, const Meta& y, const ConvAttrs& attrs);
  int64_t in_pixels() const { return axis[0].in * axis[1].in * axis[2].in; }
  int64_t out_pixels() const { return axis[0].out * axis[1].out * axis[2].out; }
  /// Multiplications.
  int64_t products() const {
    return n * out_pixels() * out_channels * in_channels * axis[0].kernel * axis[1].kernel * axis[2].kernel;
  }
};

/// Each of these takes f32 without groups; tensors that lie plain pass through the workspace.
KernelChoice direct_conv(const KernelRequest& request, const Epilogue& epilogue, std::optional<int> bias);
KernelChoice direct_input_grad(const KernelRequest& request);
KernelChoice direct_weight_grad(const KernelRequest& request);

}  // namespace lamina::cpu
