// Optimizers: update rules written in ops, so that capture records and fuses them with the step.
//
//     optim::Adam adam{{.lr = 1e-3}};
//     adam.bind(net.named_parameters());
//     auto [loss, grads] = value_and_grad([&] { return loss_of(batch); }, adam.parameters());
//     adam.step(grads);
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lamina/core/fields.h"
#include "lamina/core/registry.h"
#include "lamina/nn/options.h"
#include "lamina/nn/param.h"

namespace lamina::optim {

/// Settings for the parameters whose dotted path matches a glob; later groups win.
struct ParamGroup {
  std::string match = "*";   // alternatives separated by |: "*.bias|*norm*"
  double lr_scale = 1;       // times the learning rate
  double weight_decay = -1;  // below zero: the optimizer's
  LAMINA_OPTIONS(match, lr_scale, weight_decay)
};

/// What the options of every optimizer have; each repeats these fields, so that all are plain aggregates.
struct CommonOptions {
  double lr = 1e-3;
  double weight_decay = 0;
  bool decay_all = false;  // false: biases and normalization parameters (rank 0 or 1) are left alone
  std::vector<ParamGroup> groups = {};
};

class Optimizer {
 public:
  virtual ~Optimizer();
  Optimizer(const Optimizer& other);
  Optimizer& operator=(const Optimizer& other);

  /// Takes over the trainable ones of these parameters and makes state for them. Call once; copies made before stay
  /// unbound, and can be bound to other parameters. `later`: groups of names that begin to train later, see begin().
  void bind(const std::vector<nn::NamedVariable>& parameters, const std::vector<std::vector<std::string>>& later = {});
  /// From the next step on, group i of the names given to bind() trains: rules that count steps (Adam's correction of
  /// its bias) count those of the group from here. Nothing changes where that has been said before.
  void begin(size_t later_group) const;
  /// Throws Error where a group of the options matches none of the trainable ones of these parameters.
  void check_groups(const std::vector<nn::NamedVariable>& parameters) const;
  /// One update; grads in the order of parameters(). An undefined gradient leaves its parameter alone.
  void step(const Tensors& grads);

  const std::vector<Variable>& parameters() const { return parameters_; }
  /// Their dotted paths.
  const std::vector<std::string>& names() const { return names_; }
  double lr() const;
  void set_lr(double lr);
  /// All that changes: moments, step count, learning rate. For capture() and checkpoints; dotted names
  /// ("exp_avg.fc1.weight", "step", "lr").
  std::vector<nn::NamedVariable> state() const;
  virtual std::string name() const = 0;
  /// Options as JSON, for reports.
  virtual std::string describe() const = 0;
  /// The same optimizer; what is bound and its state are shared.
  virtual std::unique_ptr<Optimizer> copy() const = 0;

 protected:
  /// Throws Error where an option is out of range.
  explicit Optimizer(CommonOptions options);

  /// Names of the per-parameter state tensors ("exp_avg", "exp_avg_sq").
  virtual std::vector<std::string> slots() const = 0;
  /// Value of new slots at the start, in the order of slots().
  virtual std::vector<double> slot_starts() const { return std::vector<double>(slots().size(), 0.0); }
  /// Is weight decay added to the gradient (coupled, as L2), or left to update()?
  virtual bool coupled_decay() const { return true; }
  /// One-element tensors that every parameter's update needs, computed once per step: learning rates after bias
  /// correction, …. `step` counts from 1; both are f32.
  virtual Tensors shared(const Tensor& lr, const Tensor& step) const = 0;
  /// Names and starting values of f32 scalars that are state besides the slots (the product of NAdam's momenta), …
  virtual std::vector<std::pair<std::string, double>> scalars() const { return {}; }
  /// … which change here, at the start of a step.
  virtual void advance(const Tensor& step) const { (void)step; }
  const Variable& scalar(size_t index) const { return scalars_[index]; }

  /// New value of one parameter and of its slots. `grad` has L2 weight decay applied where the rule is
  /// coupled; lr and step are f32 scalars (step counts from 1).
  struct Update {
    const Tensor& param;
    const Tensor& grad;
    const Tensors& slots;
    const Tensor& lr;  // of the parameter's group
    const Tensor& step;
    const Tensors& shared;  // for that lr
    double weight_decay;
  };
  virtual Tensor update(const Update& u, Tensors& new_slots) const = 0;

 private:
  struct Setting {  // of one parameter
    double lr_scale = 1;
    double weight_decay = 0;
    int later = -1;  // group that it begins with; −1: at once
  };
  Setting setting_for(const std::string& name, const Variable& parameter) const;

  CommonOptions options_;
  std::vector<std::string> names_;
  std::vector<Variable> parameters_;
  std::vector<Setting> settings_;
  std::vector<std::vector<Variable>> slots_;
  std::vector<Variable> scalars_;
  Variable lr_, step_;
  std::vector<Variable> begins_;  // of later groups: steps done before their first one; −1: not yet known
};

/// copy() and describe() of a concrete optimizer.
template <class Self, class OptionsType>
class OptimizerOf : public Optimizer {
 public:
  using Options = OptionsType;
  std::string describe() const override { return nn::json_of(options_); }
  std::unique_ptr<Optimizer> copy() const override { return std::make_unique<Self>(static_cast<const Self&>(*this)); }

 protected:
  explicit OptimizerOf(const Options& o) : Optimizer({o.lr, o.weight_decay, o.decay_all, o.groups}), options_(o) {}
  Options options_;
};

/// Optimizers by name, for recipes.
std::span<const Entry<Optimizer>> optimizer_table();

}  // namespace lamina::optim
