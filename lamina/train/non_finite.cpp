// Where a loss that is not finite comes from: the step again, eagerly, with a look at every result.
#include <cmath>

#include "lamina/engine/dispatch.h"
#include "lamina/engine/module_path.h"
#include "lamina/engine/tape.h"
#include "lamina/train/step_internal.h"

namespace lamina::train {

namespace {

enum class Health { finite, infinite, nan };

Health health(const Tensor& t) {
  if (!is_floating(t.dtype())) return Health::finite;
  Health worst = Health::finite;
  for (double v : t.values()) {
    if (std::isnan(v)) return Health::nan;
    if (std::isinf(v)) worst = Health::infinite;
  }
  return worst;
}

/// Runs every op and remembers the first NaN and the first infinity. Infinities alone may be meant (masks), a NaN
/// never.
class Watch final : public Recorder {
 public:
  struct Finding {
    std::string op, result, module_path;
  };

  bool symbolic() const override { return false; }

  Tensors record(const OpDef& def, const Tensors& inputs, const Attrs& attrs, const Metas&) override {
    const RecorderScope off(nullptr);
    Tensors results = dispatch(def.id, inputs, attrs);
    for (const Tensor& t : results) {
      const Health h = health(t);
      if (h == Health::finite) continue;
      Finding& slot = h == Health::nan ? nan : infinity;
      if (slot.op.empty()) slot = {std::string(def.name), t.meta().str(), current_module_path()};
    }
    return results;
  }

  Finding nan, infinity;
};

/// Puts the state back as it was.
class Restore {
 public:
  explicit Restore(const std::vector<Variable>& state) : state_(state) {
    for (const Variable& v : state) values_.push_back(v.value());
  }
  ~Restore() {
    for (size_t i = 0; i < state_.size(); ++i) {
      if (state_[i].value().impl() != values_[i].impl()) state_[i].assign(values_[i]);
    }
  }

 private:
  const std::vector<Variable>& state_;
  Tensors values_;
};

}  // namespace

Error TrainingStep::explain_non_finite(const data::Batch& batch, double loss) const {
  Error error("train", std::string("the loss is ") + (std::isnan(loss) ? "NaN" : "infinite"));
  for (size_t i = 0; i < batch.size(); ++i) {
    if (health(batch[i]) == Health::finite) continue;
    error.detail("the batch itself is not finite: its " + std::string(i == 0 ? "inputs" : "targets") + " " +
                 batch[i].meta().str());
    error.hint("look for missing or broken values in the data");
    return error;
  }
  for (const nn::NamedVariable& w : weights_) {
    if (health(w.variable.value()) == Health::finite) continue;
    error.detail("the parameter " + w.name + " " + w.variable.value().meta().str() +
                 " is not finite since the step before");
    error.hint("its gradient overflowed: lower the learning rate or set clip_norm");
    return error;
  }
  Watch watch;
  {
    const Restore restore(state_);
    const nn::ModeScope mode(nn::Mode::train);
    const GeneratorScope random(random_);
    const NoGrad off;
    const RecorderScope watching(&watch);
    task_.loss(prepared(batch, scale_bytes_));
  }
  const Watch::Finding& found = watch.nan.op.empty() ? watch.infinity : watch.nan;
  if (!found.op.empty()) {
    error.detail("first in the result of " + found.op + ", " + found.result);
    error.in_module(found.module_path.empty() ? "(the loss)" : found.module_path);
  } else {
    error.detail("every result of the forward pass is finite: the penalty on the weights is not");
  }
  error.detail("the weights are those before this step");
  error.hint("lower the learning rate, set clip_norm, or scale the inputs");
  return error;
}

}  // namespace lamina::train
