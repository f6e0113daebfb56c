// Optimizers: update rules written in ops, so that capture records and fuses them with the step.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lamina/nn/param.h"

namespace lamina::optim {

/// Settings for the parameters whose dotted path matches a glob; later groups win.
struct ParamGroup {
  std::string match = "*";   // alternatives separated by |: "*.bias|*norm*"
  double lr_scale = 1;       // times the learning rate
  double weight_decay = -1;  // below zero: the optimizer's
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// Takes over the trainable ones of these parameters and makes zeroed state for each. Call once.
  void bind(const std::vector<nn::NamedVariable>& parameters);
  /// One update; grads in the order of parameters().
  void step(const Tensors& grads);

  const std::vector<Variable>& parameters() const { return parameters_; }
  double lr() const;
  void set_lr(double lr);
  /// All that changes: moments, step count, learning rate. For capture() and checkpoints; dotted names
  /// ("exp_avg.fc1.weight", "step", "lr").
  std::vector<nn::NamedVariable> state() const;
  virtual std::string name() const = 0;
  /// The same rule with the same settings; shares the state of this one. The trainer keeps a copy.
  virtual std::unique_ptr<Optimizer> copy() const = 0;

 protected:
  /// Names of the per-parameter state tensors ("exp_avg", "exp_avg_sq").
  virtual std::vector<std::string> slots() const = 0;
  /// New value of one parameter and of its slots. `grad` has L2 weight decay applied where the rule is
  /// coupled; lr and step are f32 scalars (step counts from 1).
  struct Update {
    const Tensor& param;
    const Tensor& grad;
    const Tensors& slots;
    const Tensor& lr;
    const Tensor& step;
    double weight_decay;
  };
  virtual Tensor update(const Update& u, Tensors& new_slots) const = 0;

 private:
  std::vector<std::string> names_;
  std::vector<Variable> parameters_;
  std::vector<std::vector<Variable>> slots_;
  Variable lr_, step_;
};

}  // namespace lamina::optim
