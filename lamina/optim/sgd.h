// Gradient descent, with and without momentum. g is the gradient, with weight decay added; α the learning rate.
#pragma once

#include "lamina/optim/optimizer.h"

namespace lamina::optim {

struct SgdOptions {
  double lr = 0.01;
  double weight_decay = 0;
  bool decay_all = false;
  std::vector<ParamGroup> groups = {};
  LAMINA_OPTIONS(lr, weight_decay, decay_all, groups)
};

/// w ← w − α·g.
class Sgd final : public OptimizerOf<Sgd, SgdOptions> {
 public:
  explicit Sgd(SgdOptions options = {});
  std::string name() const override { return "sgd"; }

 protected:
  std::vector<std::string> slots() const override;
  Tensors shared(const Tensor& lr, const Tensor& step) const override;
  Tensor update(const Update& u, Tensors& new_slots) const override;
};

struct MomentumOptions {
  double lr = 0.01;
  double momentum = 0.9;
  double dampening = 0;   // as PyTorch: not at the first step
  bool nesterov = false;  // as PyTorch: w ← w − α·(g + momentum·v)
  bool average = false;   // the exponentially weighted average v ← momentum·v + (1 − momentum)·g
  double weight_decay = 0;
  bool decay_all = false;
  std::vector<ParamGroup> groups = {};
  LAMINA_OPTIONS(lr, momentum, dampening, nesterov, average, weight_decay, decay_all, groups)
};

/// Heavy ball: v ← momentum·v + (1 − dampening)·g, w ← w − α·v. (Polyak 1964)
class Momentum final : public OptimizerOf<Momentum, MomentumOptions> {
 public:
  explicit Momentum(MomentumOptions options = {});
  std::string name() const override { return "momentum"; }

 protected:
  std::vector<std::string> slots() const override;
  Tensors shared(const Tensor& lr, const Tensor& step) const override;
  Tensor update(const Update& u, Tensors& new_slots) const override;
};

struct NesterovOptions {
  double lr = 0.01;
  double momentum = 0.9;
  double weight_decay = 0;
  bool decay_all = false;
  std::vector<ParamGroup> groups = {};
  LAMINA_OPTIONS(lr, momentum, weight_decay, decay_all, groups)
};

/// v ← momentum·v + g, w ← w − α·(g + momentum·v). (Nesterov 1983, as Sutskever et al. 2013)
class Nesterov final : public OptimizerOf<Nesterov, NesterovOptions> {
 public:
  explicit Nesterov(NesterovOptions options = {});
  std::string name() const override { return "nesterov"; }

 protected:
  std::vector<std::string> slots() const override;
  Tensors shared(const Tensor& lr, const Tensor& step) const override;
  Tensor update(const Update& u, Tensors& new_slots) const override;
};

// Their bodies are in the library.
extern template class OptimizerOf<Sgd, SgdOptions>;
extern template class OptimizerOf<Momentum, MomentumOptions>;
extern template class OptimizerOf<Nesterov, NesterovOptions>;

}  // namespace lamina::optim
