#include "lamina/optim/adaptive.h"

#include "lamina/ops/pointwise.h"
#include "lamina/optim/check.h"

namespace lamina::optim {

Adagrad::Adagrad(AdagradOptions options) : OptimizerOf(options) {
  require(options_.lr_decay >= 0, "adagrad", "lr_decay", "be 0 or more", options_.lr_decay);
  require(options_.initial_accumulator >= 0, "adagrad", "initial_accumulator", "be 0 or more",
          options_.initial_accumulator);
  require(options_.eps > 0, "adagrad", "eps", "be above 0", options_.eps);
}

std::vector<std::string> Adagrad::slots() const { return {"sum"}; }

Tensors Adagrad::shared(const Tensor& lr, const Tensor& step) const {
  if (options_.lr_decay == 0) return {lr};
  return {lr / ((step - 1.0) * options_.lr_decay + 1.0)};
}

Tensor Adagrad::update(const Update& u, Tensors& new_slots) const {
  const Tensor s = new_slots[0] = u.slots[0] + square(u.grad);
  return u.param - u.shared[0] * u.grad / (sqrt(s) + options_.eps);
}

RmsProp::RmsProp(RmsPropOptions options) : OptimizerOf(options) {
  require(options_.alpha >= 0 && options_.alpha < 1, "rmsprop", "alpha", "lie in [0, 1)", options_.alpha);
  require(options_.momentum >= 0 && options_.momentum < 1, "rmsprop", "momentum", "lie in [0, 1)", options_.momentum);
  require(options_.eps > 0, "rmsprop", "eps", "be above 0", options_.eps);
}

std::vector<std::string> RmsProp::slots() const {
  std::vector<std::string> names{"square_avg"};
  if (options_.centered) names.push_back("grad_avg");
  if (options_.momentum > 0) names.push_back("momentum_buffer");
  return names;
}

Tensors RmsProp::shared(const Tensor&, const Tensor&) const { return {}; }

Tensor RmsProp::update(const Update& u, Tensors& new_slots) const {
  Tensor spread = new_slots[0] = u.slots[0] * options_.alpha + square(u.grad) * (1 - options_.alpha);
  if (options_.centered) {
    new_slots[1] = u.slots[1] * options_.alpha + u.grad * (1 - options_.alpha);
    spread = relu(spread - square(new_slots[1]));  // rounding may leave it below zero
  }
  Tensor direction = u.grad / (sqrt(spread) + options_.eps);
  if (options_.momentum > 0) direction = new_slots.back() = u.slots.back() * options_.momentum + direction;
  return u.param - u.lr * direction;
}

Adadelta::Adadelta(AdadeltaOptions options) : OptimizerOf(options) {
  require(options_.rho >= 0 && options_.rho < 1, "adadelta", "rho", "lie in [0, 1)", options_.rho);
  require(options_.eps > 0, "adadelta", "eps", "be above 0", options_.eps);
}

std::vector<std::string> Adadelta::slots() const { return {"square_avg", "acc_delta"}; }
Tensors Adadelta::shared(const Tensor&, const Tensor&) const { return {}; }

Tensor Adadelta::update(const Update& u, Tensors& new_slots) const {
  const double rho = options_.rho, eps = options_.eps;
  new_slots[0] = u.slots[0] * rho + square(u.grad) * (1 - rho);
  const Tensor delta = sqrt(u.slots[1] + eps) / sqrt(new_slots[0] + eps) * u.grad;
  new_slots[1] = u.slots[1] * rho + square(delta) * (1 - rho);
  return u.param - u.lr * delta;
}

template class OptimizerOf<Adagrad, AdagradOptions>;
template class OptimizerOf<RmsProp, RmsPropOptions>;
template class OptimizerOf<Adadelta, AdadeltaOptions>;

}  // namespace lamina::optim
