#include "lamina/nn/layers/activation.h"

#include "lamina/core/error.h"
#include "lamina/nn/init.h"
#include "lamina/nn/layers/check.h"
#include "lamina/ops/pointwise.h"
#include "lamina/ops/softmax.h"

namespace lamina::nn {

Tensor Relu::forward(const Tensor& x) { return relu(x); }
Tensor Selu::forward(const Tensor& x) { return selu(x); }
Tensor Silu::forward(const Tensor& x) { return silu(x); }
Tensor Softplus::forward(const Tensor& x) { return softplus(x); }
Tensor Sigmoid::forward(const Tensor& x) { return sigmoid(x); }
Tensor LogSigmoid::forward(const Tensor& x) { return log_sigmoid(x); }
Tensor Tanh::forward(const Tensor& x) { return tanh(x); }
Tensor HardSigmoid::forward(const Tensor& x) { return hard_sigmoid(x); }
Tensor HardSwish::forward(const Tensor& x) { return hard_swish(x); }
Tensor LeakyRelu::forward(const Tensor& x) { return leaky_relu(x, options_.slope); }
Tensor Elu::forward(const Tensor& x) { return elu(x, options_.alpha); }
Tensor Gelu::forward(const Tensor& x) { return gelu(x, options_.tanh_form); }
Tensor Hardtanh::forward(const Tensor& x) { return hardtanh(x, options_.low, options_.high); }
Tensor Softmax::forward(const Tensor& x) { return softmax(x, static_cast<int>(options_.axis)); }
Tensor LogSoftmax::forward(const Tensor& x) { return log_softmax(x, static_cast<int>(options_.axis)); }

Prelu::Prelu(PreluOptions options) : options_(options) {
  require_at_least(options_.channels, 1, "Prelu", "channels");
  weight_ = Param(init::constant({options_.channels}, options_.slope));
}

Tensor Prelu::forward(const Tensor& x) {
  if (options_.channels > 1) {
    check_rank(x, 2, Dims::kMaxRank, kind(), "[n, channels, …]");
    check_extent(x, 1, options_.channels, kind(), "channels", weight_);
  }
  return prelu(x, weight_);
}

Hardtanh::Hardtanh(HardtanhOptions options) : options_(options) {
  if (options_.low < options_.high) return;
  throw Error("Hardtanh",
              "low must be below high, got " + std::to_string(options_.low) + " and " + std::to_string(options_.high));
}

}  // namespace lamina::nn
