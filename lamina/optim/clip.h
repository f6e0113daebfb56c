// What is done to gradients and weights around an update. All of it is ops, hence captured.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/nn/param.h"

namespace lamina::optim {

/// Each element clamped to [−limit, limit].
Tensors clip_value(const Tensors& grads, double limit);
/// √Σ g² over all elements of all gradients, one element.
Tensor global_norm(const Tensors& grads);
/// All gradients times min(1, limit/(global norm + 1e-6)). (Pascanu et al. 2013)
Tensors clip_norm(const Tensors& grads, double limit);

/// l1·Σ|w| + l2·Σw² over the weights: parameters of rank 2 and more whose path matches the glob; add it to the loss.
/// Both together are the elastic net. Biases and normalization parameters are left out.
Tensor penalty(const std::vector<nn::NamedVariable>& parameters, double l1, double l2, std::string_view glob = "*");

/// Exponential moving average of weights: a ← decay·a + (1 − decay)·w after each step. (Polyak and Juditsky 1992)
class Ema {
 public:
  explicit Ema(const std::vector<nn::NamedVariable>& parameters, double decay = 0.999);
  void update() const;
  /// The averages, by "ema.<path>": for capture() and checkpoints.
  std::vector<nn::NamedVariable> state() const;
  /// Exchanges weights and averages: once before an evaluation, once after.
  void swap() const;

 private:
  double decay_;
  std::vector<nn::NamedVariable> parameters_, averages_;
};

}  // namespace lamina::optim
