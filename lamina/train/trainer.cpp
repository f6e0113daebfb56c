#include "lamina/train/trainer.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <ostream>

#include "lamina/core/error.h"
#include "lamina/graph/capture.h"
#include "lamina/nn/module.h"
#include "lamina/ops/movement.h"
#include "lamina/train/callbacks.h"
#include "lamina/train/checkpoint.h"
#include "lamina/train/interrupt_internal.h"
#include "lamina/train/run_report.h"
#include "lamina/train/trainer_internal.h"

namespace lamina::train {

namespace {

void require(bool holds, const char* option, const std::string& expected, double got) {
  if (holds) return;
  throw Error("trainer", std::string(option) + " must be " + expected + ", got " + value_text(got));
}

}  // namespace

void check_options(const TrainerOptions& o) {
  require(o.epochs >= 0, "epochs", "0 or more", static_cast<double>(o.epochs));
  require(o.batch >= 1, "batch", "1 or more", static_cast<double>(o.batch));
  require(o.workers >= 0, "workers", "0 or more", static_cast<double>(o.workers));
  require(o.accumulate >= 1, "accumulate", "1 or more", static_cast<double>(o.accumulate));
  require(o.ema_decay >= 0 && o.ema_decay < 1, "ema_decay", "from 0 to below 1", o.ema_decay);
  require(o.swa_epochs >= 0 && (o.swa_epochs == 0 || o.ema_decay == 0), "swa_epochs",
          "0 or more, and 0 beside ema_decay", static_cast<double>(o.swa_epochs));
  require(o.clip_norm >= 0, "clip_norm", "0 or more", o.clip_norm);
  require(o.clip_value >= 0, "clip_value", "0 or more", o.clip_value);
  require(o.l1 >= 0, "l1", "0 or more", o.l1);
  require(o.l2 >= 0, "l2", "0 or more", o.l2);
  require(o.checkpoint_steps >= 0, "checkpoint_steps", "0 or more", static_cast<double>(o.checkpoint_steps));
  require(o.keep >= 0, "keep", "0 or more", static_cast<double>(o.keep));
  require(o.patience >= 0, "patience", "0 or more", static_cast<double>(o.patience));
  require(o.validate_every >= 1, "validate_every", "1 or more", static_cast<double>(o.validate_every));
  require(o.log_steps >= 0, "log_steps", "0 or more", static_cast<double>(o.log_steps));
  require(o.statistics_steps >= 0, "statistics_steps", "0 or more", static_cast<double>(o.statistics_steps));
  if (o.memory != "keep" && o.memory != "recompute") {
    throw Error("trainer", "memory must be \"keep\" or \"recompute\", got \"" + o.memory + "\"");
  }
  const std::vector<std::string> passes = graph::passes();
  for (const std::string& p : o.disabled_passes) {
    if (std::find(passes.begin(), passes.end(), p) != passes.end()) continue;
    NameList names;
    for (const std::string& known : passes) names.add(known);
    throw Error("trainer", "disabled_passes: there is no pass \"" + p + "\"").hint("there are: " + names.str());
  }
}

std::ostream& operator<<(std::ostream& out, const Results& results) {
  const char* separator = "";
  for (const auto& [name, value] : results.values) {
    out << separator << name << ' ' << value_text(value);
    separator = "  ";
  }
  return out;
}

namespace {

/// One after the other along the first axis; outputs for sequences of unequal length get zeros at their end.
Tensor joined(Tensors parts) {
  if (parts.size() == 1) return parts[0];
  Shape most = parts[0].shape();
  for (const Tensor& p : parts) {
    for (int axis = 1; axis < most.rank(); ++axis) most[axis] = std::max(most[axis], p.size(axis));
  }
  for (Tensor& p : parts) {
    Dims before = Dims::filled(most.rank(), 0), after = before;
    for (int axis = 1; axis < most.rank(); ++axis) after[axis] = most[axis] - p.size(axis);
    if (after != before) p = pad(p, before, after);
  }
  return concat(parts, 0);
}

}  // namespace

std::string watched_key(const std::string& metric, bool validated) { return (validated ? "validation/" : "") + metric; }

Trainer::Impl::Impl(Trainer& t, Task& k, const optim::Optimizer& o, TrainerOptions opts)
    : trainer(t), task(k), optimizer(o.copy()), options(std::move(opts)), base_lr(o.lr()), random(options.seed) {
  check_options(options);
}

void Trainer::Impl::check_set(const data::DatasetPtr& set) const {
  if (!set) throw Error("trainer", "no data set was given");
  if (set->size() == 0) throw Error("trainer", "the data set \"" + set->info().name + "\" is empty");
}

Evaluation& Trainer::Impl::ready_evaluation(data::TargetKind target) {
  if (!evaluation || evaluation->target() != target) {
    evaluation = std::make_unique<Evaluation>(task, options, !transforms_set, data::views_of(eval_transforms), target);
  }
  return *evaluation;
}

void Trainer::Impl::make_step() {
  average.reset();
  averaged_epoch = -1;
  if (options.ema_decay > 0 || options.swa_epochs > 0) {
    average = std::make_unique<WeightAverage>(task.module(), options);
    step.reset();  // it updates the average
  }
  if (step) return;
  step = std::make_unique<TrainingStep>(task, *optimizer, random, options, !transforms_set,
                                        options.ema_decay > 0 ? average.get() : nullptr);
}

/// Sets what trains in the epoch that is to come; another choice is another step.
void Trainer::Impl::unfreeze() {
  if (!freezing->apply(progress.epoch, *optimizer)) return;
  step = std::make_unique<TrainingStep>(task, *optimizer, random, options, !transforms_set,
                                        options.ema_decay > 0 ? average.get() : nullptr);
}

/// SWA: takes the weights at the end of an epoch into the average.
void Trainer::Impl::average_epoch() {
  if (options.swa_epochs == 0 || progress.epoch < options.epochs - options.swa_epochs) return;
  if (averaged_epoch == progress.epoch) return;  // before an interruption
  average->add();
  averaged_epoch = progress.epoch;
  const AverageScope averaged(average.get());
  data::Loader loader(train_set, train_transforms,
                      {.batch = options.batch, .seed = options.seed, .workers = options.workers});
  renew_statistics(task, loader, progress.epoch, options, !transforms_set);
}

void Trainer::Impl::bind_optimizer() {
  if (!freezing) freezing = std::make_unique<Freezing>(options, task.module());
  if (optimizer->parameters().empty()) freezing->bind(*optimizer);
  if (optimizer->parameters().empty()) {
    throw Error("trainer", "the network has no trainable parameters")
        .hint("are all of them frozen, or LAMINA_FIELDS empty?");
  }
}

/// Is there such a metric, and are there data to measure it on?
void Trainer::Impl::check_best_metric() {
  NameList known;
  std::string first;
  bool found = best.metric == "loss";
  for (const metrics::MetricPtr& m : task.metrics()) {
    if (first.empty() && m->name() != "confusion_matrix") first = m->name();
    known.add(m->name());
    found = found || m->name() == best.metric;
  }
  known.add("loss");
  if (best.metric.empty()) {
    best.metric = validation_set && !first.empty() ? first : "loss";
  } else if (!found) {
    const std::string nearest = known.nearest(best.metric);
    throw Error("trainer", "best_metric: the task has no metric \"" + best.metric + "\"")
        .hint((nearest.empty() ? "" : "did you mean \"" + nearest + "\"? ") + "it has: " + known.str());
  } else if (best.metric != "loss" && !validation_set) {
    throw Error("trainer", "best_metric \"" + best.metric + "\" needs validation data, none were given")
        .hint("give fit() a second data set, or use best_metric \"loss\"");
  }
}

void Trainer::Impl::add_callbacks() {
  active = callbacks;
  if (options.progress) active.push_back(show_progress());
  if (!options.run_dir.empty()) {
    active.push_back(log_json_lines());
    active.push_back(log_csv());
  }
  if (options.patience > 0) active.push_back(stop_early());
  if (!options.run_dir.empty()) active.push_back(save_checkpoints());
}

void Trainer::Impl::start_anew() {
  progress = {};
  best = {};
  best.metric = options.best_metric;
  best_weights.clear();
  last_validation = {};
  norms.clear();
  stop_reason.clear();
  interrupted = epoch_done = false;
  loss_sum = earlier_seconds = 0;
  current_lr = -1;
  random.seed(options.seed);
}

Results Trainer::Impl::fit(const data::DatasetPtr& train, const data::DatasetPtr& validation) {
  check_set(train);
  if (validation) check_set(validation);
  train_set = train;
  validation_set = validation;
  validation_loader.reset();
  start_anew();
  bind_optimizer();
  check_best_metric();
  if (schedule) schedule->watch(higher_is_better());
  make_step();

  data::Loader loader(train, train_transforms,
                      {.batch = options.batch, .shuffle = true, .seed = options.seed, .workers = options.workers});
  progress.epochs = options.epochs;
  progress.batches = loader.batches_per_epoch();

  std::unique_ptr<RunDirectory> directory;
  if (!options.run_dir.empty()) directory = std::make_unique<RunDirectory>(options.run_dir);
  const InterruptScope signals(options.handle_signals);
  add_callbacks();
  if (directory) {
    resume();
    const auto describe = [](const data::DatasetPtr& set) {
      return set ? set->info().name + ", " + std::to_string(set->size()) + " examples, " + set->info().fingerprint
                 : "none";
    };
    write_environment(options.run_dir, {{"seed", std::to_string(options.seed)},
                                        {"training data", describe(train)},
                                        {"validation data", describe(validation)}});
  }
  session_start = std::chrono::steady_clock::now();
  run_epochs(loader);
  return finish();
}

void Trainer::Impl::run_epochs(data::Loader& loader) {
  if (progress.epoch >= options.epochs || out_of_patience()) return;
  each([&](Callback& c) { c.on_start(trainer); });
  data::Batch batch;
  while (progress.epoch < options.epochs && stop_reason.empty()) {
    epoch_done = false;
    unfreeze();
    if (progress.batch == 0) each([&](Callback& c) { c.on_epoch_start(trainer); });
    loader.start(progress.epoch, progress.batch);
    while (stop_reason.empty() && loader.next(batch)) run_step(batch);
    if (!stop_reason.empty()) break;
    finish_epoch();
  }
  each([&](Callback& c) { c.on_end(trainer); });
}

void Trainer::Impl::set_rate() {
  if (schedule) {
    const auto batches = static_cast<double>(progress.batches);
    const double lr =
        base_lr *
        schedule->factor({.epoch = static_cast<double>(progress.epoch) + static_cast<double>(progress.batch) / batches,
                          .epochs = static_cast<double>(options.epochs),
                          .step = 1 / batches});
    if (lr != current_lr) optimizer->set_lr(lr);
    current_lr = lr;
  } else if (current_lr < 0) {
    current_lr = optimizer->lr();
  }
  progress.values["lr"] = current_lr;
}

void Trainer::Impl::run_step(const data::Batch& batch) {
  set_rate();
  if (!step->compiled()) {
    step->prepare(batch);
    each([&](Callback& c) { c.on_compiled(trainer); });
  }
  const TrainingStep::Outcome outcome = step->run(batch);
  if (!std::isfinite(outcome.loss)) {
    Error error = step->explain_non_finite(batch, outcome.loss);
    throw error.detail("in step " + std::to_string(progress.step + 1) + ", batch " +
                       std::to_string(progress.batch + 1) + " of epoch " + std::to_string(progress.epoch + 1));
  }
  if (options.ema_decay > 0) average->updated();
  const int64_t n = batch[0].size(0);
  progress.loss = outcome.loss;
  progress.examples += n;
  ++progress.batch;
  ++progress.step;
  loss_sum += outcome.loss * static_cast<double>(n);
  progress.values["loss"] = loss_sum / static_cast<double>(progress.examples);
  progress.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - session_start).count();
  if (options.statistics_steps > 0) {
    norms.resize(step->names().size());
    for (size_t i = 0; i < norms.size(); ++i)
      norms[i] = {step->names()[i], outcome.gradient_norms[i], outcome.weight_norms[i]};
  }
  each([&](Callback& c) { c.on_step(trainer); });
  look_for_interrupts();
}

