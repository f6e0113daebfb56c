// Initial values of weights. All draw from the default generator: seed it, or install one with
// GeneratorScope, and the same network gets the same weights.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lamina/nn/param.h"
#include "lamina/ops/random.h"

namespace lamina::nn {

/// Seeds the default generator of this thread: weights and dropout from here on are a function of the seed.
void seed(int64_t seed);

namespace init {

enum class FanMode { in, out };

/// {fan in, fan out} of a weight laid out [out, in, kernel…]; throws Error below rank 2.
std::pair<int64_t, int64_t> fans(const Shape& shape);
/// The factor that keeps the variance through a nonlinearity: "linear", "sigmoid", "conv": 1, "tanh": 5/3,
/// "relu": √2, "leaky_relu": √(2/(1 + slope²)), "selu": 3/4.
double gain(std::string_view nonlinearity, double slope = 0.01);

Tensor zeros(const Shape& shape);
Tensor constant(const Shape& shape, double value);
/// Uniform in [low, high).
Tensor uniform(const Shape& shape, double low = 0, double high = 1);
Tensor normal(const Shape& shape, double mean = 0, double stddev = 1);
/// Normal, drawn again while outside [low, high] (absolute values, not multiples of stddev).
Tensor truncated_normal(const Shape& shape, double mean = 0, double stddev = 1, double low = -2, double high = 2);
/// U(−a, a), a = gain·√(6/(fan_in + fan_out)). (Glorot and Bengio 2010)
Tensor xavier_uniform(const Shape& shape, double gain = 1);
/// N(0, gain²·2/(fan_in + fan_out)).
Tensor xavier_normal(const Shape& shape, double gain = 1);
/// U(−a, a), a = gain·√(3/fan). (He et al. 2015)
Tensor kaiming_uniform(const Shape& shape, FanMode mode = FanMode::in, double gain = 1.4142135623730951);
/// N(0, gain²/fan).
Tensor kaiming_normal(const Shape& shape, FanMode mode = FanMode::in, double gain = 1.4142135623730951);
/// Rows (or columns, whichever are fewer) of [n, rest] are orthonormal, times gain. (Saxe et al. 2014)
Tensor orthogonal(const Shape& shape, double gain = 1);
/// [rows, columns], N(0, stddev²) with the fraction `sparsity` of each column zero. (Martens 2010)
Tensor sparse(const Shape& shape, double sparsity = 0.9, double stddev = 0.01);

/// By the name a layer's `init` option gives, alone or with one number: "default" (the U(−g/√fan_in, g/√fan_in) that
/// PyTorch gives linear and convolution layers), "zeros", "constant(value)", "uniform(limit)", "normal(stddev)",
/// "truncated_normal(stddev)" (at ±2·stddev), "xavier_uniform(gain)", "xavier_normal(gain)", "kaiming_uniform(gain)",
/// "kaiming_normal(gain)", "kaiming_normal_fan_out(gain)", "lecun_uniform(a)" (±a/fan_in, a being 2.4: LeCun et
/// al. 1998, appendix A), "orthogonal(gain)", "sparse(sparsity)". Throws Error naming
/// the nearest.
Tensor by_name(std::string_view name, const Shape& shape);
/// While it lives, by_name() draws nothing on this thread: what it gives has a shape and no values to rely on. For
/// networks of which only names and shapes are wanted: of large tensors no memory is touched.
class ShapesOnly {
 public:
  ShapesOnly();
  ~ShapesOnly();
  ShapesOnly(const ShapesOnly&) = delete;

 private:
  bool outer_;
};

/// The names by_name knows.
std::vector<std::string> names();
/// Bias of a linear or convolution layer: U(−1/√fan_in, 1/√fan_in) for "default", else zeros.
Tensor bias(std::string_view init, int64_t size, const Shape& weight);

}  // namespace init
}  // namespace lamina::nn
