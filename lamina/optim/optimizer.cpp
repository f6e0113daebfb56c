#include "lamina/optim/optimizer.h"

#include <algorithm>
#include <map>

#include "lamina/core/error.h"
#include "lamina/core/glob.h"
#include "lamina/engine/tape.h"
#include "lamina/ops/pointwise.h"
#include "lamina/optim/adam.h"
#include "lamina/optim/adaptive.h"
#include "lamina/optim/check.h"
#include "lamina/optim/sgd.h"

namespace lamina::optim {

namespace {

Variable scalar_of(double value) { return Variable(Tensor::from({value}, {})); }

/// State of low-precision parameters is kept in f32.
DType slot_dtype(DType parameter) { return parameter == DType::f64 ? DType::f64 : DType::f32; }

Variable slot(const Tensor& parameter, double start) {
  Tensor values = Tensor::empty(parameter.shape(), slot_dtype(parameter.dtype()));
  if (values.dtype() == DType::f64) {
    std::fill_n(static_cast<double*>(values.mutable_raw()), values.numel(), start);
  } else {
    std::fill_n(static_cast<float*>(values.mutable_raw()), values.numel(), static_cast<float>(start));
  }
  return Variable(std::move(values));
}

}  // namespace

Optimizer::Optimizer(CommonOptions options)
    : options_(std::move(options)), lr_(scalar_of(options_.lr)), step_(scalar_of(0)) {
  require(options_.lr >= 0, "optimizer", "lr", "be 0 or more", options_.lr);
  require(options_.weight_decay >= 0, "optimizer", "weight_decay", "be 0 or more", options_.weight_decay);
  for (const ParamGroup& g : options_.groups) {
    require(g.lr_scale >= 0, "optimizer", "lr_scale of a group", "be 0 or more", g.lr_scale);
  }
}

Optimizer::~Optimizer() = default;
Optimizer::Optimizer(const Optimizer& other) = default;
Optimizer& Optimizer::operator=(const Optimizer& other) = default;

Optimizer::Setting Optimizer::setting_for(const std::string& name, const Variable& parameter) const {
  Setting setting;
  setting.weight_decay = options_.decay_all || parameter.value().rank() > 1 ? options_.weight_decay : 0;
  for (const ParamGroup& group : options_.groups) {
    if (!matches_glob(group.match, name)) continue;
    setting.lr_scale = group.lr_scale;
    if (group.weight_decay >= 0) setting.weight_decay = group.weight_decay;
  }
  return setting;
}

void Optimizer::bind(const std::vector<nn::NamedVariable>& parameters,
                     const std::vector<std::vector<std::string>>& later) {
  if (!parameters_.empty()) throw Error(name(), "the optimizer is already bound to parameters");
  const std::vector<double> starts = slot_starts();
  for (const nn::NamedVariable& p : parameters) {
    if (!p.variable.trainable()) continue;
    names_.push_back(p.name);
    parameters_.push_back(p.variable);
    settings_.push_back(setting_for(p.name, p.variable));
    for (size_t g = 0; g < later.size(); ++g) {
      if (std::find(later[g].begin(), later[g].end(), p.name) == later[g].end()) continue;
      settings_.back().later = static_cast<int>(g);
    }
    std::vector<Variable>& own = slots_.emplace_back();
    for (double start : starts) own.push_back(slot(p.variable.value(), start));
  }
  // Variables of its own: copies made before may be bound too.
  lr_ = scalar_of(lr());
  step_ = scalar_of(0);
  for (const auto& [scalar, start] : scalars()) scalars_.push_back(scalar_of(start));
  for (size_t g = 0; g < later.size(); ++g) begins_.push_back(scalar_of(-1));
  if (parameters_.empty()) {
    throw Error(name(), "there is nothing to train").hint("the network has no parameters, or all are frozen");
  }
  check_groups(parameters);
}

void Optimizer::begin(size_t later_group) const {
  const Variable& before = begins_.at(later_group);
  if (before.value().item() < 0) before.assign(Tensor::from({step_.value().item()}, {}));
}

void Optimizer::check_groups(const std::vector<nn::NamedVariable>& parameters) const {
  NameList trainable;
  std::vector<std::string> paths;
  for (const nn::NamedVariable& p : parameters) {
    if (!p.variable.trainable()) continue;
    paths.push_back(p.name);
    if (paths.size() <= 8) trainable.add(p.name);
  }
  for (const ParamGroup& g : options_.groups) {
    const auto matched = [&](const std::string& n) { return matches_glob(g.match, n); };
    if (std::any_of(paths.begin(), paths.end(), matched)) continue;
    throw Error(name(), "groups: no parameter matches \"" + g.match + "\"")
        .detail("there are: " + trainable.str() + (paths.size() > 8 ? ", …" : ""))
        .hint("* stands for any characters, | separates alternatives: \"*.bias|*norm*\"");
  }
}

void Optimizer::step(const Tensors& grads) {
  if (parameters_.empty()) throw Error(name(), "step() comes after bind()");
  if (grads.size() != parameters_.size()) {
    throw Error(name(), "expected " + std::to_string(parameters_.size()) + " gradients, one per parameter, got " +
                            std::to_string(grads.size()));
  }
  const NoGrad off;
  step_.assign(step_.value() + 1.0);
  const Tensor step = step_.value();
  advance(step);

  struct Rates {
    Tensor lr, step;
    Tensors shared;
  };
  std::map<std::pair<double, int>, Rates> known;
  const auto rates = [&](const Setting& s) -> const Rates& {
    const auto [it, added] = known.try_emplace(std::pair(s.lr_scale, s.later));
    Rates& r = it->second;
    if (added) {
      r.lr = s.lr_scale == 1 ? lr_.value() : lr_.value() * s.lr_scale;
      r.step = s.later < 0 ? step : step - begins_[static_cast<size_t>(s.later)].value();
      r.shared = shared(r.lr, r.step);
    }
    return r;
  };
  const size_t slot_count = slots().size();
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (!grads[i].defined()) continue;
    const Tensor param = parameters_[i].value();
    if (grads[i].shape() != param.shape()) {
      throw Error(name(), "gradient and parameter \"" + names_[i] + "\" differ in shape")
          .detail("parameter " + param.meta().str())
          .detail("gradient  " + grads[i].meta().str());
    }
    const Setting& setting = settings_[i];
    Tensor grad = cast(grads[i], slot_dtype(param.dtype()));
    if (coupled_decay() && setting.weight_decay > 0) grad = grad + param * setting.weight_decay;
    Tensors old, fresh(slot_count);
    for (const Variable& v : slots_[i]) old.push_back(v.value());
    const Rates& r = rates(setting);
    const Tensor value = update({param, grad, old, r.lr, r.step, r.shared, setting.weight_decay}, fresh);
    for (size_t k = 0; k < slot_count; ++k) slots_[i][k].assign(fresh[k]);
    parameters_[i].assign(cast(value, param.dtype()));
  }
}