bool Trainer::Impl::look_for_interrupts() {
  if (const char* signal = InterruptScope::requested(); signal && stop_reason.empty()) {
    stop_reason = std::string("stopped by ") + signal;
    interrupted = true;
  }
  return !stop_reason.empty();
}

void Trainer::Impl::finish_epoch() {
  const bool last = progress.epoch + 1 == options.epochs;
  const bool measured = validation_set && (last || (progress.epoch + 1) % options.validate_every == 0);
  average_epoch();
  {
    const AverageScope averaged(average.get());
    if (measured) last_validation = evaluate(validation_set, true);
    if (!stop_reason.empty()) return;  // interrupted: the whole validation is done again after a resume
    if (measured || !validation_set) validate();
  }
  progress.values["seconds"] = earlier_seconds + progress.seconds;
  epoch_done = true;
  each([&](Callback& c) { c.on_epoch_end(trainer); });
  epoch_done = false;
  ++progress.epoch;
  progress.batch = 0;
  progress.examples = 0;
  loss_sum = 0;
}

/// Of the watched metric.
bool Trainer::Impl::higher_is_better() const {
  return std::any_of(task.metrics().begin(), task.metrics().end(),
                     [&](const metrics::MetricPtr& m) { return m->name() == best.metric && m->higher_is_better(); });
}

