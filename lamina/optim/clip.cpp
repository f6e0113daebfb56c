#include "lamina/optim/clip.h"

#include "lamina/core/error.h"
#include "lamina/core/glob.h"
#include "lamina/engine/tape.h"
#include "lamina/ops/create.h"
#include "lamina/ops/pointwise.h"
#include "lamina/ops/reduce.h"
#include "lamina/optim/check.h"

namespace lamina::optim {

Tensors clip_value(const Tensors& grads, double limit) {
  require(limit > 0, "clip_value", "limit", "be above 0", limit);
  Tensors clipped;
  for (const Tensor& g : grads) clipped.push_back(g.defined() ? clamp(g, -limit, limit) : g);
  return clipped;
}

Tensor global_norm(const Tensors& grads) {
  Tensor total;
  for (const Tensor& g : grads) {
    if (!g.defined()) continue;
    const Tensor squares = sum(square(g));
    total = total.defined() ? total + squares : squares;
  }
  return total.defined() ? sqrt(total) : full({}, 0);
}

Tensors clip_norm(const Tensors& grads, double limit) {
  require(limit > 0, "clip_norm", "limit", "be above 0", limit);
  const Tensor factor = clamp(limit / (global_norm(grads) + 1e-6), 0, 1);
  Tensors clipped;
  for (const Tensor& g : grads) clipped.push_back(g.defined() ? cast(g * factor, g.dtype()) : g);
  return clipped;
}

Tensor penalty(const std::vector<nn::NamedVariable>& parameters, double l1, double l2, std::string_view glob) {
  require(l1 >= 0, "penalty", "l1", "be 0 or more", l1);
  require(l2 >= 0, "penalty", "l2", "be 0 or more", l2);
  Tensor total = full({}, 0);
  for (const nn::NamedVariable& p : parameters) {
    const Tensor& w = p.variable.value();
    if (w.rank() < 2 || !matches_glob(glob, p.name)) continue;
    if (l1 > 0) total = total + sum(abs(w)) * l1;
    if (l2 > 0) total = total + sum(square(w)) * l2;
  }
  return total;
}

Ema::Ema(const std::vector<nn::NamedVariable>& parameters, double decay) : decay_(decay), parameters_(parameters) {
  require(decay >= 0 && decay < 1, "ema", "decay", "lie in [0, 1)", decay);
  for (const nn::NamedVariable& p : parameters) {
    Variable average = p.variable.clone();
    average.set_trainable(false);
    averages_.push_back({"ema." + p.name, average});
  }
}

void Ema::update() const {
  const NoGrad off;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Variable& average = averages_[i].variable;
    average.assign(average.value() * decay_ + parameters_[i].variable.value() * (1 - decay_));
  }
}

std::vector<nn::NamedVariable> Ema::state() const { return averages_; }

void Ema::swap() const {
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor weight = parameters_[i].variable.value();
    parameters_[i].variable.assign(averages_[i].variable.value());
    averages_[i].variable.assign(weight);
  }
}

}  // namespace lamina::optim
