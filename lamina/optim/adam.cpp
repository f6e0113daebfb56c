#include "lamina/optim/adam.h"

#include <cmath>

#include "lamina/ops/pointwise.h"
#include "lamina/optim/check.h"

namespace lamina::optim {

namespace {

/// 1 − βᵗ; by expm1, because 1 − 0.999 has lost four digits in f32.
Tensor correction(double beta, const Tensor& step) { return -expm1(step * std::log(beta)); }

template <class Options>
void check(const Options& o, const char* who) {
  require(o.beta1 >= 0 && o.beta1 < 1, who, "beta1", "lie in [0, 1)", o.beta1);
  require(o.beta2 >= 0 && o.beta2 < 1, who, "beta2", "lie in [0, 1)", o.beta2);
  require(o.eps > 0, who, "eps", "be above 0", o.eps);
}

Tensor averaged(const Tensor& average, double beta, const Tensor& value) { return average * beta + value * (1 - beta); }

std::vector<std::string> adam_slots(bool amsgrad) {
  std::vector<std::string> names{"exp_avg", "exp_avg_sq"};
  if (amsgrad) names.push_back("max_exp_avg_sq");
  return names;
}

/// {α/(1 − β₁ᵗ), 1/√(1 − β₂ᵗ)}.
template <class Options>
Tensors adam_shared(const Options& o, const Tensor& lr, const Tensor& step) {
  return {lr / correction(o.beta1, step), rsqrt(correction(o.beta2, step))};
}

/// α·m̂/(√v̂ + eps).
template <class Options>
Tensor adam_change(const Options& o, const Tensor& grad, const Tensors& slots, const Tensors& shared,
                   Tensors& new_slots) {
  const Tensor m = new_slots[0] = averaged(slots[0], o.beta1, grad);
  Tensor v = new_slots[1] = averaged(slots[1], o.beta2, square(grad));
  if (o.amsgrad) v = new_slots[2] = maximum(slots[2], v);
  return shared[0] * m / (sqrt(v) * shared[1] + o.eps);
}

}  // namespace

Adam::Adam(AdamOptions options) : OptimizerOf(options) { check(options_, "adam"); }
std::vector<std::string> Adam::slots() const { return adam_slots(options_.amsgrad); }
Tensors Adam::shared(const Tensor& lr, const Tensor& step) const { return adam_shared(options_, lr, step); }
Tensor Adam::update(const Update& u, Tensors& new_slots) const {
  return u.param - adam_change(options_, u.grad, u.slots, u.shared, new_slots);
}

AdamW::AdamW(AdamWOptions options) : OptimizerOf(options) { check(options_, "adamw"); }
std::vector<std::string> AdamW::slots() const { return adam_slots(options_.amsgrad); }

Tensors AdamW::shared(const Tensor& lr, const Tensor& step) const { return adam_shared(options_, lr, step); }

Tensor AdamW::update(const Update& u, Tensors& new_slots) const {
  const Tensor change = adam_change(options_, u.grad, u.slots, u.shared, new_slots);
  if (u.weight_decay == 0) return u.param - change;
  return u.param * (1.0 - u.lr * u.weight_decay) - change;
}

Adamax::Adamax(AdamaxOptions options) : OptimizerOf(options) { check(options_, "adamax"); }
std::vector<std::string> Adamax::slots() const { return {"exp_avg", "exp_inf"}; }

Tensors Adamax::shared(const Tensor& lr, const Tensor& step) const { return {lr / correction(options_.beta1, step)}; }

Tensor Adamax::update(const Update& u, Tensors& new_slots) const {
  const Tensor m = new_slots[0] = averaged(u.slots[0], options_.beta1, u.grad);
  const Tensor largest = new_slots[1] = maximum(u.slots[1] * options_.beta2, abs(u.grad) + options_.eps);
  return u.param - u.shared[0] * m / largest;
}

Nadam::Nadam(NadamOptions options) : OptimizerOf(options) {
  check(options_, "nadam");
  require(options_.momentum_decay >= 0, "nadam", "momentum_decay", "be 0 or more", options_.momentum_decay);
}

std::vector<std::string> Nadam::slots() const { return {"exp_avg", "exp_avg_sq"}; }

Tensor Nadam::mu(const Tensor& step, double ahead) const {
  const Tensor decay = exp((step + ahead) * (options_.momentum_decay * std::log(0.96)));
  return (1.0 - decay * 0.5) * options_.beta1;
}

void Nadam::advance(const Tensor& step) const { scalar(0).assign(scalar(0).value() * mu(step, 0)); }

Tensors Nadam::shared(const Tensor& lr, const Tensor& step) const {
  const Tensor now = mu(step, 0), next = mu(step, 1), product = scalar(0).value();
  return {lr * (1.0 - now) / (1.0 - product), lr * next / (1.0 - product * next),
          rsqrt(correction(options_.beta2, step))};
}

Tensor Nadam::update(const Update& u, Tensors& new_slots) const {
  const Tensor m = new_slots[0] = averaged(u.slots[0], options_.beta1, u.grad);
  const Tensor v = new_slots[1] = averaged(u.slots[1], options_.beta2, square(u.grad));
  return u.param - (u.shared[0] * u.grad + u.shared[1] * m) / (sqrt(v) * u.shared[2] + options_.eps);
}

template class OptimizerOf<Adam, AdamOptions>;
template class OptimizerOf<AdamW, AdamWOptions>;
template class OptimizerOf<Adamax, AdamaxOptions>;
template class OptimizerOf<Nadam, NadamOptions>;

}  // namespace lamina::optim
