#include "lamina/ops/pool.h"

#include <string>

#include "lamina/core/error.h"
#include "lamina/engine/dispatch.h"
#include "lamina/engine/op_list.h"
#include "lamina/ops/pointwise.h"
#include "lamina/ops/pool_attrs.h"
#include "lamina/ops/reduce.h"
#include "lamina/ops/spatial_internal.h"

namespace lamina {

namespace {

std::string text(int64_t n) { return std::to_string(n); }

int check_input(const Shape& x, const char* op) {
  const int axes = x.rank() - 2;
  bool fits = axes >= 1 && axes <= 3;
  for (int i = 0; fits && i < axes; ++i) fits = x[2 + i] > 0;
  if (!fits) throw Error(op, "expected [n, channels, spatial…] with 1 to 3 spatial axes, none empty, got " + x.str());
  return axes;
}

void check_window(const PoolAttrs& a, int axes, const char* op) {
  if (a.kernel.rank() != axes || a.stride.rank() != axes || a.padding.rank() != axes || a.dilation.rank() != axes) {
    throw Error(op, "needs kernel, stride, padding and dilation for each of " + text(axes) + " spatial axes");
  }
  for (int i = 0; i < axes; ++i) {
    const bool positive = a.kernel[i] >= 1 && a.stride[i] >= 1 && a.dilation[i] >= 1;
    const int64_t reach = a.dilation[i] * (a.kernel[i] - 1) + 1;
    if (!positive || a.padding[i] < 0 || 2 * a.padding[i] > reach) {
      throw Error(op, "kernel, stride and dilation must be 1 or more, padding at most half of the kernel")
          .detail("kernel " + a.kernel.str() + ", stride " + a.stride.str() + ", padding " + a.padding.str() +
                  ", dilation " + a.dilation.str());
    }
  }
}

/// With dilation the taps of a window may all fall into the padding.
bool every_window_sees_input(int64_t extent, int64_t outputs, const PoolAttrs& a, int axis) {
  const int64_t step = a.dilation[axis];
  for (int64_t o = 0; step > 1 && o < outputs; ++o) {
    const int64_t start = o * a.stride[axis] - a.padding[axis];
    const int64_t skipped = start < 0 ? (-start + step - 1) / step : 0;
    if (skipped >= a.kernel[axis] || start + skipped * step >= extent) return false;
  }
  return true;
}

Shape pooled_shape(const Shape& x, const PoolAttrs& a, const char* op) {
  const int axes = check_input(x, op);
  check_window(a, axes, op);
  Shape out{x[0], x[1]};
  for (int i = 0; i < axes; ++i) {
    const int64_t extent = x[2 + i], reach = a.dilation[i] * (a.kernel[i] - 1) + 1;
    const int64_t room = extent + 2 * a.padding[i] - reach;
    int64_t n = room < 0 ? 0 : (room + (a.ceil_mode ? a.stride[i] - 1 : 0)) / a.stride[i] + 1;
    // A window that would start in the padding behind the input is dropped.
    if (a.ceil_mode && n > 0 && (n - 1) * a.stride[i] >= extent + a.padding[i]) --n;
    if (n < 1 || !every_window_sees_input(extent, n, a, i)) {
      throw Error(
          op, "a window of " + text(reach) + " elements does not fit spatial axis " + text(i) + " of " + text(extent))
          .detail("input " + x.str())
          .detail("kernel " + a.kernel.str() + ", padding " + a.padding.str() + ", dilation " + a.dilation.str())
          .hint("use a smaller kernel, or a larger input");
    }
    out.push_back(n);
  }
  return out;
}

void need_floating(const Meta& x, const char* op) {
  if (!is_floating(x.dtype)) throw Error(op, "needs a floating-point input, got " + x.str());
}

/// Positions within a channel are i32.
void check_positions(const Shape& x, const char* op) {
  int64_t extent = 1;
  for (int i = 2; i < x.rank(); ++i) extent *= x[i];
  if (extent > INT32_MAX) throw Error(op, "more than 2³¹ − 1 elements in a channel of " + x.str());
}

Metas with_positions(const Meta& x, const Shape& out, const char* op) {
  if (x.dtype == DType::boolean) throw Error(op, "needs numbers, got " + x.str());
  check_positions(x.shape, op);
  return {Meta(x.dtype, out), Meta(DType::i32, out)};
}

Metas infer_max_pool(std::span<const Meta> in, const Attrs& attrs) {
  return with_positions(in[0], pooled_shape(in[0].shape, attrs.as<PoolAttrs>(), "max_pool"), "max_pool");
}

void check_scatter(const Meta& values, const Meta& positions, const Shape& input, const char* op) {
  check_input(input, op);
  bool fits = positions.dtype == DType::i32 && values.rank() == input.rank() && positions.rank() == input.rank();
  for (int i = 0; fits && i < 2; ++i) fits = positions.shape[i] == input[i] && values.shape[i] == input[i];
  if (!fits) {
    throw Error(op, "expected i32 positions in " + input.str())
        .detail("values    " + values.str())
        .detail("positions " + positions.str());
  }
}

Metas infer_max_pool_backward(std::span<const Meta> in, const Attrs& attrs) {
  const auto& a = attrs.as<PoolAttrs>();
  check_scatter(in[0], in[1], a.input, "max_pool_backward");
  if (in[0].shape != in[1].shape) {
    throw Error("max_pool_backward", "gradient and positions differ in shape").detail(in[0].str()).detail(in[1].str());
  }
  return {Meta(in[0].dtype, a.input)};
}

Metas infer_max_pool_gather(std::span<const Meta> in, const Attrs& attrs) {
  const auto& a = attrs.as<PoolAttrs>();
  check_scatter(in[0], in[1], a.input, "max_pool_gather");
  if (in[0].shape != a.input) throw Error("max_pool_gather", "input must be " + a.input.str() + ", got " + in[0].str());
  return {Meta(in[0].dtype, in[1].shape)};
}

Metas infer_avg_pool(std::span<const Meta> in, const Attrs& attrs) {
  const auto& a = attrs.as<PoolAttrs>();
  need_floating(in[0], "avg_pool");
  for (int64_t d : a.dilation) {
    if (d != 1) throw Error("avg_pool", "has no dilation, got " + a.dilation.str());
  }
  return {Meta(in[0].dtype, pooled_shape(in[0].shape, a, "avg_pool"))};
}

Metas infer_avg_pool_backward(std::span<const Meta> in, const Attrs& attrs) {
  const auto& a = attrs.as<PoolAttrs>();
  need_floating(in[0], "avg_pool_backward");
  const Shape expected = pooled_shape(a.input, a, "avg_pool_backward");
  if (in[0].shape != expected) {
    throw Error("avg_pool_backward", "the gradient must be " + expected.str() + ", got " + in[0].str());
  }
  return {Meta(in[0].dtype, a.input)};
}

Shape adaptive_shape(const Shape& x, const Dims& output, const char* op) {
  const int axes = check_input(x, op);
  Shape out{x[0], x[1]};
  for (int64_t n : output) {
    if (n < 1) throw Error(op, "output extents must be 1 or more, got " + output.str());
    out.push_back(n);
  }
  if (output.rank() != axes) {
    throw Error(op, "output " + output.str() + " for " + text(axes) + " spatial axes").detail("input " + x.str());
  }
  return out;
}

Metas infer_adaptive_avg(std::span<const Meta> in, const Attrs& attrs) {
  need_floating(in[0], "adaptive_avg_pool");
  return {Meta(in[0].dtype, adaptive_shape(in[0].shape, attrs.as<AdaptivePoolAttrs>().output, "adaptive_avg_pool"))};
}

Metas infer_adaptive_avg_backward(std::span<const Meta> in, const Attrs& attrs) {
  const auto& a = attrs.as<AdaptivePoolAttrs>();
  need_floating(in[0], "adaptive_avg_pool_backward");
  const Shape expected = adaptive_shape(a.input, a.output, "adaptive_avg_pool_backward");
  if (in[0].shape != expected) {
    throw Error("adaptive_avg_pool_backward", "the gradient must be " + expected.str() + ", got " + in[0].str());
  }
  return {Meta(in[0].dtype, a.input)};
}

Metas infer_adaptive_max(std::span<const Meta> in, const Attrs& attrs) {
  const char* op = "adaptive_max_pool";
  return with_positions(in[0], adaptive_shape(in[0].shape, attrs.as<AdaptivePoolAttrs>().output, op), op);
}

// ---- gradients ---------------------------------------------------------------------------------

/// max_pool_backward and max_pool_gather move values between a pooled tensor and the places that
/// `positions` names; each is the other's derivative.
Tensor scatter(const Tensor& g, const Tensor& positions, PoolAttrs a, const Shape& input) {
  a.input = input;
  return dispatch1(OpId::max_pool_backward, {g, positions}, a);
}

Tensors max_pool_vjp(const VjpCtx& c) {
  return {scatter(c.grad(0), c.out[1], c.attrs.as<PoolAttrs>(), c.in[0].shape())};
}

Tensors max_pool_backward_vjp(const VjpCtx& c) {
  return {dispatch1(OpId::max_pool_gather, {c.grads[0], c.in[1]}, c.attrs), {}};
}

Tensors max_pool_gather_vjp(const VjpCtx& c) {
  return {dispatch1(OpId::max_pool_backward, {c.grads[0], c.in[1]}, c.attrs), {}};
}

Tensors adaptive_max_vjp(const VjpCtx& c) { return {scatter(c.grad(0), c.out[1], {}, c.in[0].shape())}; }

/// The attributes with the shape that the backward op produces, or without it for the forward op.
template <class A>
A with_input(const Attrs& attrs, const Shape& input) {
  A a = attrs.as<A>();
  a.input = input;
  return a;
}

Tensors avg_pool_vjp(const VjpCtx& c) {
  return {dispatch1(OpId::avg_pool_backward, {c.grads[0]}, with_input<PoolAttrs>(c.attrs, c.in[0].shape()))};
}
Tensors avg_pool_backward_vjp(const VjpCtx& c) {
  return {dispatch1(OpId::avg_pool, {c.grads[0]}, with_input<PoolAttrs>(c.attrs, {}))};
}
Tensors adaptive_avg_vjp(const VjpCtx& c) {
  return {dispatch1(OpId::adaptive_avg_pool_backward, {c.grads[0]},
                    with_input<AdaptivePoolAttrs>(c.attrs, c.in[0].shape()))};
}
Tensors adaptive_avg_backward_vjp(const VjpCtx& c) {
  return {dispatch1(OpId::adaptive_avg_pool, {c.grads[0]}, with_input<AdaptivePoolAttrs>(c.attrs, {}))};
}

double pool_flops(std::span<const Meta>, std::span<const Meta> out, const Attrs& attrs) {
  return static_cast<double>(out[0].numel()) * static_cast<double>(attrs.as<PoolAttrs>().kernel.numel());
}

double avg_pool_backward_flops(std::span<const Meta> in, std::span<const Meta>, const Attrs& attrs) {
  return static_cast<double>(in[0].numel()) * static_cast<double>(attrs.as<PoolAttrs>().kernel.numel());
}

double input_flops(std::span<const Meta> in, std::span<const Meta> out, const Attrs&) {
  return static_cast<double>(std::max(in[0].numel(), out[0].numel()));
}

Tensor as_float(const Tensor& x) { return is_floating(x.dtype()) ? x : cast(x, DType::f32); }

PoolAttrs attrs_of(const PoolOptions& o, int axes, const char* op) {
  const Dims kernel = per_axis(o.kernel, axes, 2, op, "kernel");
  return {.kernel = kernel,
          .stride = o.stride.empty() ? kernel : per_axis(o.stride, axes, 1, op, "stride"),
          .padding = per_axis(o.padding, axes, 0, op, "padding"),
          .dilation = per_axis(o.dilation, axes, 1, op, "dilation"),
          .ceil_mode = o.ceil_mode,
          .count_include_pad = o.count_include_pad,
          .input = {}};
}

Dims spatial_list(const Tensor& x, const char* op) {
  Dims axes;
  for (int i = 0; i < spatial_axes(x, op); ++i) axes.push_back(2 + i);
  return axes;
}

AdaptivePoolAttrs adaptive_attrs(const Tensor& x, const Dims& output, const char* op) {
  return {.output = per_axis(output, spatial_axes(x, op), 1, op, "output"), .input = {}};
}

}  // namespace

// Outputs: maxima, and their i32 positions within the channel's flattened spatial extent. The first of equal
// maxima is taken; NaN counts as larger than all numbers.
const OpDef max_pool_def{.name = "max_pool",
                         .infer = infer_max_pool,
                         .gradient = Vjp{max_pool_vjp},
                         .traits = {.channels_in = 1, .channels_out = 3, .saves = Saves::outputs},
                         .flops = pool_flops,
                         .onnx = {"MaxPool", 12}};
// Gradient, positions as max_pool with these attributes gives them → zeros of the shape `input` with the gradient added
// at the positions.
const OpDef max_pool_backward_def{.name = "max_pool_backward",
                                  .infer = infer_max_pool_backward,
                                  .gradient = Vjp{max_pool_backward_vjp},
                                  .traits = {.channels_in = 3, .channels_out = 1, .saves = Saves::inputs},
                                  .flops = input_flops};
// A tensor of the shape `input`, positions → its elements at the positions.
const OpDef max_pool_gather_def{.name = "max_pool_gather",
                                .infer = infer_max_pool_gather,
                                .gradient = Vjp{max_pool_gather_vjp},
                                .traits = {.channels_in = 3, .channels_out = 1, .saves = Saves::inputs},
                                .flops = input_flops};
const OpDef avg_pool_def{.name = "avg_pool",
                         .infer = infer_avg_pool,
                         .gradient = Vjp{avg_pool_vjp},
                         .traits = {.channels_in = 1, .channels_out = 1, .saves = Saves::nothing},
                         .flops = pool_flops,
                         .onnx = {"AveragePool", 11}};
const OpDef avg_pool_backward_def{.name = "avg_pool_backward",
                                  .infer = infer_avg_pool_backward,
                                  .gradient = Vjp{avg_pool_backward_vjp},
                                  .traits = {.channels_in = 1, .channels_out = 1, .saves = Saves::nothing},
                                  .flops = avg_pool_backward_flops};
const OpDef adaptive_avg_pool_def{.name = "adaptive_avg_pool",
                                  .infer = infer_adaptive_avg,
                                  .gradient = Vjp{adaptive_avg_vjp},
                                  .traits = {.channels_in = 1, .channels_out = 1, .saves = Saves::nothing},
                                  .flops = input_flops};
const OpDef adaptive_avg_pool_backward_def{.name = "adaptive_avg_pool_backward",
                                           .infer = infer_adaptive_avg_backward,
                                           .gradient = Vjp{adaptive_avg_backward_vjp},
                                           .traits = {.channels_in = 1, .channels_out = 1, .saves = Saves::nothing},
                                           .flops = input_flops};
// Outputs as those of max_pool; its gradient goes through max_pool_backward with empty kernel, stride, ….
const OpDef adaptive_max_pool_def{.name = "adaptive_max_pool",
                                  .infer = infer_adaptive_max,
                                  .gradient = Vjp{adaptive_max_vjp},
                                  .traits = {.channels_in = 1, .channels_out = 3, .saves = Saves::outputs},
                                  .flops = input_flops};

Tensor max_pool(const Tensor& x, const PoolOptions& options) {
  return dispatch1(OpId::max_pool, {x}, attrs_of(options, spatial_axes(x, "max_pool"), "max_pool"));
}

std::pair<Tensor, Tensor> max_pool_with_indices(const Tensor& x, const PoolOptions& options) {
  const Tensors out = dispatch(OpId::max_pool, {x}, attrs_of(options, spatial_axes(x, "max_pool"), "max_pool"));
  return {out[0], cast(out[1], DType::i64)};
}

Tensor avg_pool(const Tensor& x, const PoolOptions& options) {
  return dispatch1(OpId::avg_pool, {as_float(x)}, attrs_of(options, spatial_axes(x, "avg_pool"), "avg_pool"));
}

Tensor adaptive_avg_pool(const Tensor& x, const Dims& output) {
  return dispatch1(OpId::adaptive_avg_pool, {as_float(x)}, adaptive_attrs(x, output, "adaptive_avg_pool"));
}

Tensor adaptive_max_pool(const Tensor& x, const Dims& output) {
  return dispatch1(OpId::adaptive_max_pool, {x}, adaptive_attrs(x, output, "adaptive_max_pool"));
}

Tensor global_avg_pool(const Tensor& x) { return mean(x, spatial_list(x, "global_avg_pool")); }
Tensor global_max_pool(const Tensor& x) { return amax(x, spatial_list(x, "global_max_pool")); }

}  // namespace lamina
