#include "lamina/ops/norm.h"

#include <string>

#include "lamina/core/error.h"
#include "lamina/engine/dispatch.h"
#include "lamina/engine/op_list.h"
#include "lamina/ops/create.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/norm_attrs.h"
#include "lamina/ops/pointwise.h"
#include "lamina/ops/pool.h"
#include "lamina/ops/reduce.h"
#include "lamina/ops/spatial_internal.h"

namespace lamina {

namespace {

/// Statistics and affine parameters of bf16 activations stay f32.
DType statistics_dtype(DType x) { return x == DType::bf16 ? DType::f32 : x; }

void check_like(const Meta& got, const Meta& expected, const Meta& x, const char* op, const char* name) {
  if (got.shape == expected.shape && got.dtype == expected.dtype) return;
  throw Error(op, std::string(name) + " must be " + expected.str() + ", got " + got.str()).detail("input " + x.str());
}

int64_t channels_of(const Meta& x, const char* op) {
  if (x.rank() < 2) throw Error(op, "expected [n, channels, …], got " + x.str());
  return x.shape[1];
}

/// What the two normalizations differ in: over which axes the statistics go.
struct Layout {
  Dims reduced;                                      // axes of the statistics
  Dims shared;                                       // axes over which the gradients of weight and bias are summed
  Shape statistics;                                  // of mean and variance
  Shape parameters;                                  // of weight and bias
  Shape statistics_broadcast, parameters_broadcast;  // the same with axes of extent 1
  int64_t count = 1;                                 // elements per statistic
};

Layout batch_layout(const Meta& x) {
  if (x.rank() < 2) throw Error("batch_norm", "expected [n, channels, …], got " + x.str());
  Layout l;
  l.statistics = l.parameters = {x.shape[1]};
  l.statistics_broadcast = Dims::filled(x.rank(), 1);
  l.statistics_broadcast[1] = x.shape[1];
  l.parameters_broadcast = l.statistics_broadcast;
  for (int i = 0; i < x.rank(); ++i) {
    if (i == 1) continue;
    l.reduced.push_back(i);
    l.count *= x.shape[i];
  }
  l.shared = l.reduced;
  return l;
}

Layout trailing_layout(const Meta& x, int64_t axes) {
  if (axes < 1 || axes > x.rank()) {
    throw Error("layer_norm", "cannot normalize over " + std::to_string(axes) + " trailing axes of " + x.str());
  }
  Layout l;
  const int lead = x.rank() - static_cast<int>(axes);
  for (int i = 0; i < x.rank(); ++i) {
    const bool inside = i >= lead;
    (inside ? l.reduced : l.shared).push_back(i);
    (inside ? l.parameters : l.statistics).push_back(x.shape[i]);
    l.statistics_broadcast.push_back(inside ? 1 : x.shape[i]);
    l.parameters_broadcast.push_back(inside ? x.shape[i] : 1);
    if (inside) l.count *= x.shape[i];
  }
  return l;
}

Layout layout_of(OpId op, const Meta& x, const NormAttrs& a) {
  return op == OpId::batch_norm ? batch_layout(x) : trailing_layout(x, a.axes);
}

template <OpId op>
constexpr const char* kName = op == OpId::batch_norm ? "batch_norm" : "layer_norm";

template <OpId op>
Metas infer_norm(std::span<const Meta> in, const Attrs& attrs) {
  const Meta& x = in[0];
  if (!is_floating(x.dtype)) throw Error(kName<op>, "needs a floating-point input, got " + x.str());
  const Layout l = layout_of(op, x, attrs.as<NormAttrs>());
  const DType dtype = statistics_dtype(x.dtype);
  check_like(in[1], Meta(dtype, l.parameters), x, kName<op>, "weight");
  check_like(in[2], Meta(dtype, l.parameters), x, kName<op>, "bias");
  if (l.count == 0) throw Error(kName<op>, "no elements to normalize in " + x.str());
  return {Meta(x.dtype, x.shape), Meta(dtype, l.statistics), Meta(dtype, l.statistics)};
}

template <OpId op>
Metas infer_backward(std::span<const Meta> in, const Attrs& attrs) {
  const Meta& x = in[0];
  const Layout l = layout_of(op, x, attrs.as<NormAttrs>());
  const DType dtype = statistics_dtype(x.dtype);
  check_like(in[1], Meta(dtype, l.parameters), x, kName<op>, "weight");
  check_like(in[2], Meta(dtype, l.statistics), x, kName<op>, "mean");
  check_like(in[3], Meta(dtype, l.statistics), x, kName<op>, "variance");
  check_like(in[4], Meta(x.dtype, x.shape), x, kName<op>, "gradient");
  return {Meta(x.dtype, x.shape), Meta(dtype, l.parameters), Meta(dtype, l.parameters)};
}

template <OpId op>
Tensors composed(const Tensors& in, const Attrs& attrs) {
  const auto& a = attrs.as<NormAttrs>();
  const Layout l = layout_of(op, in[0].meta(), a);
  const Tensor x = cast(in[0], statistics_dtype(in[0].dtype()));
  const Tensor mean = sum(x, l.reduced, true) * (1.0 / static_cast<double>(l.count));
  const Tensor centred = x - mean;
  const Tensor variance = sum(centred * centred, l.reduced, true) * (1.0 / static_cast<double>(l.count));
  const Tensor y = centred * rsqrt(variance + a.eps) * reshape(in[1], l.parameters_broadcast) +
                   reshape(in[2], l.parameters_broadcast);
  return {cast(y, in[0].dtype()), reshape(mean, l.statistics), reshape(variance, l.statistics)};
}

/// Of the function of x whose statistics are x's own; but as an expression of x, weight, mean, variance and gradient.
template <OpId op>
Tensors backward_composed(const Tensors& in, const Attrs& attrs) {
  const auto& a = attrs.as<NormAttrs>();
  const Layout l = layout_of(op, in[0].meta(), a);
  const DType dtype = statistics_dtype(in[0].dtype());
  const Tensor x = cast(in[0], dtype), g = cast(in[4], dtype);
  const Tensor scale = rsqrt(reshape(in[3], l.statistics_broadcast) + a.eps);
  const Tensor normal = (x - reshape(in[2], l.statistics_broadcast)) * scale;
  const Tensor scaled = g * reshape(in[1], l.parameters_broadcast);
  const double n = 1.0 / static_cast<double>(l.count);
  const Tensor shift = sum(scaled, l.reduced, true) * n, slope = sum(scaled * normal, l.reduced, true) * n;
  const Tensor dx = (scaled - shift - normal * slope) * scale;
  const auto shared_sum = [&](const Tensor& t) {
    return reshape(l.shared.empty() ? t : sum(t, l.shared), l.parameters);
  };
  return {cast(dx, in[0].dtype()), shared_sum(g * normal), shared_sum(g)};
}

/// Gradients may also flow into mean and variance: users may use them, and second derivatives do.
template <OpId op>
Tensors norm_vjp(const VjpCtx& c) {
  const Layout l = layout_of(op, c.in[0].meta(), c.attrs.as<NormAttrs>());
  const Tensor &x = c.in[0], &mean = c.out[1], &variance = c.out[2];
  Tensors result(3);
  if (c.grads[0].defined()) {
    constexpr OpId backward = op == OpId::batch_norm ? OpId::batch_norm_backward : OpId::layer_norm_backward;
    result = dispatch(backward, {x, c.in[1], mean, variance, c.grads[0]}, c.attrs);
  }
  if (!c.needs[0] || (!c.grads[1].defined() && !c.grads[2].defined())) return result;
  const double n = 1.0 / static_cast<double>(l.count);
  const auto broadcast = [&](const Tensor& t) { return reshape(t, l.statistics_broadcast); };
  Tensor dx;
  if (c.grads[1].defined()) dx = expand(broadcast(c.grads[1]) * n, x.shape());
  if (c.grads[2].defined()) {
    const Tensor d = (x - broadcast(mean)) * broadcast(c.grads[2] * (2 * n));
    dx = dx.defined() ? dx + d : d;
  }
  dx = cast(dx, x.dtype());
  result[0] = result[0].defined() ? result[0] + dx : dx;
  return result;
}

template <int per_element>
double norm_flops(std::span<const Meta> in, std::span<const Meta>, const Attrs&) {
  return per_element * static_cast<double>(in[0].numel());
}

}  // namespace

namespace {

Metas infer_response_norm(std::span<const Meta> in, const Attrs& attrs) {
  channels_of(in[0], "local_response_norm");
  const int64_t size = attrs.as<ResponseNormAttrs>().size;
  if (size < 1) throw Error("local_response_norm", "size must be 1 or more, got " + std::to_string(size));
  return {Meta(in[0].dtype, in[0].shape)};
}

/// The mean of squares over `size` neighbours is an average pooling of [n, 1, channels, rest] along channels.
Tensors response_norm_composed(const Tensors& in, const Attrs& attrs) {
  const Tensor& x = in[0];
  const auto& a = attrs.as<ResponseNormAttrs>();
  if (x.numel() == 0) return {x * x};  // no windows to pool
  const int64_t rest = x.numel() / std::max<int64_t>(1, x.size(0) * x.size(1));
  const Tensor squares =
      pad(reshape(x * x, {x.size(0), 1, x.size(1), rest}), {0, 0, a.size / 2, 0}, {0, 0, (a.size - 1) / 2, 0});
  const Tensor means = avg_pool(squares, {.kernel = {a.size, 1}, .stride = {1}});
  return {x * pow(reshape(means, x.shape()) * a.alpha + a.k, -a.beta)};
}

double response_norm_flops(std::span<const Meta> in, std::span<const Meta>, const Attrs& attrs) {
  return static_cast<double>(in[0].numel()) * static_cast<double>(2 * attrs.as<ResponseNormAttrs>().size + 8);
}

}  // namespace

// x [n, c, …] → y of its shape.
const OpDef local_response_norm_def{.name = "local_response_norm",
                                    .infer = infer_response_norm,
                                    .gradient = ByDecomposition{},
                                    .decompose = response_norm_composed,
                                    .traits = {.channels_in = 1, .channels_out = 1, .saves = Saves::inputs},
                                    .flops = response_norm_flops,
                                    .onnx = {"LRN", 13}};

// x [n, c, …], weight [c], bias [c] → y, mean [c], variance [c] (biased). Mean, variance, weight and bias have x's
// dtype, of bf16 f32.
const OpDef batch_norm_def{
    .name = "batch_norm",
    .infer = infer_norm<OpId::batch_norm>,
    .gradient = Vjp{norm_vjp<OpId::batch_norm>},
    .decompose = composed<OpId::batch_norm>,
    .traits = {.takes_epilogue = true, .channels_in = 1, .channels_out = 1, .saves = Saves::both},
    .flops = norm_flops<8>,
    .onnx = {"BatchNormalization", 15}};
// x, weight, mean, variance, gradient of y → gradients of x, weight, bias.
const OpDef batch_norm_backward_def{.name = "batch_norm_backward",
                                    .infer = infer_backward<OpId::batch_norm>,
                                    .gradient = ByDecomposition{},
                                    .decompose = backward_composed<OpId::batch_norm>,
                                    .traits = {.channels_in = 17, .channels_out = 1, .saves = Saves::inputs},
                                    .flops = norm_flops<12>};
// x [lead…, trailing…], weight [trailing…], bias [trailing…] → y, mean [lead…], variance [lead…] (biased).
const OpDef layer_norm_def{.name = "layer_norm",
                           .infer = infer_norm<OpId::layer_norm>,
                           .gradient = Vjp{norm_vjp<OpId::layer_norm>},
                           .decompose = composed<OpId::layer_norm>,
                           .traits = {.saves = Saves::both},
                           .flops = norm_flops<8>,
                           .onnx = {"LayerNormalization", 17}};
const OpDef layer_norm_backward_def{.name = "layer_norm_backward",
                                    .infer = infer_backward<OpId::layer_norm>,
                                    .gradient = ByDecomposition{},
                                    .decompose = backward_composed<OpId::layer_norm>,
                                    .traits = {.saves = Saves::inputs},
                                    .flops = norm_flops<12>};

namespace {

Tensor as_float(const Tensor& x) { return is_floating(x.dtype()) ? x : cast(x, DType::f32); }

/// The given parameter in the dtype of the statistics of x, or its default.
Tensor parameter(const Tensor& given, double otherwise, const Shape& shape, const Tensor& x) {
  const DType dtype = statistics_dtype(x.dtype());
  return given.defined() ? cast(given, dtype) : full(shape, otherwise, dtype);
}

int64_t channels_of(const Tensor& x, const char* op) { return channels_of(x.meta(), op); }

/// y·weight + bias, both [channels] or undefined.
Tensor affine(Tensor y, const Tensor& weight, const Tensor& bias, const char* op) {
  if (weight.defined()) y = y * cast(per_channel(weight, y, op, "weight"), y.dtype());
  if (bias.defined()) y = y + cast(per_channel(bias, y, op, "bias"), y.dtype());
  return y;
}

}  // namespace

BatchNormResult batch_norm_train(const Tensor& input, const Tensor& weight, const Tensor& bias, double eps) {
  const Tensor x = as_float(input);
  const Shape shape{channels_of(x, "batch_norm")};
  const Tensors out = dispatch(OpId::batch_norm, {x, parameter(weight, 1, shape, x), parameter(bias, 0, shape, x)},
                               NormAttrs{.eps = eps, .axes = 1});
  return {out[0], out[1], out[2]};
}

Tensor batch_norm_eval(const Tensor& input, const Tensor& weight, const Tensor& bias, const Tensor& mean,
                       const Tensor& variance, double eps) {
  const char* op = "batch_norm";
  const Tensor x = as_float(input);
  channels_of(x, op);
  Tensor scale = rsqrt(per_channel(variance, x, op, "variance") + eps);
  if (weight.defined()) scale = scale * per_channel(weight, x, op, "weight");
  Tensor shift = -(per_channel(mean, x, op, "mean") * scale);
  if (bias.defined()) shift = shift + per_channel(bias, x, op, "bias");
  return x * cast(scale, x.dtype()) + cast(shift, x.dtype());
}

Tensor layer_norm(const Tensor& input, const Tensor& weight, const Tensor& bias, double eps) {
  const Tensor x = as_float(input);
  const int64_t axes = weight.defined() ? weight.rank() : bias.defined() ? bias.rank() : 1;
  const Shape shape = trailing_layout(x.meta(), axes).parameters;
  return dispatch1(OpId::layer_norm, {x, parameter(weight, 1, shape, x), parameter(bias, 0, shape, x)},
                   NormAttrs{.eps = eps, .axes = axes});
}

Tensor group_norm(const Tensor& input, int64_t groups, const Tensor& weight, const Tensor& bias, double eps) {
  const Tensor x = as_float(input);
  const int64_t channels = channels_of(x, "group_norm");
  if (groups < 1 || channels % groups != 0) {
    throw Error("group_norm",
                std::to_string(channels) + " channels do not divide into " + std::to_string(groups) + " groups")
        .detail("input " + x.meta().str());
  }
  const int64_t per_group = x.numel() / std::max<int64_t>(1, x.size(0) * groups);
  const Tensor y = layer_norm(reshape(x, {x.size(0) * groups, per_group}), {}, {}, eps);
  return affine(reshape(y, x.shape()), weight, bias, "group_norm");
}

Tensor instance_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  return group_norm(x, channels_of(x, "instance_norm"), weight, bias, eps);
}

Tensor local_response_norm(const Tensor& x, int64_t size, double alpha, double beta, double k) {
  return dispatch1(OpId::local_response_norm, {as_float(x)},
                   ResponseNormAttrs{.size = size, .alpha = alpha, .beta = beta, .k = k});
}

}  // namespace lamina