/// Takes over what was measured: values, the best epoch, the schedule.
void Trainer::Impl::validate() {
  for (const metrics::MetricPtr& m : task.metrics()) {
    const auto it = last_validation.values.find(m->name());
    if (it != last_validation.values.end()) progress.values["validation/" + m->name()] = it->second;
  }
  if (validation_set) progress.values["validation/loss"] = last_validation.values.at("loss");
  const double value = progress.values.at(watched_key(best.metric, validation_set != nullptr));
  const bool higher = higher_is_better();
  const bool better = best.epoch < 0 || std::isnan(best.value) || (higher ? value > best.value : value < best.value);
  if (better) {
    best.value = value;
    best.epoch = progress.epoch;
    best.checkpoint.clear();
    best_weights.clear();
    if (options.patience > 0 && options.run_dir.empty()) {
      for (const nn::NamedVariable& v : task.module().state()) best_weights.push_back(v.variable.value());
    }
  }
  if (schedule) schedule->observe(value);
}

Results Trainer::Impl::evaluate(const data::DatasetPtr& set, bool stoppable) {
  check_set(set);
  std::unique_ptr<data::Loader> own;
  std::unique_ptr<data::Loader>& loader = set == validation_set ? validation_loader : own;
  if (!loader) loader = std::make_unique<data::Loader>(set, eval_transforms, evaluation_order());
  for (const metrics::MetricPtr& m : task.metrics()) m->reset();
  Evaluation& network = ready_evaluation(set->info().target);
  network.restart();
  Results results;
  double loss = 0;
  data::Batch batch;
  loader->start(0);
  while (loader->next(batch)) {
    if (batch.size() < 2 ||
        batch[1].dtype() ==
            DType::i32) {  // lengths alone; a data set without targets may have got some by its transforms
      throw Error("evaluate", "the data set \"" + set->info().name + "\" has no targets to compare with")
          .hint("use predict()");
    }
    const Tensors& out = network.with_loss(batch);
    const int64_t n = batch[1].size(0);
    loss += out[1].item() * static_cast<double>(n);
    results.examples += n;
    for (const metrics::MetricPtr& m : task.metrics()) m->update_batch(out[0], batch);
    if (stoppable && look_for_interrupts()) return {};
  }
  results.values["loss"] = loss / static_cast<double>(results.examples);
  for (const metrics::MetricPtr& m : task.metrics()) {
    results.values.merge(m->values());
    if (const Tensor table = m->table(); table.defined()) results.tables[m->name()] = table;
  }
  return results;
}

