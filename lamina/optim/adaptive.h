// Step sizes per weight, from squared gradients: Adagrad, RMSProp, Adadelta. α is the learning rate.
#pragma once

#include "lamina/optim/optimizer.h"

namespace lamina::optim {

struct AdagradOptions {
  double lr = 0.01;
  double lr_decay = 0;  // α/(1 + (step − 1)·lr_decay)
  double initial_accumulator = 0;
  double eps = 1e-10;
  double weight_decay = 0;
  bool decay_all = false;
  std::vector<ParamGroup> groups = {};
  LAMINA_OPTIONS(lr, lr_decay, initial_accumulator, eps, weight_decay, decay_all, groups)
};

/// s ← s + g², w ← w − α·g/(√s + eps). (Duchi et al. 2011)
class Adagrad final : public OptimizerOf<Adagrad, AdagradOptions> {
 public:
  explicit Adagrad(AdagradOptions options = {});
  std::string name() const override { return "adagrad"; }

 protected:
  std::vector<double> slot_starts() const override { return {options_.initial_accumulator}; }
  std::vector<std::string> slots() const override;
  Tensors shared(const Tensor& lr, const Tensor& step) const override;
  Tensor update(const Update& u, Tensors& new_slots) const override;
};

struct RmsPropOptions {
  double lr = 0.01;
  double alpha = 0.99;  // memory of the squared gradient
  double eps = 1e-8;
  double momentum = 0;
  bool centered = false;  // divides by an estimate of the standard deviation instead
  double weight_decay = 0;
  bool decay_all = false;
  std::vector<ParamGroup> groups = {};
  LAMINA_OPTIONS(lr, alpha, eps, momentum, centered, weight_decay, decay_all, groups)
};

/// s ← alpha·s + (1 − alpha)·g², w ← w − α·g/(√s + eps). (Tieleman and Hinton 2012)
class RmsProp final : public OptimizerOf<RmsProp, RmsPropOptions> {
 public:
  explicit RmsProp(RmsPropOptions options = {});
  std::string name() const override { return "rmsprop"; }

 protected:
  std::vector<std::string> slots() const override;
  Tensors shared(const Tensor& lr, const Tensor& step) const override;
  Tensor update(const Update& u, Tensors& new_slots) const override;
};

struct AdadeltaOptions {
  double lr = 1.0;
  double rho = 0.9;  // memory of both averages
  double eps = 1e-6;
  double weight_decay = 0;
  bool decay_all = false;
  std::vector<ParamGroup> groups = {};
  LAMINA_OPTIONS(lr, rho, eps, weight_decay, decay_all, groups)
};

/// s ← ρs + (1 − ρ)g², d = √(u + eps)/√(s + eps)·g, u ← ρu + (1 − ρ)d², w ← w − α·d. (Zeiler 2012)
class Adadelta final : public OptimizerOf<Adadelta, AdadeltaOptions> {
 public:
  explicit Adadelta(AdadeltaOptions options = {});
  std::string name() const override { return "adadelta"; }

 protected:
  std::vector<std::string> slots() const override;
  Tensors shared(const Tensor& lr, const Tensor& step) const override;
  Tensor update(const Update& u, Tensors& new_slots) const override;
};

// Their bodies are in the library.
extern template class OptimizerOf<Adagrad, AdagradOptions>;
extern template class OptimizerOf<RmsProp, RmsPropOptions>;
extern template class OptimizerOf<Adadelta, AdadeltaOptions>;

}  // namespace lamina::optim
