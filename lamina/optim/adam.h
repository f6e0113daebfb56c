// Adam and its kin. α is the learning rate, t the step, counted from 1.
#pragma once

#include "lamina/optim/optimizer.h"

namespace lamina::optim {

struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  bool amsgrad = false;  // divides by the largest v so far (Reddi et al. 2018)
  double weight_decay = 0;
  bool decay_all = false;
  std::vector<ParamGroup> groups = {};
  LAMINA_OPTIONS(lr, beta1, beta2, eps, amsgrad, weight_decay, decay_all, groups)
};

/// m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², w ← w − α·m̂/(√v̂ + eps), m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ).
/// (Kingma and Ba 2015)
class Adam final : public OptimizerOf<Adam, AdamOptions> {
 public:
  explicit Adam(AdamOptions options = {});
  std::string name() const override { return "adam"; }

 protected:
  std::vector<std::string> slots() const override;
  Tensors shared(const Tensor& lr, const Tensor& step) const override;
  Tensor update(const Update& u, Tensors& new_slots) const override;
};

struct AdamWOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  bool amsgrad = false;
  double weight_decay = 1e-2;
  bool decay_all = false;
  std::vector<ParamGroup> groups = {};
  LAMINA_OPTIONS(lr, beta1, beta2, eps, amsgrad, weight_decay, decay_all, groups)
};

/// Adam with decoupled weight decay: w ← (1 − α·weight_decay)·w − α·m̂/(√v̂ + eps). (Loshchilov and Hutter 2019)
class AdamW final : public OptimizerOf<AdamW, AdamWOptions> {
 public:
  explicit AdamW(AdamWOptions options = {});
  std::string name() const override { return "adamw"; }

 protected:
  bool coupled_decay() const override { return false; }
  std::vector<std::string> slots() const override;
  Tensors shared(const Tensor& lr, const Tensor& step) const override;
  Tensor update(const Update& u, Tensors& new_slots) const override;
};

struct AdamaxOptions {
  double lr = 2e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  bool decay_all = false;
  std::vector<ParamGroup> groups = {};
  LAMINA_OPTIONS(lr, beta1, beta2, eps, weight_decay, decay_all, groups)
};

/// m as in Adam, u ← max(β₂u, |g| + eps), w ← w − α/(1 − β₁ᵗ)·m/u. (Kingma and Ba 2015, section 7)
class Adamax final : public OptimizerOf<Adamax, AdamaxOptions> {
 public:
  explicit Adamax(AdamaxOptions options = {});
  std::string name() const override { return "adamax"; }

 protected:
  std::vector<std::string> slots() const override;
  Tensors shared(const Tensor& lr, const Tensor& step) const override;
  Tensor update(const Update& u, Tensors& new_slots) const override;
};

struct NadamOptions {
  double lr = 2e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double momentum_decay = 4e-3;
  double weight_decay = 0;
  bool decay_all = false;
  std::vector<ParamGroup> groups = {};
  LAMINA_OPTIONS(lr, beta1, beta2, eps, momentum_decay, weight_decay, decay_all, groups)
};

/// Adam with Nesterov's look-ahead; μₜ = β₁·(1 − 0.5·0.96^(t·momentum_decay)). (Dozat 2016)
class Nadam final : public OptimizerOf<Nadam, NadamOptions> {
 public:
  explicit Nadam(NadamOptions options = {});
  std::string name() const override { return "nadam"; }

 protected:
  std::vector<std::string> slots() const override;
  Tensors shared(const Tensor& lr, const Tensor& step) const override;
  std::vector<std::pair<std::string, double>> scalars() const override { return {{"mu_product", 1.0}}; }  // μ₁·…·μₜ
  void advance(const Tensor& step) const override;
  Tensor update(const Update& u, Tensors& new_slots) const override;

 private:
  /// μₜ for t = step + ahead.
  Tensor mu(const Tensor& step, double ahead) const;
};

// Their bodies are in the library.
extern template class OptimizerOf<Adam, AdamOptions>;
extern template class OptimizerOf<AdamW, AdamWOptions>;
extern template class OptimizerOf<Adamax, AdamaxOptions>;
extern template class OptimizerOf<Nadam, NadamOptions>;

}  // namespace lamina::optim