bool Trainer::Impl::out_of_patience() const {
  return options.patience > 0 && best.epoch >= 0 && progress.epoch - 1 - best.epoch >= options.patience;
}

void Trainer::Impl::restore_best() {
  const std::vector<nn::NamedVariable> variables = task.module().state();
  if (!best.checkpoint.empty()) {
    load_variables(variables, find_checkpoint(options.run_dir, best.checkpoint) + "/model.safetensors", "network");
  } else if (best_weights.size() == variables.size()) {
    for (size_t i = 0; i < variables.size(); ++i) variables[i].variable.assign(best_weights[i]);
  }
}

/// What the caller gets, with the best weights where the run was to stop early.
Results Trainer::Impl::finish() {
  const bool complete = progress.epoch >= options.epochs || out_of_patience();
  if (average && average->active()) average->exchange();  // the caller gets what was evaluated
  if (complete && options.patience > 0 && best.epoch >= 0 && best.epoch != progress.epoch - 1) {
    restore_best();
    last_validation = {};
  }
  if (interrupted) say_how_to_go_on();
  if (validation_set && complete && last_validation.values.empty()) last_validation = evaluate(validation_set, false);
  if (!options.run_dir.empty()) {
    if (step->report().steps > 0) save_step_figures(options.run_dir, step->report(), step->captured());
    if (complete && validation_set) write_report(validation_set, last_validation);
  }
  if (!last_validation.values.empty()) return last_validation;
  Results results;
  if (const auto it = progress.values.find("loss"); it != progress.values.end()) results.values["loss"] = it->second;
  results.examples = train_set->size();
  return results;
}

