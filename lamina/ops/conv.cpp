#include "lamina/ops/conv.h"

#include <string>

#include "lamina/core/error.h"
#include "lamina/engine/dispatch.h"
#include "lamina/engine/op_list.h"
#include "lamina/ops/conv_attrs.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/pointwise.h"
#include "lamina/ops/reduce.h"
#include "lamina/ops/spatial_internal.h"

namespace lamina {

namespace {

std::string text(int64_t n) { return std::to_string(n); }

void check_geometry(const ConvAttrs& a, int axes, const char* op) {
  const bool one_each =
      a.stride.rank() == axes && a.pad_before.rank() == axes && a.pad_after.rank() == axes && a.dilation.rank() == axes;
  if (!one_each) throw Error(op, "needs stride, padding and dilation for each of " + text(axes) + " spatial axes");
  for (int i = 0; i < axes; ++i) {
    if (a.stride[i] < 1 || a.dilation[i] < 1 || a.pad_before[i] < 0 || a.pad_after[i] < 0) {
      throw Error(op, "stride and dilation must be 1 or more, padding 0 or more")
          .detail("stride " + a.stride.str() + ", padding " + a.pad_before.str() + ", dilation " + a.dilation.str());
    }
  }
  if (a.groups < 1) throw Error(op, "groups must be 1 or more, got " + text(a.groups));
}

void check_channels(const Meta& x, const Meta& w, const ConvAttrs& a, const char* op) {
  if (w.shape[1] * a.groups != x.shape[1]) {
    throw Error(op, "weight expects " + text(w.shape[1] * a.groups) + " input channels, input has " + text(x.shape[1]))
        .detail("input  " + x.str())
        .detail("weight " + w.str() + (a.groups > 1 ? ", " + text(a.groups) + " groups" : ""))
        .hint("look at the previous layer's .out");
  }
  if (w.shape[0] % a.groups != 0) {
    throw Error(op, text(w.shape[0]) + " output channels do not divide into " + text(a.groups) + " groups")
        .detail("weight " + w.str());
  }
  if (w.numel() == 0) throw Error(op, "the weight has no elements").detail("weight " + w.str());
}

/// Of the convolution of x with w: all checks, and the shape of the result.
Shape conv_shape(const Meta& x, const Meta& w, const ConvAttrs& a, const char* op) {
  if (x.rank() < 3 || x.rank() > 5 || w.rank() != x.rank()) {
    throw Error(op, "expected input [n, in, spatial…] and weight [out, in/groups, kernel…] with 1 to 3 spatial axes")
        .detail("input  " + x.str())
        .detail("weight " + w.str());
  }
  if (!is_floating(x.dtype) || w.dtype != x.dtype) {
    throw Error(op, "input and weight must be of one floating-point dtype")
        .detail("input  " + x.str())
        .detail("weight " + w.str());
  }
  const int axes = x.rank() - 2;
  check_geometry(a, axes, op);
  check_channels(x, w, a, op);
  Shape out{x.shape[0], w.shape[0]};
  for (int i = 0; i < axes; ++i) {
    const int64_t padded = x.shape[2 + i] + a.pad_before[i] + a.pad_after[i];
    const int64_t reach = a.dilation[i] * (w.shape[2 + i] - 1) + 1;
    if (padded < reach || x.shape[2 + i] == 0) {
      throw Error(op, "the kernel spans " + text(reach) + " elements of spatial axis " + text(i) +
                          ", the padded input has " + text(padded))
          .detail("input  " + x.str())
          .detail("weight " + w.str())
          .hint("use a smaller kernel or dilation, more padding, or a larger input");
    }
    out.push_back((padded - reach) / a.stride[i] + 1);
  }
  return out;
}

Metas infer_conv(std::span<const Meta> in, const Attrs& attrs) {
  const Shape out = conv_shape(in[0], in[1], attrs.as<ConvAttrs>(), "conv");
  if (in.size() == 3 && (in[2].shape != Shape{out[1]} || in[2].dtype != in[0].dtype)) {
    throw Error("conv", "bias must be " + Meta(in[0].dtype, {out[1]}).str() + ", got " + in[2].str())
        .detail("weight " + in[1].str());
  }
  return {Meta(in[0].dtype, out)};
}

/// The result of a gradient must be such that the convolution gives a tensor like `grad`.
Metas checked_gradient(const Meta& x, const Meta& w, const Meta& grad, const ConvAttrs& a, const char* op) {
  const Shape expected = conv_shape(x, w, a, op);
  if (grad.shape != expected || grad.dtype != x.dtype) {
    throw Error(op, "the gradient must be " + Meta(x.dtype, expected).str() + ", got " + grad.str())
        .detail("input  " + x.str())
        .detail("weight " + w.str());
  }
  return {Meta(x.dtype, a.result)};
}

Metas infer_input_grad(std::span<const Meta> in, const Attrs& attrs) {
  const auto& a = attrs.as<ConvAttrs>();
  return checked_gradient(Meta(in[1].dtype, a.result), in[1], in[0], a, "conv_input_grad");
}

Metas infer_weight_grad(std::span<const Meta> in, const Attrs& attrs) {
  const auto& a = attrs.as<ConvAttrs>();
  return checked_gradient(in[0], Meta(in[0].dtype, a.result), in[1], a, "conv_weight_grad");
}

ConvAttrs with_result(ConvAttrs a, const Shape& result) {
  a.result = result;
  return a;
}

// The three are bilinear and each other's derivatives.
Tensor run_conv(const Tensor& x, const Tensor& w, const ConvAttrs& a) {
  return dispatch1(OpId::conv, {x, w}, with_result(a, {}));
}
Tensor input_grad(const Tensor& g, const Tensor& w, const ConvAttrs& a, const Shape& x) {
  return dispatch1(OpId::conv_input_grad, {g, w}, with_result(a, x));
}
Tensor weight_grad(const Tensor& x, const Tensor& g, const ConvAttrs& a, const Shape& w) {
  return dispatch1(OpId::conv_weight_grad, {x, g}, with_result(a, w));
}

Tensors conv_vjp(const VjpCtx& c) {
  const auto& a = c.attrs.as<ConvAttrs>();
  const Tensor &x = c.in[0], &w = c.in[1], &g = c.grads[0];
  Tensors result(c.in.size());
  if (c.needs[0]) result[0] = input_grad(g, w, a, x.shape());
  if (c.needs[1]) result[1] = weight_grad(x, g, a, w.shape());
  if (c.in.size() == 3 && c.needs[2]) {
    Dims axes{0};
    for (int i = 2; i < g.rank(); ++i) axes.push_back(i);
    result[2] = sum(g, axes);
  }
  return result;
}

Tensors input_grad_vjp(const VjpCtx& c) {
  const auto& a = c.attrs.as<ConvAttrs>();
  const Tensor &g = c.in[0], &w = c.in[1], &h = c.grads[0];
  Tensors result(2);
  if (c.needs[0]) result[0] = run_conv(h, w, a);
  if (c.needs[1]) result[1] = weight_grad(h, g, a, w.shape());
  return result;
}

Tensors weight_grad_vjp(const VjpCtx& c) {
  const auto& a = c.attrs.as<ConvAttrs>();
  const Tensor &x = c.in[0], &g = c.in[1], &v = c.grads[0];
  Tensors result(2);
  if (c.needs[0]) result[0] = input_grad(g, v, a, x.shape());
  if (c.needs[1]) result[1] = run_conv(x, v, a);
  return result;
}

/// Two per multiplication with the taps of one output element.
double flops_of(const Shape& out, const Shape& w) {
  return 2.0 * static_cast<double>(out.numel()) * static_cast<double>(w.numel() / w[0]);
}

}  // namespace

// x, weight, optionally bias.
const OpDef conv_def{
    .name = "conv",
    .infer = infer_conv,
    .gradient = Vjp{conv_vjp},
    .traits = {.takes_epilogue = true, .channels_in = 1, .channels_out = 1, .saves = Saves::inputs},
    .flops = [](std::span<const Meta> in, std::span<const Meta> out,
                const Attrs&) { return flops_of(out[0].shape, in[1].shape); },
    .onnx = {"Conv", 11},
};
// The gradient of conv's result, weight.
const OpDef conv_input_grad_def{
    .name = "conv_input_grad",
    .infer = infer_input_grad,
    .gradient = Vjp{input_grad_vjp},
    .traits = {.channels_in = 1, .channels_out = 1, .saves = Saves::inputs},
    .flops = [](std::span<const Meta> in, std::span<const Meta>,
                const Attrs&) { return flops_of(in[0].shape, in[1].shape); },
    .onnx = {"ConvTranspose", 11},
};
// x, the gradient of conv's result.
const OpDef conv_weight_grad_def{
    .name = "conv_weight_grad",
    .infer = infer_weight_grad,
    .gradient = Vjp{weight_grad_vjp},
    .traits = {.channels_in = 3, .saves = Saves::inputs},
    .flops = [](std::span<const Meta> in, std::span<const Meta> out,
                const Attrs&) { return flops_of(in[1].shape, out[0].shape); },
};

Tensor conv(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvOptions& options) {
  const int axes = spatial_axes(x, "conv");
  const Dims padding = per_axis(options.padding, axes, 0, "conv", "padding");
  const ConvAttrs attrs{.stride = per_axis(options.stride, axes, 1, "conv", "stride"),
                        .pad_before = padding,
                        .pad_after = padding,
                        .dilation = per_axis(options.dilation, axes, 1, "conv", "dilation"),
                        .groups = options.groups,
                        .result = {}};
  const DType dtype = promote(x.dtype(), weight.dtype());
  Tensors inputs{cast(x, dtype), cast(weight, dtype)};
  if (bias.defined()) inputs.push_back(cast(bias, dtype));
  return dispatch1(OpId::conv, inputs, attrs);
}

Tensor conv_transpose(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvTransposeOptions& options) {
  const char* op = "conv_transpose";
  const int axes = spatial_axes(x, op);
  if (weight.rank() != x.rank() || weight.size(0) != x.size(1)) {
    throw Error(op, "expected weight [in, out/groups, kernel…] with as many input channels as the input has")
        .detail("input  " + x.meta().str())
        .detail("weight " + weight.meta().str());
  }
  const Dims padding = per_axis(options.padding, axes, 0, op, "padding");
  const Dims extra = per_axis(options.output_padding, axes, 0, op, "output_padding");
  ConvAttrs attrs{.stride = per_axis(options.stride, axes, 1, op, "stride"),
                  .pad_before = padding,
                  .pad_after = padding,
                  .dilation = per_axis(options.dilation, axes, 1, op, "dilation"),
                  .groups = options.groups,
                  .result = {x.size(0), weight.size(1) * options.groups}};
  check_geometry(attrs, axes, op);
  for (int i = 0; i < axes; ++i) {
    const int64_t extent = (x.size(2 + i) - 1) * attrs.stride[i] - 2 * padding[i] +
                           attrs.dilation[i] * (weight.size(2 + i) - 1) + extra[i] + 1;
    if (extra[i] < 0 || extra[i] >= std::max(attrs.stride[i], attrs.dilation[i]) || extent < 1) {
      throw Error(op, "spatial axis " + text(i) + " would have " + text(extent) + " elements")
          .detail("input  " + x.meta().str())
          .detail("weight " + weight.meta().str())
          .hint("output_padding must be 0 or more and below the stride or the dilation");
    }
    attrs.result.push_back(extent);
  }
  const DType dtype = promote(x.dtype(), weight.dtype());
  const Tensor y = dispatch1(OpId::conv_input_grad, {cast(x, dtype), cast(weight, dtype)}, attrs);
  return bias.defined() ? y + per_channel(bias, y, op, "bias") : y;
}

}  // namespace lamina
