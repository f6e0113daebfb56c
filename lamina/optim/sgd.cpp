#include "lamina/optim/sgd.h"

#include "lamina/core/error.h"
#include "lamina/ops/create.h"
#include "lamina/ops/pointwise.h"
#include "lamina/optim/check.h"

namespace lamina::optim {

Sgd::Sgd(SgdOptions options) : OptimizerOf(options) {}
std::vector<std::string> Sgd::slots() const { return {}; }
Tensors Sgd::shared(const Tensor&, const Tensor&) const { return {}; }
Tensor Sgd::update(const Update& u, Tensors&) const { return u.param - u.lr * u.grad; }

Momentum::Momentum(MomentumOptions options) : OptimizerOf(options) {
  require(options_.momentum >= 0 && options_.momentum < 1, "momentum", "momentum", "lie in [0, 1)", options_.momentum);
  require(options_.dampening >= 0 && options_.dampening <= 1, "momentum", "dampening", "lie in [0, 1]",
          options_.dampening);
  if (options_.nesterov && (options_.dampening > 0 || options_.average)) {
    throw Error("momentum", "nesterov goes neither with dampening nor with average");
  }
  if (options_.average && options_.dampening > 0) throw Error("momentum", "average goes without dampening");
}

std::vector<std::string> Momentum::slots() const { return {"momentum_buffer"}; }

Tensors Momentum::shared(const Tensor&, const Tensor& step) const {
  if (options_.dampening == 0) return {};
  const Tensor first = full({}, 1, DType::f32);
  return {where(le(step, 1.0), first, 1 - options_.dampening)};
}

Tensor Momentum::update(const Update& u, Tensors& new_slots) const {
  Tensor fresh = u.grad;
  if (options_.average) fresh = u.grad * (1 - options_.momentum);
  if (!u.shared.empty()) fresh = u.grad * u.shared[0];
  const Tensor v = new_slots[0] = u.slots[0] * options_.momentum + fresh;
  return u.param - u.lr * (options_.nesterov ? u.grad + v * options_.momentum : v);
}

Nesterov::Nesterov(NesterovOptions options) : OptimizerOf(options) {
  require(options_.momentum >= 0 && options_.momentum < 1, "nesterov", "momentum", "lie in [0, 1)", options_.momentum);
}

std::vector<std::string> Nesterov::slots() const { return {"momentum_buffer"}; }
Tensors Nesterov::shared(const Tensor&, const Tensor&) const { return {}; }

Tensor Nesterov::update(const Update& u, Tensors& new_slots) const {
  const Tensor v = new_slots[0] = u.slots[0] * options_.momentum + u.grad;
  return u.param - u.lr * (u.grad + v * options_.momentum);
}

template class OptimizerOf<Sgd, SgdOptions>;
template class OptimizerOf<Momentum, MomentumOptions>;
template class OptimizerOf<Nesterov, NesterovOptions>;

}  // namespace lamina::optim
