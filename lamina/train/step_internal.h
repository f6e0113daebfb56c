// What the trainer runs per batch: the captured training step and the captured evaluation.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lamina/graph/capture.h"
#include "lamina/ops/random.h"
#include "lamina/train/average_internal.h"
#include "lamina/train/trainer.h"

namespace lamina::train {

/// How many plans a step has been captured as, and what they take.
struct PlanFigures {
  int plans = 0, captures = 0;  // kept; captured in all
  int64_t arena_bytes = 0;      // of all plans kept
};

/// Loss, gradients, clipping and update as one captured function of the batch.
class TrainingStep {
 public:
  struct Outcome {
    double loss = 0;                                   // with penalties
    std::vector<double> gradient_norms, weight_norms;  // per parameter, where statistics_steps is set
  };

  /// `scale_bytes`: pictures of u8 are divided by 255. The optimizer is bound. `ema` may be null.
  TrainingStep(Task& task, optim::Optimizer& optimizer, Generator& random, const TrainerOptions& options,
               bool scale_bytes, const WeightAverage* ema);

  /// Compiles the step without running it. Throws Error where a parameter is used but not listed, or listed but not
  /// reached.
  void prepare(const data::Batch& batch);
  bool compiled() const { return compiled_; }
  /// One update. A loss that is not finite changes nothing: parameters, buffers, moments and random states keep their
  /// values.
  Outcome run(const data::Batch& batch);
  /// After run() gave a loss that is not finite: the Error that says where it comes from.
  Error explain_non_finite(const data::Batch& batch, double loss) const;

  const graph::Report& report() const { return options_.accumulate > 1 ? add_part_.report() : step_.report(); }
  /// The plans behind it: one for each shape of a batch.
  PlanFigures captured() const;
  const std::vector<std::string>& names() const { return names_; }

 private:
  Tensors update(const Tensors& inputs) const;
  /// Clipping, statistics, the optimizer's step and the average; nothing changes where the loss is not finite.
  Tensors apply(const Tensor& loss, Tensors grads, const Tensors& before) const;
  Tensor loss_and_gradients(const Tensors& inputs, Tensors& grads) const;
  Tensors values_of_state() const;
  const Tensors& run_parts(const data::Batch& batch);
  Tensors add_part(const Tensors& inputs);
  Tensors apply_parts() const;
  Tensor loss_of(const data::Batch& batch) const;
  Tensors gradients(const Tensor& loss) const;
  void audit(const data::Batch& batch);
  void check_memory(graph::Captured& step, const data::Batch& batch);

  Task& task_;
  optim::Optimizer& optimizer_;
  Generator& random_;
  const TrainerOptions options_;
  const bool scale_bytes_;
  std::vector<nn::NamedVariable> weights_;  // of the module
  std::vector<std::string> names_;          // of the optimizer's parameters
  std::vector<Variable> state_;
  const WeightAverage* ema_;
  bool compiled_ = false;
  graph::Captured step_;

  // Of batches computed in parts: sums of loss and gradients times examples, and the number of examples.
  std::vector<Variable> sums_;
  Variable loss_sum_, count_;
  std::vector<bool> reached_;  // the parameters that have a gradient
  graph::Captured add_part_, apply_parts_;
};

/// Predictions and loss in evaluation mode, without gradients. Random numbers are the same in each evaluation.
class Evaluation {
 public:
  /// Batches hold `views` views of each input; predictions are averaged over them as `target` asks for.
  Evaluation(Task& task, const TrainerOptions& options, bool scale_bytes, int64_t views = 1,
             data::TargetKind target = data::TargetKind::classes);
  data::TargetKind target() const { return target_; }
  /// Starts the random numbers again.
  void restart() { random_.seed(seed_); }
  /// {predictions, loss}; valid until the next call.
  const Tensors& with_loss(const data::Batch& batch);
  const Tensor& predict(const data::Batch& batch);

 private:
  Tensors run(const Tensors& inputs, bool with_loss);

  Task& task_;
  int64_t seed_;
  bool scale_bytes_;
  int64_t views_;
  data::TargetKind target_;
  Generator random_;
  graph::Captured with_loss_, predict_;
};

/// The batch as the task sees it: pictures of u8 [n, c, h, w] divided by 255 where that is wanted.
data::Batch prepared(const Tensors& inputs, bool scale_bytes);

/// The variables once each, though several names may share one.
std::vector<Variable> distinct(const std::vector<nn::NamedVariable>& variables);

}  // namespace lamina::train
