#include <cmath>
#include <unordered_set>

#include "lamina/core/error.h"
#include "lamina/engine/grad.h"
#include "lamina/engine/tape.h"
#include "lamina/graph/recorder.h"
#include "lamina/ops/create.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/pointwise.h"
#include "lamina/ops/reduce.h"
#include "lamina/optim/clip.h"
#include "lamina/tensor/available_memory.h"
#include "lamina/tensor/tensor_impl.h"
#include "lamina/train/step_internal.h"

namespace lamina::train {

namespace {

std::vector<Variable> joined(const std::vector<nn::NamedVariable>& a, const std::vector<nn::NamedVariable>& b,
                             const Variable& c) {
  std::vector<nn::NamedVariable> all = a;
  all.insert(all.end(), b.begin(), b.end());
  all.push_back({"random", c});
  return distinct(all);
}

/// Assigned variables get their new value only where `ok` holds.
void keep_where_not(const Tensor& ok, const std::vector<Variable>& state, const Tensors& before) {
  for (size_t i = 0; i < state.size(); ++i) {
    const Tensor& after = state[i].value();
    if (after.impl() != before[i].impl()) state[i].assign(where(ok, after, before[i]));
  }
}

/// √Σx² of each, [n].
Tensor norms_of(const Tensors& tensors) {
  Tensors norms;
  for (const Tensor& t : tensors) norms.push_back(reshape(norm(t), {1}));
  return concat(norms, 0);
}

}  // namespace

data::Batch prepared(const Tensors& inputs, bool scale_bytes) {
  data::Batch batch = inputs;
  if (scale_bytes && !batch.empty() && batch[0].dtype() == DType::u8 && batch[0].rank() == 4) {
    batch[0] = cast(batch[0], DType::f32) * (1.0 / 255);
  }
  return batch;
}

std::vector<Variable> distinct(const std::vector<nn::NamedVariable>& variables) {
  std::vector<Variable> result;
  std::unordered_set<const void*> seen;
  for (const nn::NamedVariable& v : variables) {
    if (v.variable.defined() && seen.insert(v.variable.id()).second) result.push_back(v.variable);
  }
  return result;
}

TrainingStep::TrainingStep(Task& task, optim::Optimizer& optimizer, Generator& random, const TrainerOptions& options,
                           bool scale_bytes)
    : task_(task),
      optimizer_(optimizer),
      random_(random),
      options_(options),
      scale_bytes_(scale_bytes),
      weights_(task.module().named_parameters()),
      names_(optimizer.names()),
      state_(joined(task.module().state(), optimizer.state(), random.state())),
      step_([this](const Tensors& inputs) { return update(inputs); }, state_,
            {.disabled_passes = options.disabled_passes,
             .recompute = options.memory == "recompute",
             .compile = options.compile}) {}

void TrainingStep::prepare(const data::Batch& batch) {
  audit(batch);
  step_.prepare(batch);
  check_memory(batch);
  compiled_ = true;
}

/// Refuses a batch whose step does not fit, and tells the largest that does: found by planning, nothing is run.
void TrainingStep::check_memory(const data::Batch& batch) {
  const int64_t available = available_memory(), n = batch.empty() || batch[0].rank() == 0 ? 0 : batch[0].size(0);
  const auto planned = [&](int64_t count) {
    Tensors part;
    for (const Tensor& t : batch) part.push_back(count == n ? t : slice(t, 0, 0, count));
    step_.prepare(part);
    return step_.report().arena_bytes;
  };
  const int64_t needed = planned(n);
  if (needed <= available) return;
  int64_t fits = 0;
  for (int64_t low = 1, high = n - 1; low <= high;) {
    const int64_t middle = (low + high) / 2;
    if (planned(middle) <= available) {
      fits = middle;
      low = middle + 1;
    } else {
      high = middle - 1;
    }
  }
  const auto mib = [](int64_t bytes) { return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB"; };
  Error error("trainer", "a step on " + std::to_string(n) + " examples does not fit into memory");
  error.detail("needed for intermediate values  " + mib(needed)).detail("available  " + mib(available));
  const std::string recompute = options_.memory == "recompute" ? "" : "; memory: recompute needs less";
  throw error.hint(fits > 0 ? "the largest batch that fits is " + std::to_string(fits) + recompute
                            : "not even one example fits" + recompute);
}

TrainingStep::Outcome TrainingStep::run(const data::Batch& batch) {
  const Tensors& results = step_(batch);
  Outcome outcome;
  outcome.loss = results[0].item();
  if (results.size() > 1) {
    outcome.gradient_norms = results[1].values();
    outcome.weight_norms = results[2].values();
  }
  return outcome;
}

Tensor TrainingStep::loss_of(const data::Batch& batch) const {
  const Tensor loss = task_.loss(batch);
  if (loss.numel() != 1 || !is_floating(loss.dtype())) {
    throw Error("train", "the loss must be one floating-point number, got " + loss.meta().str())
        .hint("reduce it with mean() or sum()");
  }
  return loss;
}

/// Records the loss without running it, which shows parameters that nobody listed.
void TrainingStep::audit(const data::Batch& batch) {
  Metas metas;
  for (const Tensor& t : batch) metas.emplace_back(t.dtype(), t.shape());
  const auto loss = [this](const Tensors& inputs) {
    const nn::ModeScope mode(nn::Mode::train);
    const GeneratorScope random(random_);
    const NoGrad off;
    return Tensors{loss_of(prepared(inputs, scale_bytes_))};
  };
  try {
    graph::record(loss, metas, state_);
  } catch (const graph::UnlistedVariable& e) {
    Error error("train", "the forward pass uses a parameter or buffer that its module does not list");
    if (!e.module_path().empty()) error.in_module(e.module_path());
    throw error.hint("name every member with a Param, Buffer or layer in LAMINA_FIELDS(…) of its class");
  }
}

Tensors TrainingStep::gradients(const Tensor& loss) const {
  Tensors parameters;
  for (const Variable& p : optimizer_.parameters()) parameters.push_back(p.value());
  const Tensor one = full(loss.shape(), 1, loss.dtype());
  Tensors grads = pull_back({loss}, {one}, parameters, false);
  std::string unreached;
  for (size_t i = 0; i < grads.size(); ++i) {
    if (!grads[i].defined()) unreached += (unreached.empty() ? "" : ", ") + names_[i];
  }
  if (!unreached.empty() && !options_.allow_unused) {
    throw Error("train", "the loss does not depend on: " + unreached)
        .hint("use these parameters in forward(), freeze them, take them out of LAMINA_FIELDS, or set allow_unused");
  }
  return grads;
}

Tensors TrainingStep::update(const Tensors& inputs) const {
  const nn::ModeScope mode(nn::Mode::train);
  const GeneratorScope random(random_);
  Tensors before;
  for (const Variable& v : state_) before.push_back(v.value());

  Tensor loss;
  Tensors grads;
  {
    const NoGrad on(true);
    loss = loss_of(prepared(inputs, scale_bytes_));
    if (options_.l1 > 0 || options_.l2 > 0) {
      loss = reshape(loss, {}) + reshape(optim::penalty(weights_, options_.l1, options_.l2), {});
    }
    grads = gradients(loss);
  }
  const NoGrad off;
  loss = stop_gradient(loss);
  Tensors results{loss};
  if (options_.statistics_steps > 0) {
    Tensors weights;
    for (const Variable& p : optimizer_.parameters()) weights.push_back(stop_gradient(p.value()));
    Tensors known = grads;
    for (size_t i = 0; i < known.size(); ++i) {
      if (!known[i].defined()) known[i] = zeros_like(weights[i]);
    }
    results.push_back(norms_of(known));
    results.push_back(norms_of(weights));
  }
  if (options_.clip_value > 0) grads = optim::clip_value(grads, options_.clip_value);
  if (options_.clip_norm > 0) grads = optim::clip_norm(grads, options_.clip_norm);
  optimizer_.step(grads);
  keep_where_not(isfinite(reshape(loss, {})), state_, before);
  return results;
}

Evaluation::Evaluation(Task& task, const TrainerOptions& options, bool scale_bytes)
    : task_(task),
      seed_(options.seed),
      scale_bytes_(scale_bytes),
      random_(options.seed),
      with_loss_([this](const Tensors& in) { return run(in, true); },
                 joined(task.module().state(), {}, random_.state()),
                 {.disabled_passes = options.disabled_passes, .compile = options.compile}),
      predict_([this](const Tensors& in) { return run(in, false); }, joined(task.module().state(), {}, random_.state()),
               {.disabled_passes = options.disabled_passes, .compile = options.compile}) {}

Tensors Evaluation::run(const Tensors& inputs, bool with_loss) {
  const nn::ModeScope mode(nn::Mode::eval);
  const GeneratorScope random(random_);
  const NoGrad off;
  const data::Batch batch = prepared(inputs, scale_bytes_);
  Tensors results{task_.predict(batch)};
  if (with_loss) results.push_back(task_.loss(batch));
  return results;
}

const Tensors& Evaluation::with_loss(const data::Batch& batch) { return with_loss_(batch); }
const Tensor& Evaluation::predict(const data::Batch& batch) { return predict_(batch)[0]; }

}  // namespace lamina::train