void Trainer::Impl::say_how_to_go_on() const {
  std::string text = stop_reason + " after step " + std::to_string(progress.step);
  if (options.run_dir.empty()) {
    text += "; nothing was saved, as there is no run directory";
  } else {
    text += "; saved in " + options.run_dir + "\ngo on with: ";
    const bool by_recipe = std::filesystem::exists(std::filesystem::path(options.run_dir) / "recipe.yaml");
    text += by_recipe ? "lamina train --resume " + options.run_dir : "the same command again";
  }
  std::fprintf(stderr, "%s\n", text.c_str());
}

data::LoaderOptions Trainer::Impl::evaluation_order() const {
  return {.batch = options.batch, .seed = options.seed, .workers = options.workers};
}

Tensor Trainer::Impl::predict(const data::DatasetPtr& set) {
  check_set(set);
  Evaluation& network = ready_evaluation(set->info().target);
  network.restart();
  data::Loader loader(set, eval_transforms, evaluation_order());
  Tensors parts;
  data::Batch batch;
  loader.start(0);
  while (loader.next(batch)) {
    const Tensor& p = network.predict(batch);
    parts.push_back(Tensor::from_bytes(p.raw(), p.shape(), p.dtype()));  // the next batch overwrites p
  }
  return joined(std::move(parts));
}

Trainer::Trainer(Task& task, const optim::Optimizer& optimizer, TrainerOptions options)
    : impl_(std::make_unique<Impl>(*this, task, optimizer, std::move(options))) {}
Trainer::~Trainer() = default;

void Trainer::set_transforms(data::Transforms train, data::Transforms eval) {
  if (data::views_of(train) > 1) {
    throw Error("trainer", "views of an input are for evaluation, not for training")
        .hint("five_crop, ten_crop and flip_views go into transforms.eval");
  }
  impl_->train_transforms = std::move(train);
  impl_->eval_transforms = std::move(eval);
  impl_->transforms_set = true;
  impl_->step.reset();
  impl_->evaluation.reset();
  impl_->validation_loader.reset();
}

void Trainer::set_schedule(std::shared_ptr<optim::Schedule> schedule) { impl_->schedule = std::move(schedule); }
void Trainer::add(CallbackPtr callback) { impl_->callbacks.push_back(std::move(callback)); }
Results Trainer::fit(const data::DatasetPtr& train, const data::DatasetPtr& validation) {
  return impl_->fit(train, validation);
}
Results Trainer::evaluate(const data::DatasetPtr& set) { return impl_->evaluate(set, false); }
Tensor Trainer::predict(const data::DatasetPtr& set) { return impl_->predict(set); }

data::Batch Trainer::examples(const data::DatasetPtr& set) {
  impl_->check_set(set);
  data::Loader loader(set, impl_->eval_transforms, {.batch = set->size(), .seed = options().seed, .workers = 0});
  data::Batch batch;
  loader.start(0);
  loader.next(batch);
  return batch;
}

void Trainer::write_report(const data::DatasetPtr& set) {
  if (options().run_dir.empty()) throw Error("report", "there is no run directory to report on").hint("set run_dir");
  impl_->write_report(set, impl_->evaluate(set, false));
}

void Trainer::load(const std::string& checkpoint) {
  load_variables(impl_->task.module().state(), find_checkpoint(options().run_dir, checkpoint) + "/model.safetensors",
                 "network");
}

Task& Trainer::task() { return impl_->task; }
optim::Optimizer& Trainer::optimizer() { return *impl_->optimizer; }
const TrainerOptions& Trainer::options() const { return impl_->options; }
Progress& Trainer::progress() { return impl_->progress; }
const Best& Trainer::best() const { return impl_->best; }
const std::vector<ParameterNorms>& Trainer::norms() const { return impl_->norms; }
bool Trainer::epoch_done() const { return impl_->epoch_done; }
std::string Trainer::save_checkpoint() { return impl_->save_checkpoint(); }
const std::string& Trainer::stop_reason() const { return impl_->stop_reason; }

const graph::Report& Trainer::step_report() const {
  if (!impl_->step) throw Error("trainer", "there is no report before the first step").hint("call fit() first");
  return impl_->step->report();
}

void Trainer::request_stop(const std::string& reason) {
  if (impl_->stop_reason.empty()) impl_->stop_reason = reason.empty() ? "asked to stop" : reason;
}

}  // namespace lamina::train