double Optimizer::lr() const { return lr_.value().item(); }

void Optimizer::set_lr(double lr) {
  require(lr >= 0, "optimizer", "lr", "be 0 or more", lr);
  lr_.assign(Tensor::from({lr}, {}));
}

std::vector<nn::NamedVariable> Optimizer::state() const {
  std::vector<nn::NamedVariable> all;
  const std::vector<std::string> kinds = slots();
  for (size_t k = 0; k < kinds.size(); ++k) {
    for (size_t i = 0; i < names_.size(); ++i) all.push_back({kinds[k] + "." + names_[i], slots_[i][k]});
  }
  for (size_t k = 0; k < scalars_.size(); ++k) all.push_back({scalars()[k].first, scalars_[k]});
  for (size_t g = 0; g < begins_.size(); ++g) all.push_back({"begin." + std::to_string(g), begins_[g]});
  all.push_back({"step", step_});
  all.push_back({"lr", lr_});
  return all;
}

namespace {

template <class T>
std::unique_ptr<Optimizer> make(FieldVisitor& visitor) {
  typename T::Options options;
  options.visit(visitor);
  return std::make_unique<T>(options);
}

}  // namespace

std::span<const Entry<Optimizer>> optimizer_table() {
  static constexpr Entry<Optimizer> kTable[] = {
      {"sgd", "gradient descent", make<Sgd>},
      {"momentum", "gradient descent with momentum: heavy ball (Polyak 1964), or averaged gradients", make<Momentum>},
      {"nesterov", "Nesterov's accelerated gradient (1983)", make<Nesterov>},
      {"adagrad", "Adagrad (Duchi et al. 2011)", make<Adagrad>},
      {"rmsprop", "RMSProp (Tieleman and Hinton 2012)", make<RmsProp>},
      {"adadelta", "Adadelta (Zeiler 2012)", make<Adadelta>},
      {"adam", "Adam (Kingma and Ba 2015); amsgrad: Reddi et al. 2018", make<Adam>},
      {"adamw", "Adam with decoupled weight decay (Loshchilov and Hutter 2019)", make<AdamW>},
      {"adamax", "Adam with the maximum norm (Kingma and Ba 2015)", make<Adamax>},
      {"nadam", "Adam with Nesterov momentum (Dozat 2016)", make<Nadam>},
  };
  return kTable;
}

}  // namespace lamina::optim
