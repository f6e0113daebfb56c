#include "lamina/ops/pointwise.h"

#include <cmath>
#include <numbers>

#include "lamina/core/error.h"
#include "lamina/engine/dispatch.h"
#include "lamina/engine/op_list.h"
#include "lamina/ops/create.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/pointwise_attrs.h"

namespace lamina {

namespace {

// ---- inference ---------------------------------------------------------------------------------

/// Operands `first` and behind must be of one dtype, all of them of one shape.
void check_operands(std::span<const Meta> in, size_t first, const char* op) {
  for (size_t i = 0; i < in.size(); ++i) {
    const bool same_dtype = i < first || in[i].dtype == in[first].dtype;
    if (in[i].shape == in[0].shape && same_dtype) continue;
    throw Error(op, "operands of one shape and dtype expected").detail(in[0].str()).detail(in[i].str());
  }
}

Metas infer_like_first(std::span<const Meta> in, const Attrs&, const char* op) {
  check_operands(in, 0, op);
  return {Meta(in[0].dtype, in[0].shape)};
}

Metas infer_number(std::span<const Meta> in, const Attrs& a, const char* op) {
  if (in[0].dtype == DType::boolean) throw Error(op, "needs numbers, got " + in[0].str());
  return infer_like_first(in, a, op);
}

Metas infer_like_second(std::span<const Meta> in, const Attrs&, const char* op) {
  check_operands(in, 1, op);
  return {Meta(in[1].dtype, in[1].shape)};
}

Metas infer_bool(std::span<const Meta> in, const Attrs&, const char* op) {
  check_operands(in, 0, op);
  return {Meta(DType::boolean, in[0].shape)};
}

Metas infer_cast(std::span<const Meta> in, const Attrs& a, const char*) {
  return {Meta(a.as<CastAttrs>().dtype, in[0].shape)};
}

Metas infer_full(std::span<const Meta>, const Attrs& a, const char*) {
  return {Meta(a.as<FullAttrs>().dtype, a.as<FullAttrs>().shape)};
}

double one_flop(std::span<const Meta>, std::span<const Meta> out, const Attrs&) {
  return static_cast<double>(out[0].numel());
}

// ---- operands ----------------------------------------------------------------------------------

Tensor number_like(double value, const Tensor& beside) {
  const bool fits = is_floating(beside.dtype()) || (value == std::floor(value) && beside.dtype() != DType::boolean);
  return full({}, value, fits ? beside.dtype() : DType::f32);
}

Tensor as_float(const Tensor& x) { return is_floating(x.dtype()) ? x : cast(x, DType::f32); }

Tensor unary(OpId op, const Tensor& x) { return dispatch1(op, {x}); }
Tensor real(OpId op, const Tensor& x) { return dispatch1(op, {as_float(x)}); }

Tensor binary(OpId op, const char* name, const Tensor& a, const Tensor& b) {
  const DType dtype = promote(a.dtype(), b.dtype());
  const Shape shape = broadcast_shapes(a.shape(), b.shape(), name);
  return dispatch1(op, {expand(cast(a, dtype), shape), expand(cast(b, dtype), shape)});
}

Tensor arithmetic(OpId op, const char* name, const Tensor& a, const Tensor& b) {
  if (a.dtype() == DType::boolean && b.dtype() == DType::boolean) return binary(op, name, cast(a, DType::i64), b);
  return binary(op, name, a, b);
}

Tensor where_needed(bool needed, const auto& make) { return needed ? make() : Tensor(); }

// ---- gradients ---------------------------------------------------------------------------------

/// Of y = f(x): g times a factor computed from x and y.
using Factor = Tensor (*)(const Tensor& x, const Tensor& y);
template <Factor factor>
Tensors chain(const VjpCtx& c) {
  return {c.grads[0] * factor(c.in[0], c.out[0])};
}

/// The derivative of max (or min) with respect to `a`: 1, 0, or 1/2 where the operands are equal.
Tensor share_of(const Tensor& a, const Tensor& b, const Tensor& grad, bool larger) {
  const Tensor wins = larger ? gt(a, b) : lt(a, b);
  const Tensor half = where(eq(a, b), grad * 0.5, zeros_like(grad));
  return where(wins, grad, half);
}

template <bool larger>
Tensors extreme_vjp(const VjpCtx& c) {
  const Tensor &a = c.in[0], &b = c.in[1], &g = c.grads[0];
  return {where_needed(c.needs[0], [&] { return share_of(a, b, g, larger); }),
          where_needed(c.needs[1], [&] { return share_of(b, a, g, larger); })};
}

Tensors pow_vjp(const VjpCtx& c) {
  const Tensor &a = c.in[0], &b = c.in[1], &g = c.grads[0];
  return {where_needed(c.needs[0],
                       [&] {
                         // b·a^(b−1), and 0 for b = 0 also where a^(−1) is infinite.
                         const Tensor zero = eq(b, 0.0);
                         const Tensor slope = b * pow(a, where(zero, 1.0, b - 1.0));
                         return g * where(zero, 0.0, slope);
                       }),
          where_needed(c.needs[1], [&] {
            // y·log a; at a = 0 the limit 0 for every positive b.
            const Tensor positive = gt(a, 0.0);
            return g * where(positive, c.out[0] * log(where(positive, a, 1.0)), 0.0);
          })};
}

}  // namespace

#define UNARY(name_, onnx_name, onnx_opset, saves_, ...)                                             \
  const OpDef name_##_def{                                                                           \
      .name = #name_,                                                                                \
      .infer = [](std::span<const Meta> in, const Attrs& a) { return infer_number(in, a, #name_); }, \
      .gradient = __VA_ARGS__,                                                                       \
      .traits = {.pointwise = true, .strided = true, .saves = Saves::saves_},                        \
      .flops = one_flop,                                                                             \
      .onnx = {onnx_name, onnx_opset}};
// The derivative as an expression of x and y.
#define CHAIN(expression)                                                                                           \
  Vjp {                                                                                                             \
    chain<+[]([[maybe_unused]] const Tensor& x, [[maybe_unused]] const Tensor& y) -> Tensor { return expression; }> \
  }

UNARY(neg, "Neg", 13, nothing, Vjp{[](const VjpCtx& c) { return Tensors{neg(c.grads[0])}; }})
UNARY(abs, "Abs", 13, inputs, CHAIN(sign(x)))
UNARY(sign, "Sign", 13, nothing, ZeroGrad{})
UNARY(floor, "Floor", 13, nothing, ZeroGrad{})
UNARY(ceil, "Ceil", 13, nothing, ZeroGrad{})
UNARY(round, "Round", 11, nothing, ZeroGrad{})
UNARY(sqrt, "Sqrt", 13, outputs, CHAIN(0.5 / y))
UNARY(rsqrt, "", 0, outputs, CHAIN(-0.5 * y * y * y))
UNARY(exp, "Exp", 13, outputs, CHAIN(y))
UNARY(expm1, "", 0, outputs, CHAIN(y + 1.0))
UNARY(log, "Log", 13, inputs, CHAIN(1.0 / x))
UNARY(log1p, "", 0, inputs, CHAIN(1.0 / (x + 1.0)))
UNARY(sin, "Sin", 7, inputs, CHAIN(cos(x)))
UNARY(cos, "Cos", 7, inputs, CHAIN(-sin(x)))
UNARY(tan, "Tan", 7, outputs, CHAIN(y* y + 1.0))
UNARY(asin, "Asin", 7, inputs, CHAIN(rsqrt(1.0 - x * x)))
UNARY(acos, "Acos", 7, inputs, CHAIN(-rsqrt(1.0 - x * x)))
UNARY(atan, "Atan", 7, inputs, CHAIN(1.0 / (x * x + 1.0)))
UNARY(sinh, "Sinh", 9, inputs, CHAIN(cosh(x)))
UNARY(cosh, "Cosh", 9, inputs, CHAIN(sinh(x)))
UNARY(tanh, "Tanh", 13, outputs, CHAIN(1.0 - y * y))
UNARY(asinh, "Asinh", 9, inputs, CHAIN(rsqrt(x* x + 1.0)))
UNARY(acosh, "Acosh", 9, inputs, CHAIN(rsqrt((x - 1.0) * (x + 1.0))))
UNARY(atanh, "Atanh", 9, inputs, CHAIN(1.0 / (1.0 - x * x)))
UNARY(erf, "Erf", 13, inputs, CHAIN(exp(-(x* x)) * (2 * std::numbers::inv_sqrtpi)))
UNARY(relu, "Relu", 14, outputs,
      Vjp{[](const VjpCtx& c) { return Tensors{where(gt(c.out[0], 0.0), c.grads[0], 0.0)}; }})
UNARY(sigmoid, "Sigmoid", 13, outputs, CHAIN(y * (1.0 - y)))
UNARY(softplus, "Softplus", 1, inputs, CHAIN(sigmoid(x)))

#define BINARY(name_, infer_, commutative_, onnx_name, onnx_opset, saves_, ...)                            \
  const OpDef name_##_def{                                                                                 \
      .name = #name_,                                                                                      \
      .infer = [](std::span<const Meta> in, const Attrs& a) { return infer_(in, a, #name_); },             \
      .gradient = __VA_ARGS__,                                                                             \
      .traits = {.pointwise = true, .strided = true, .commutative = commutative_, .saves = Saves::saves_}, \
      .flops = one_flop,                                                                                   \
      .onnx = {onnx_name, onnx_opset}};

BINARY(add, infer_like_first, true, "Add", 14, nothing,
       Vjp{[](const VjpCtx& c) { return Tensors{c.grads[0], c.grads[0]}; }})
BINARY(sub, infer_like_first, false, "Sub", 14, nothing, Vjp{[](const VjpCtx& c) {
         return Tensors{c.grads[0], where_needed(c.needs[1], [&] { return neg(c.grads[0]); })};
       }})
BINARY(mul, infer_like_first, true, "Mul", 14, inputs, Vjp{[](const VjpCtx& c) {
         return Tensors{where_needed(c.needs[0], [&] { return c.grads[0] * c.in[1]; }),
                        where_needed(c.needs[1], [&] { return c.grads[0] * c.in[0]; })};
       }})
BINARY(div, infer_like_first, false, "Div", 14, both, Vjp{[](const VjpCtx& c) {
         const Tensor scaled = c.grads[0] / c.in[1];
         return Tensors{scaled, where_needed(c.needs[1], [&] { return -(scaled * c.out[0]); })};
       }})
BINARY(pow, infer_like_first, false, "Pow", 15, both, Vjp{pow_vjp})
BINARY(atan2, infer_like_first, false, "", 0, inputs, Vjp{[](const VjpCtx& c) {
         const Tensor &y = c.in[0], &x = c.in[1];
         const Tensor scaled = c.grads[0] / (x * x + y * y);
         return Tensors{where_needed(c.needs[0], [&] { return scaled * x; }),
                        where_needed(c.needs[1], [&] { return -(scaled * y); })};
       }})
BINARY(fmod, infer_like_first, false, "Mod", 13, inputs, Vjp{[](const VjpCtx& c) {
         const auto quotient = [&] {
           const Tensor q = c.in[0] / c.in[1];
           return sign(q) * floor(abs(q));
         };
         return Tensors{c.grads[0], where_needed(c.needs[1], [&] { return -(c.grads[0] * quotient()); })};
       }})
BINARY(maximum, infer_like_first, true, "Max", 13, inputs, Vjp{extreme_vjp<true>})
BINARY(minimum, infer_like_first, true, "Min", 13, inputs, Vjp{extreme_vjp<false>})
BINARY(eq, infer_bool, true, "Equal", 13, nothing, ZeroGrad{})
BINARY(ne, infer_bool, true, "", 0, nothing, ZeroGrad{})
BINARY(lt, infer_bool, false, "Less", 13, nothing, ZeroGrad{})
BINARY(le, infer_bool, false, "LessOrEqual", 16, nothing, ZeroGrad{})
BINARY(gt, infer_bool, false, "Greater", 13, nothing, ZeroGrad{})
BINARY(ge, infer_bool, false, "GreaterOrEqual", 16, nothing, ZeroGrad{})
BINARY(logical_and, infer_bool, true, "And", 7, nothing, ZeroGrad{})
BINARY(logical_or, infer_bool, true, "Or", 7, nothing, ZeroGrad{})
BINARY(logical_not, infer_bool, false, "Not", 1, nothing, ZeroGrad{})
BINARY(isfinite, infer_bool, false, "", 0, nothing, ZeroGrad{})
BINARY(isnan, infer_bool, false, "IsNaN", 13, nothing, ZeroGrad{})
BINARY(where, infer_like_second, false, "Where", 16, inputs, Vjp{[](const VjpCtx& c) {
         return Tensors{{},
                        where_needed(c.needs[1], [&] { return where(c.in[0], c.grads[0], 0.0); }),
                        where_needed(c.needs[2], [&] { return where(c.in[0], 0.0, c.grads[0]); })};
       }})
BINARY(cast, infer_cast, false, "Cast", 13, nothing, Vjp{[](const VjpCtx& c) {
         const DType from = c.in[0].dtype();
         return Tensors{is_floating(from) ? cast(c.grads[0], from) : Tensor()};
       }})
BINARY(full, infer_full, false, "ConstantOfShape", 9, nothing, ZeroGrad{})

#undef UNARY
#undef CHAIN
#undef BINARY

// ---- functions ---------------------------------------------------------------------------------

Tensor full(const Shape& shape, double value, DType dtype) {
  const Tensor one = dispatch1(OpId::full, {}, FullAttrs{{}, value, dtype});
  return shape.empty() ? one : expand(one, shape);
}
Tensor zeros(const Shape& shape, DType dtype) { return full(shape, 0, dtype); }
Tensor ones(const Shape& shape, DType dtype) { return full(shape, 1, dtype); }
Tensor zeros_like(const Tensor& x) { return zeros(x.shape(), x.dtype()); }
Tensor ones_like(const Tensor& x) { return ones(x.shape(), x.dtype()); }

Tensor cast(const Tensor& x, DType dtype) {
  return x.dtype() == dtype ? x : dispatch1(OpId::cast, {x}, CastAttrs{dtype});
}

Tensor add(const Tensor& a, const Tensor& b) { return arithmetic(OpId::add, "add", a, b); }
Tensor sub(const Tensor& a, const Tensor& b) { return arithmetic(OpId::sub, "sub", a, b); }
Tensor mul(const Tensor& a, const Tensor& b) { return arithmetic(OpId::mul, "mul", a, b); }
Tensor div(const Tensor& a, const Tensor& b) {
  const bool integers = !is_floating(promote(a.dtype(), b.dtype()));
  return integers ? binary(OpId::div, "div", cast(a, DType::f32), cast(b, DType::f32)) : binary(OpId::div, "div", a, b);
}
Tensor pow(const Tensor& a, const Tensor& b) { return arithmetic(OpId::pow, "pow", a, b); }
Tensor atan2(const Tensor& y, const Tensor& x) { return binary(OpId::atan2, "atan2", as_float(y), as_float(x)); }
Tensor fmod(const Tensor& a, const Tensor& b) { return arithmetic(OpId::fmod, "fmod", a, b); }
Tensor maximum(const Tensor& a, const Tensor& b) { return binary(OpId::maximum, "maximum", a, b); }
Tensor minimum(const Tensor& a, const Tensor& b) { return binary(OpId::minimum, "minimum", a, b); }

Tensor pow(const Tensor& a, double exponent) {
  if (exponent == 1) return a;
  if (exponent == 2) return square(a);
  if (exponent == 0.5) return sqrt(a);
  if (exponent == -0.5) return rsqrt(a);
  if (exponent == -1) return reciprocal(a);
  return pow(a, number_like(exponent, a));
}

#define OPERATOR(symbol, function)                                                             \
  Tensor operator symbol(const Tensor& a, const Tensor& b) { return function(a, b); }          \
  Tensor operator symbol(const Tensor& a, double b) { return function(a, number_like(b, a)); } \
  Tensor operator symbol(double a, const Tensor& b) { return function(number_like(a, b), b); }
OPERATOR(+, add)
OPERATOR(-, sub)
OPERATOR(*, mul)
OPERATOR(/, div)
#undef OPERATOR
Tensor operator-(const Tensor& x) { return neg(x); }

#define COMPARISON(name_)                                                                      \
  Tensor name_(const Tensor& a, const Tensor& b) { return binary(OpId::name_, #name_, a, b); } \
  Tensor name_(const Tensor& a, double b) { return name_(a, number_like(b, a)); }
COMPARISON(eq)
COMPARISON(ne)
COMPARISON(lt)
COMPARISON(le)
COMPARISON(gt)
COMPARISON(ge)
#undef COMPARISON

Tensor logical_and(const Tensor& a, const Tensor& b) {
  return binary(OpId::logical_and, "logical_and", cast(a, DType::boolean), cast(b, DType::boolean));
}
Tensor logical_or(const Tensor& a, const Tensor& b) {
  return binary(OpId::logical_or, "logical_or", cast(a, DType::boolean), cast(b, DType::boolean));
}
Tensor logical_not(const Tensor& x) { return unary(OpId::logical_not, cast(x, DType::boolean)); }

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  const DType dtype = promote(a.dtype(), b.dtype());
  const Shape shape = broadcast_shapes(broadcast_shapes(a.shape(), b.shape(), "where"), condition.shape(), "where");
  return dispatch1(OpId::where, {expand(cast(condition, DType::boolean), shape), expand(cast(a, dtype), shape),
                                 expand(cast(b, dtype), shape)});
}
Tensor where(const Tensor& condition, const Tensor& a, double b) { return where(condition, a, number_like(b, a)); }
Tensor where(const Tensor& condition, double a, const Tensor& b) { return where(condition, number_like(a, b), b); }
Tensor masked_fill(const Tensor& x, const Tensor& mask, double value) { return where(mask, value, x); }

#define FUNCTION(name_, how) \
  Tensor name_(const Tensor& x) { return how(OpId::name_, x); }
FUNCTION(neg, unary)
FUNCTION(abs, unary)
FUNCTION(sign, unary)
FUNCTION(relu, unary)
FUNCTION(floor, real)
FUNCTION(ceil, real)
FUNCTION(round, real)
FUNCTION(sqrt, real)
FUNCTION(rsqrt, real)
FUNCTION(exp, real)
FUNCTION(expm1, real)
FUNCTION(log, real)
FUNCTION(log1p, real)
FUNCTION(sin, real)
FUNCTION(cos, real)
FUNCTION(tan, real)
FUNCTION(asin, real)
FUNCTION(acos, real)
FUNCTION(atan, real)
FUNCTION(sinh, real)
FUNCTION(cosh, real)
FUNCTION(tanh, real)
FUNCTION(asinh, real)
FUNCTION(acosh, real)
FUNCTION(atanh, real)
FUNCTION(erf, real)
FUNCTION(sigmoid, real)
FUNCTION(softplus, real)
FUNCTION(isfinite, real)
FUNCTION(isnan, real)
#undef FUNCTION

Tensor square(const Tensor& x) { return x * x; }
Tensor reciprocal(const Tensor& x) { return 1.0 / x; }
Tensor log2(const Tensor& x) { return log(x) * std::numbers::log2e; }
Tensor log10(const Tensor& x) { return log(x) * std::numbers::log10e; }

Tensor clamp(const Tensor& x, double low, double high) {
  if (!(low <= high)) throw Error("clamp", "low " + std::to_string(low) + " is above high " + std::to_string(high));
  const Tensor lo = number_like(low, x), hi = number_like(high, x);
  return where(lt(x, lo), lo, where(gt(x, hi), hi, x));
}

Tensor leaky_relu(const Tensor& x, double slope) { return where(gt(x, 0.0), x, x * slope); }

Tensor prelu(const Tensor& x, const Tensor& slope) {
  Shape shape = Dims::filled(x.rank(), 1);
  if (slope.numel() != 1) {
    if (x.rank() < 2 || slope.numel() != x.size(1)) {
      throw Error("prelu", "slope needs one element or one per channel")
          .detail("x     " + x.meta().str())
          .detail("slope " + slope.meta().str());
    }
    shape[1] = slope.numel();
  }
  return where(gt(x, 0.0), x, x * reshape(slope, shape));
}

Tensor elu(const Tensor& x, double alpha) {
  // The unused branch of where() still gets a gradient: it must stay finite for large x.
  return where(gt(x, 0.0), x, expm1(minimum(x, zeros_like(x))) * alpha);
}

Tensor selu(const Tensor& x) {
  constexpr double kAlpha = 1.6732632423543772848170429916717, kScale = 1.0507009873554804934193349852946;
  return elu(x, kAlpha) * kScale;
}

Tensor gelu(const Tensor& x, bool tanh_form) {
  if (!tanh_form) return x * 0.5 * (erf(x * (1 / std::numbers::sqrt2)) + 1.0);
  const double scale = std::sqrt(2 / std::numbers::pi);
  return x * 0.5 * (tanh((x + x * x * x * 0.044715) * scale) + 1.0);
}

Tensor silu(const Tensor& x) { return x * sigmoid(x); }
Tensor log_sigmoid(const Tensor& x) { return -softplus(-x); }
Tensor hardtanh(const Tensor& x, double low, double high) { return clamp(x, low, high); }
Tensor hard_sigmoid(const Tensor& x) { return clamp(x * (1.0 / 6) + 0.5, 0, 1); }
Tensor hard_swish(const Tensor& x) { return x * hard_sigmoid(x); }

}  // namespace lamina
