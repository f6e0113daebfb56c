// Element-by-element functions. Operands broadcast as in NumPy; unlike dtypes are promoted
// (bool < u8 < i32 < i64 < bf16 < f32 < f64), and a number takes the dtype of the tensor beside it
// (f32 where that is integral and the number is not). Functions of real analysis turn integers into f32.
#pragma once

#include "lamina/tensor/tensor.h"

namespace lamina {

Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
/// True division: integers give f32.
Tensor div(const Tensor& a, const Tensor& b);
Tensor pow(const Tensor& a, const Tensor& b);
Tensor pow(const Tensor& a, double exponent);
Tensor atan2(const Tensor& y, const Tensor& x);
/// Remainder with the sign of a, as C's fmod.
Tensor fmod(const Tensor& a, const Tensor& b);
/// The gradient goes to the larger operand, half to each where they are equal. NaN wins.
Tensor maximum(const Tensor& a, const Tensor& b);
Tensor minimum(const Tensor& a, const Tensor& b);

Tensor operator+(const Tensor& a, const Tensor& b);
Tensor operator-(const Tensor& a, const Tensor& b);
Tensor operator*(const Tensor& a, const Tensor& b);
Tensor operator/(const Tensor& a, const Tensor& b);
Tensor operator+(const Tensor& a, double b);
Tensor operator-(const Tensor& a, double b);
Tensor operator*(const Tensor& a, double b);
Tensor operator/(const Tensor& a, double b);
Tensor operator+(double a, const Tensor& b);
Tensor operator-(double a, const Tensor& b);
Tensor operator*(double a, const Tensor& b);
Tensor operator/(double a, const Tensor& b);
Tensor operator-(const Tensor& x);

// Comparisons give bool.
Tensor eq(const Tensor& a, const Tensor& b);
Tensor ne(const Tensor& a, const Tensor& b);
Tensor lt(const Tensor& a, const Tensor& b);
Tensor le(const Tensor& a, const Tensor& b);
Tensor gt(const Tensor& a, const Tensor& b);
Tensor ge(const Tensor& a, const Tensor& b);
Tensor eq(const Tensor& a, double b);
Tensor ne(const Tensor& a, double b);
Tensor lt(const Tensor& a, double b);
Tensor le(const Tensor& a, double b);
Tensor gt(const Tensor& a, double b);
Tensor ge(const Tensor& a, double b);
Tensor logical_and(const Tensor& a, const Tensor& b);
Tensor logical_or(const Tensor& a, const Tensor& b);
Tensor logical_not(const Tensor& x);
/// a where condition (bool) is true, else b.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
Tensor where(const Tensor& condition, const Tensor& a, double b);
Tensor where(const Tensor& condition, double a, const Tensor& b);
/// x, with `value` where mask (bool) is true.
Tensor masked_fill(const Tensor& x, const Tensor& mask, double value);

Tensor neg(const Tensor& x);
Tensor abs(const Tensor& x);
/// −1, 0 or 1; gradient zero.
Tensor sign(const Tensor& x);
Tensor floor(const Tensor& x);
Tensor ceil(const Tensor& x);
/// To the nearest, ties to even.
Tensor round(const Tensor& x);
Tensor square(const Tensor& x);
Tensor reciprocal(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor rsqrt(const Tensor& x);
Tensor exp(const Tensor& x);
Tensor expm1(const Tensor& x);
Tensor log(const Tensor& x);
Tensor log1p(const Tensor& x);
Tensor log2(const Tensor& x);
Tensor log10(const Tensor& x);
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);
Tensor tan(const Tensor& x);
Tensor asin(const Tensor& x);
Tensor acos(const Tensor& x);
Tensor atan(const Tensor& x);
Tensor sinh(const Tensor& x);
Tensor cosh(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor asinh(const Tensor& x);
Tensor acosh(const Tensor& x);
Tensor atanh(const Tensor& x);
Tensor erf(const Tensor& x);
/// Clamped into [low, high]; gradient 1 inside and on the border, 0 outside.
Tensor clamp(const Tensor& x, double low, double high);
Tensor isfinite(const Tensor& x);
Tensor isnan(const Tensor& x);
/// Converted elementwise; floats to integers truncate, to bool compare with zero. Differentiable between floats.
Tensor cast(const Tensor& x, DType dtype);

// Activations.
/// max(0, x); gradient 0 at 0.
Tensor relu(const Tensor& x);
/// x for x > 0, else slope·x.
Tensor leaky_relu(const Tensor& x, double slope = 0.01);
/// As leaky_relu, with a learned slope of one element or one per channel (axis 1).
Tensor prelu(const Tensor& x, const Tensor& slope);
/// x for x > 0, else alpha·(eˣ − 1).
Tensor elu(const Tensor& x, double alpha = 1);
/// Klambauer et al. 2017: 1.0507·elu(x, 1.6733).
Tensor selu(const Tensor& x);
/// x·Φ(x); `tanh_form`: the approximation 0.5x(1 + tanh(√(2/π)(x + 0.044715x³))).
Tensor gelu(const Tensor& x, bool tanh_form = false);
/// x·sigmoid(x).
Tensor silu(const Tensor& x);
Tensor sigmoid(const Tensor& x);
/// log sigmoid(x) without overflow.
Tensor log_sigmoid(const Tensor& x);
/// log(1 + eˣ) without overflow.
Tensor softplus(const Tensor& x);
/// clamp(x, low, high).
Tensor hardtanh(const Tensor& x, double low = -1, double high = 1);
/// clamp(x/6 + 1/2, 0, 1).
Tensor hard_sigmoid(const Tensor& x);
/// x·hard_sigmoid(x).
Tensor hard_swish(const Tensor& x);

}  // namespace lamina
