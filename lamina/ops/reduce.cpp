#include "lamina/ops/reduce.h"

#include <cmath>

#include "lamina/core/error.h"
#include "lamina/engine/dispatch.h"
#include "lamina/engine/grad.h"
#include "lamina/engine/op_list.h"
#include "lamina/ops/create.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/pointwise.h"
#include "lamina/ops/reduce_attrs.h"

namespace lamina {

namespace {

/// Rising, unique, non-negative; all axes for an empty list.
Dims normalized(const Dims& axes, int rank, const char* op) {
  std::array<bool, Dims::kMaxRank> chosen{};
  for (int64_t a : axes) {
    bool& c = chosen[static_cast<size_t>(normalize_axis(static_cast<int>(a), rank, op))];
    if (c) throw Error(op, "an axis occurs twice in " + axes.str());
    c = true;
  }
  Dims result;
  for (int i = 0; i < rank; ++i) {
    if (axes.empty() || chosen[static_cast<size_t>(i)]) result.push_back(i);
  }
  return result;
}

Shape reduced_shape(const Shape& shape, const Dims& axes, bool keepdim) {
  Shape out = shape;
  for (int i = axes.rank() - 1; i >= 0; --i) {
    if (keepdim) {
      out[static_cast<int>(axes[i])] = 1;
    } else {
      out.erase(static_cast<int>(axes[i]));
    }
  }
  return out;
}

int64_t reduced_count(const Shape& shape, const Dims& axes) {
  int64_t n = 1;
  for (int64_t a : axes) n *= shape[static_cast<int>(a)];
  return n;
}

Metas infer_reduce(std::span<const Meta> in, const Attrs& attrs) {
  const auto& a = attrs.as<ReduceAttrs>();
  return {Meta(in[0].dtype, reduced_shape(in[0].shape, a.axes, a.keepdim))};
}

template <bool largest>
Metas infer_extreme(std::span<const Meta> in, const Attrs& attrs) {
  const auto& a = attrs.as<ReduceAttrs>();
  if (reduced_count(in[0].shape, a.axes) == 0)
    throw Error(largest ? "amax" : "amin", "no elements to choose from in " + in[0].str());
  return infer_reduce(in, attrs);
}

template <bool largest>
Metas infer_arg(std::span<const Meta> in, const Attrs& attrs) {
  const auto& a = attrs.as<ArgAttrs>();
  if (in[0].shape[static_cast<int>(a.axis)] == 0)
    throw Error(largest ? "argmax" : "argmin", "no elements to choose from in " + in[0].str());
  return {Meta(DType::i64, reduced_shape(in[0].shape, {a.axis}, a.keepdim))};
}

Metas infer_cumsum(std::span<const Meta> in, const Attrs&) { return {Meta(in[0].dtype, in[0].shape)}; }

/// A reduced tensor with its axes of extent 1 again, broadcast to the shape before.
Tensor spread(const Tensor& reduced, const Shape& shape, const Dims& axes) {
  return expand(reshape(reduced, reduced_shape(shape, axes, true)), shape);
}

Tensors sum_vjp(const VjpCtx& c) { return {spread(c.grads[0], c.in[0].shape(), c.attrs.as<ReduceAttrs>().axes)}; }

Tensors extreme_vjp(const VjpCtx& c) {
  const Dims& axes = c.attrs.as<ReduceAttrs>().axes;
  const Tensor& x = c.in[0];
  const Tensor chosen = cast(eq(x, spread(c.out[0], x.shape(), axes)), x.dtype());
  const Tensor share = chosen / spread(sum(chosen, axes), x.shape(), axes);
  return {spread(c.grads[0], x.shape(), axes) * stop_gradient(share)};
}

/// The product of all other elements, which division by x would get wrong at zeros. Quadratic in
/// the number of elements reduced, and differentiable again because it is a product itself.
Tensors prod_vjp(const VjpCtx& c) {
  const Dims& axes = c.attrs.as<ReduceAttrs>().axes;
  const Tensor& x = c.in[0];
  Dims order, back;
  for (int i = 0, next = 0; i < x.rank(); ++i) {
    if (next < axes.rank() && axes[next] == i) {
      ++next;
    } else {
      order.push_back(i);
    }
  }
  for (int64_t a : axes) order.push_back(a);
  back = order;
  for (int i = 0; i < order.rank(); ++i) back[static_cast<int>(order[i])] = i;
  const Tensor last = permute(x, order);
  const int64_t n = reduced_count(x.shape(), axes);
  const Tensor rows = reshape(last, {n > 0 ? x.numel() / n : 0, n});
  const Tensor diagonal = eq(unsqueeze(arange(0, static_cast<double>(n), 1, DType::i64), 1),
                             unsqueeze(arange(0, static_cast<double>(n), 1, DType::i64), 0));
  const Tensor others = prod(where(unsqueeze(diagonal, 0), 1.0, expand(unsqueeze(rows, 1), {rows.size(0), n, n})), {2});
  return {spread(c.grads[0], x.shape(), axes) * permute(reshape(others, last.shape()), back)};
}

double count_flops(std::span<const Meta> in, std::span<const Meta>, const Attrs&) {
  return static_cast<double>(in[0].numel());
}

constexpr Traits traits_saving(Saves what) { return {.strided = true, .saves = what}; }

Tensor reduce(OpId op, const char* name, const Tensor& x, const Dims& axes, bool keepdim) {
  const Dims normal = normalized(axes, x.rank(), name);
  if (normal.empty()) return x;
  return dispatch1(op, {x}, ReduceAttrs{normal, keepdim});
}

Tensor countable(const Tensor& x) {
  return x.dtype() == DType::boolean || x.dtype() == DType::u8 ? cast(x, DType::i64) : x;
}
Tensor as_float(const Tensor& x) { return is_floating(x.dtype()) ? x : cast(x, DType::f32); }

}  // namespace

const OpDef sum_def{.name = "sum",
                    .infer = infer_reduce,
                    .gradient = Vjp{sum_vjp},
                    .traits = {.strided = true, .channels_in = 1, .saves = Saves::nothing},
                    .flops = count_flops,
                    .onnx = {"ReduceSum", 13}};
const OpDef prod_def{.name = "prod",
                     .infer = infer_reduce,
                     .gradient = Vjp{prod_vjp},
                     .traits = traits_saving(Saves::inputs),
                     .flops = count_flops,
                     .onnx = {"ReduceProd", 13}};
const OpDef amax_def{.name = "amax",
                     .infer = infer_extreme<true>,
                     .gradient = Vjp{extreme_vjp},
                     .traits = traits_saving(Saves::both),
                     .flops = count_flops,
                     .onnx = {"ReduceMax", 13}};
const OpDef amin_def{.name = "amin",
                     .infer = infer_extreme<false>,
                     .gradient = Vjp{extreme_vjp},
                     .traits = traits_saving(Saves::both),
                     .flops = count_flops,
                     .onnx = {"ReduceMin", 13}};
const OpDef argmax_def{
    .name = "argmax", .infer = infer_arg<true>, .gradient = ZeroGrad{}, .flops = count_flops, .onnx = {"ArgMax", 13}};
const OpDef argmin_def{
    .name = "argmin", .infer = infer_arg<false>, .gradient = ZeroGrad{}, .flops = count_flops, .onnx = {"ArgMin", 13}};
const OpDef cumsum_def{.name = "cumsum",
                       .infer = infer_cumsum,
                       .gradient = Vjp{[](const VjpCtx& c) {
                         const auto& a = c.attrs.as<CumsumAttrs>();
                         return Tensors{cumsum(c.grads[0], static_cast<int>(a.axis), !a.reverse)};
                       }},
                       .traits = {.saves = Saves::nothing},
                       .flops = count_flops,
                       .onnx = {"CumSum", 14}};

Tensor sum(const Tensor& x, const Dims& axes, bool keepdim) {
  return reduce(OpId::sum, "sum", countable(x), axes, keepdim);
}
Tensor prod(const Tensor& x, const Dims& axes, bool keepdim) {
  return reduce(OpId::prod, "prod", countable(x), axes, keepdim);
}
Tensor amax(const Tensor& x, const Dims& axes, bool keepdim) { return reduce(OpId::amax, "amax", x, axes, keepdim); }
Tensor amin(const Tensor& x, const Dims& axes, bool keepdim) { return reduce(OpId::amin, "amin", x, axes, keepdim); }

Tensor mean(const Tensor& x, const Dims& axes, bool keepdim) {
  const Tensor f = as_float(x);
  const auto n = static_cast<double>(reduced_count(x.shape(), normalized(axes, x.rank(), "mean")));
  return sum(f, axes, keepdim) * (1 / n);
}

Tensor var(const Tensor& x, const Dims& axes, int correction, bool keepdim) {
  const Tensor f = as_float(x);
  const Dims normal = normalized(axes, x.rank(), "var");
  const auto n = static_cast<double>(reduced_count(x.shape(), normal));
  const Tensor centred = f - mean(f, normal, true);
  return sum(centred * centred, normal, keepdim) * (1 / (n - correction));
}

Tensor stddev(const Tensor& x, const Dims& axes, int correction, bool keepdim) {
  return sqrt(var(x, axes, correction, keepdim));
}

Tensor norm(const Tensor& x, double p, const Dims& axes, bool keepdim) {
  const Tensor f = as_float(x);
  if (p == INFINITY) return amax(abs(f), axes, keepdim);
  if (p == 1) return sum(abs(f), axes, keepdim);
  if (!(p > 0)) throw Error("norm", "p must be above 0, got " + std::to_string(p));
  const Tensor total = sum(p == 2 ? f * f : pow(abs(f), p), axes, keepdim);
  // The root has an infinite slope at 0; where the norm is 0 its gradient is taken as 0.
  const Tensor zero = eq(total, 0.0);
  return where(zero, 0.0, pow(where(zero, 1.0, total), 1 / p));
}

Tensor logsumexp(const Tensor& x, const Dims& axes, bool keepdim) {
  const Tensor f = as_float(x);
  const Dims normal = normalized(axes, x.rank(), "logsumexp");
  if (normal.empty()) return f;
  Tensor shift = stop_gradient(amax(f, normal, true));
  shift = where(isfinite(shift), shift, 0.0);  // a row of -inf has no usable maximum
  const Tensor result = log(sum(exp(f - shift), normal, true)) + shift;
  return keepdim ? result : reshape(result, reduced_shape(x.shape(), normal, false));
}

Tensor argmax(const Tensor& x, int axis, bool keepdim) {
  return dispatch1(OpId::argmax, {x}, ArgAttrs{normalize_axis(axis, x.rank(), "argmax"), keepdim});
}

Tensor argmin(const Tensor& x, int axis, bool keepdim) {
  return dispatch1(OpId::argmin, {x}, ArgAttrs{normalize_axis(axis, x.rank(), "argmin"), keepdim});
}

Tensor cumsum(const Tensor& x, int axis, bool reverse) {
  return dispatch1(OpId::cumsum, {countable(x)}, CumsumAttrs{normalize_axis(axis, x.rank(), "cumsum"), reverse});
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  const int lead = x.rank() - shape.rank();
  Dims axes;
  for (int i = 0; i < x.rank(); ++i) {
    const bool broadcast = i < lead || (shape[i - lead] == 1 && x.shape()[i] != 1);
    if (broadcast) axes.push_back(i);
  }
  return reshape(axes.empty() ? x : sum(x, axes), shape);
}

}  // namespace lamina
