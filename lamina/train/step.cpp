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
#include "lamina/ops/softmax.h"
#include "lamina/optim/clip.h"
#include "lamina/tensor/available_memory.h"
#include "lamina/tensor/tensor_impl.h"
#include "lamina/train/step_internal.h"

namespace lamina::train {

namespace {

std::vector<Variable> joined(const std::vector<nn::NamedVariable>& a, const std::vector<nn::NamedVariable>& b,
                             const Variable& c, const WeightAverage* average = nullptr) {
  std::vector<nn::NamedVariable> all = a;
  all.insert(all.end(), b.begin(), b.end());
  if (average) {
    const std::vector<nn::NamedVariable> more = average->state();
    all.insert(all.end(), more.begin(), more.end());
  }
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

graph::CaptureOptions capture_options(const TrainerOptions& options) {
  graph::CaptureOptions capture;
  capture.disabled_passes = options.disabled_passes;
  capture.recompute = options.memory == "recompute";
  capture.compile = options.compile;
  return capture;
}

/// Where gradients are summed up; none for steps in one part.
std::vector<Variable> zeros_for(const optim::Optimizer& optimizer, const TrainerOptions& options) {
  std::vector<Variable> sums;
  for (const Variable& p : optimizer.parameters()) {
    if (options.accumulate > 1) sums.emplace_back(full(p.value().shape(), 0, p.value().dtype()));
  }
  return sums;
}

std::vector<Variable> with_more(std::vector<Variable> all, const std::vector<Variable>& more,
                                std::initializer_list<Variable> others) {
  all.insert(all.end(), more.begin(), more.end());
  all.insert(all.end(), others);
  return all;
}

/// Rows begin … end − 1 of each field.
data::Batch part_of(const data::Batch& batch, int64_t begin, int64_t end) {
  data::Batch part;
  for (const Tensor& t : batch) {
    Shape shape = t.shape();
    const size_t row = t.bytes() / static_cast<size_t>(shape[0]);
    shape[0] = end - begin;
    part.push_back(Tensor::from_bytes(static_cast<const std::byte*>(t.raw()) + static_cast<size_t>(begin) * row, shape,
                                      t.dtype()));
  }
  return part;
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
                           bool scale_bytes, const WeightAverage* ema)
    : task_(task),
      optimizer_(optimizer),
      random_(random),
      options_(options),
      scale_bytes_(scale_bytes),
      weights_(task.module().named_parameters()),
      names_(optimizer.names()),
      state_(joined(task.module().state(), optimizer.state(), random.state(), ema)),
      ema_(ema),
      step_([this](const Tensors& inputs) { return update(inputs); }, state_, capture_options(options)),
      sums_(zeros_for(optimizer, options)),
      loss_sum_(full({}, 0, DType::f32)),
      count_(full({}, 0, DType::f32)),
      add_part_([this](const Tensors& inputs) { return add_part(inputs); },
                with_more(state_, sums_, {loss_sum_, count_}), capture_options(options)),
      apply_parts_([this](const Tensors&) { return apply_parts(); }, with_more(state_, sums_, {loss_sum_, count_}),
                   capture_options(options)) {}

void TrainingStep::prepare(const data::Batch& batch) {
  audit(batch);
  if (options_.accumulate > 1) {
    const int64_t n = batch.at(0).size(0), parts = std::min(options_.accumulate, n);
    // The largest of the parts.
    const data::Batch part = part_of(batch, 0, (n + parts - 1) / parts);
    add_part_.prepare(part);
    check_memory(add_part_, part);
  } else {
    step_.prepare(batch);
    check_memory(step_, batch);
  }
  compiled_ = true;
}

/// Refuses a batch whose step does not fit, and tells the largest that does: found by planning, nothing is run.
void TrainingStep::check_memory(graph::Captured& step, const data::Batch& batch) {
  const int64_t available = available_memory(), n = batch.empty() || batch[0].rank() == 0 ? 0 : batch[0].size(0);
  const auto planned = [&](int64_t count) {
    Tensors part;
    for (const Tensor& t : batch) part.push_back(count == n ? t : slice(t, 0, 0, count));
    step.prepare(part);
    return step.report().arena_bytes;
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
  const bool parts = options_.accumulate > 1;
  Error error("trainer", "a step on " + std::to_string(n) + " examples " + (parts ? "(one part of the batch) " : "") +
                             "does not fit into memory");
  error.detail("needed for intermediate values  " + mib(needed)).detail("available  " + mib(available));
  const std::string recompute = options_.memory == "recompute" ? "" : "; memory: recompute needs less";
  throw error.hint(fits > 0 ? (parts ? "the largest part that fits is " : "the largest batch that fits is ") +
                                  std::to_string(fits) + recompute
                            : "not even one example fits" + recompute);
}

TrainingStep::Outcome TrainingStep::run(const data::Batch& batch) {
  const Tensors& results = options_.accumulate > 1 ? run_parts(batch) : step_(batch);
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
  const std::vector<Variable>& all = optimizer_.parameters();
  Tensors parameters;
  for (const Variable& p : all) {
    if (p.trainable()) parameters.push_back(p.value());
  }
  const Tensor one = full(loss.shape(), 1, loss.dtype());
  const Tensors found = pull_back({loss}, {one}, parameters, false);
  Tensors grads(all.size());  // undefined: frozen in this epoch, or not reached
  std::string unreached;
  for (size_t i = 0, k = 0; i < all.size(); ++i) {
    if (!all[i].trainable()) continue;
    grads[i] = found[k++];
    if (!grads[i].defined()) unreached += (unreached.empty() ? "" : ", ") + names_[i];
  }
  if (!unreached.empty() && !options_.allow_unused) {
    throw Error("train", "the loss does not depend on: " + unreached)
        .hint("use these parameters in forward(), freeze them, take them out of LAMINA_FIELDS, or set allow_unused");
  }
  return grads;
}

PlanFigures TrainingStep::captured() const {
  const graph::Captured& step = options_.accumulate > 1 ? add_part_ : step_;
  return {step.plans(), step.captures(), step.arena_bytes()};
}

Tensors TrainingStep::values_of_state() const {
  Tensors values;
  for (const Variable& v : state_) values.push_back(v.value());
  return values;
}

Tensor TrainingStep::loss_and_gradients(const Tensors& inputs, Tensors& grads) const {
  const NoGrad on(true);
  Tensor loss = loss_of(prepared(inputs, scale_bytes_));
  if (options_.l1 > 0 || options_.l2 > 0) {
    loss = reshape(loss, {}) + reshape(optim::penalty(weights_, options_.l1, options_.l2), {});
  }
  grads = gradients(loss);
  return stop_gradient(loss);
}

Tensors TrainingStep::update(const Tensors& inputs) const {
  const nn::ModeScope mode(nn::Mode::train);
  const GeneratorScope random(random_);
  const Tensors before = values_of_state();
  Tensors grads;
  const Tensor loss = loss_and_gradients(inputs, grads);
  return apply(loss, std::move(grads), before);
}

Tensors TrainingStep::apply(const Tensor& loss, Tensors grads, const Tensors& before) const {
  const NoGrad off;
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
  if (ema_) ema_->update();
  keep_where_not(isfinite(reshape(loss, {})), state_, before);
  return results;
}

/// Parts of nearly equal size, so that at most four shapes are captured: those of a whole batch and of an epoch's last.
const Tensors& TrainingStep::run_parts(const data::Batch& batch) {
  const int64_t n = batch.at(0).size(0), parts = std::min(options_.accumulate, n);
  loss_sum_.assign(full({}, 0, DType::f32));
  count_.assign(full({}, 0, DType::f32));
  for (const Variable& s : sums_) s.assign(full(s.value().shape(), 0, s.value().dtype()));
  for (int64_t i = 0; i < parts; ++i) add_part_(part_of(batch, n * i / parts, n * (i + 1) / parts));
  return apply_parts_({});
}

Tensors TrainingStep::add_part(const Tensors& inputs) {
  const nn::ModeScope mode(nn::Mode::train);
  const GeneratorScope random(random_);
  const Tensors before = values_of_state();
  Tensors grads;
  const Tensor loss = reshape(loss_and_gradients(inputs, grads), {});
  const NoGrad off;
  const auto n = static_cast<double>(inputs.at(0).size(0));
  reached_.clear();
  for (size_t i = 0; i < grads.size(); ++i) {
    reached_.push_back(grads[i].defined());
    if (grads[i].defined()) sums_[i].assign(sums_[i].value() + grads[i] * n);
  }
  loss_sum_.assign(loss_sum_.value() + cast(loss, DType::f32) * n);
  count_.assign(count_.value() + n);
  keep_where_not(isfinite(loss), state_, before);
  return {loss};
}

Tensors TrainingStep::apply_parts() const {
  const nn::ModeScope mode(nn::Mode::train);
  const Tensors before = values_of_state();
  const NoGrad off;
  const Tensor count = count_.value();
  Tensors grads(sums_.size());
  for (size_t i = 0; i < sums_.size(); ++i) {
    if (reached_[i]) grads[i] = sums_[i].value() / cast(count, sums_[i].value().dtype());
  }
  return apply(loss_sum_.value() / count, std::move(grads), before);
}

Evaluation::Evaluation(Task& task, const TrainerOptions& options, bool scale_bytes, int64_t views,
                       data::TargetKind target)
    : task_(task),
      seed_(options.seed),
      scale_bytes_(scale_bytes),
      views_(views),
      target_(target),
      random_(options.seed),
      with_loss_([this](const Tensors& in) { return run(in, true); },
                 joined(task.module().state(), {}, random_.state()), capture_options(options)),
      predict_([this](const Tensors& in) { return run(in, false); }, joined(task.module().state(), {}, random_.state()),
               capture_options(options)) {}

namespace {

/// The mean over views of predictions [n · views, …], as outputs that stand for it: of classes the logarithm of the
/// mean softmax, of tags the logit of the mean probability.
Tensor mean_of_views(const Tensor& predictions, int64_t views, data::TargetKind target) {
  Shape shape = predictions.shape();
  shape[0] /= views;
  shape.insert(1, views);
  const auto mean_of = [&](const Tensor& t) { return mean(reshape(t, shape), {1}); };
  constexpr double kLeast = 1e-30;
  if (target == data::TargetKind::classes && predictions.rank() > 1 && predictions.size(1) > 1) {
    return log(clamp(mean_of(softmax(predictions, 1)), kLeast, 1));
  }
  if (target == data::TargetKind::values) return mean_of(predictions);
  const Tensor yes = mean_of(sigmoid(predictions)), no = mean_of(sigmoid(-predictions));
  return log(clamp(yes, kLeast, 1)) - log(clamp(no, kLeast, 1));
}

/// Targets [n, …] of views [n · views, …].
Tensor repeated(const Tensor& target, int64_t views) {
  Shape spread = target.shape(), joined = target.shape();
  spread.insert(1, views);
  joined[0] *= views;
  return reshape(expand(unsqueeze(target, 1), spread), joined);
}

}  // namespace

Tensors Evaluation::run(const Tensors& inputs, bool with_loss) {
  const nn::ModeScope mode(nn::Mode::eval);
  const GeneratorScope random(random_);
  const NoGrad off;
  data::Batch batch = prepared(inputs, scale_bytes_);
  Tensors results{task_.predict(batch)};
  if (views_ > 1) {
    results[0] = mean_of_views(results[0], views_, target_);
    if (batch.size() > 1) batch[1] = repeated(batch[1], views_);
  }
  if (with_loss) results.push_back(task_.loss(batch));
  return results;
}

const Tensors& Evaluation::with_loss(const data::Batch& batch) { return with_loss_(batch); }
const Tensor& Evaluation::predict(const data::Batch& batch) { return predict_(batch)[0]; }

}  // namespace lamina::train
