// What the trainer runs per batch: the captured training step and the captured evaluation.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lamina/graph/capture.h"
#include "lamina/ops/random.h"
#include "lamina/train/trainer.h"

namespace lamina::train {

/// Loss, gradients, clipping and update as one captured function of the batch.
class TrainingStep {
 public:
  struct Outcome {
    double loss = 0;                                   // with penalties
    std::vector<double> gradient_norms, weight_norms;  // per parameter, where statistics_steps is set
  };

  /// `scale_bytes`: pictures of u8 are divided by 255. The optimizer is bound.
  TrainingStep(Task& task, optim::Optimizer& optimizer, Generator& random, const TrainerOptions& options,
               bool scale_bytes);

  /// Compiles the step without running it. Throws Error where a parameter is used but not listed, or listed but not
  /// reached.
  void prepare(const data::Batch& batch);
  bool compiled() const { return compiled_; }
  /// One update. A loss that is not finite changes nothing: parameters, buffers, moments and random states keep their
  /// values.
  Outcome run(const data::Batch& batch);
  /// After run() gave a loss that is not finite: the Error that says where it comes from.
  Error explain_non_finite(const data::Batch& batch, double loss) const;

  const graph::Report& report() const { return step_.report(); }
  const std::vector<std::string>& names() const { return names_; }

 private:
  Tensors update(const Tensors& inputs) const;
  Tensor loss_of(const data::Batch& batch) const;
  Tensors gradients(const Tensor& loss) const;
  void audit(const data::Batch& batch);
  void check_memory(const data::Batch& batch);

  Task& task_;
  optim::Optimizer& optimizer_;
  Generator& random_;
  const TrainerOptions options_;
  const bool scale_bytes_;
  std::vector<nn::NamedVariable> weights_;  // of the module
  std::vector<std::string> names_;          // of the optimizer's parameters
  std::vector<Variable> state_;
  bool compiled_ = false;
  graph::Captured step_;
};

/// Predictions and loss in evaluation mode, without gradients. Random numbers are the same in each evaluation.
class Evaluation {
 public:
  Evaluation(Task& task, const TrainerOptions& options, bool scale_bytes);
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
  Generator random_;
  graph::Captured with_loss_, predict_;
};

/// The batch as the task sees it: pictures of u8 [n, c, h, w] divided by 255 where that is wanted.
data::Batch prepared(const Tensors& inputs, bool scale_bytes);

/// The variables once each, though several names may share one.
std::vector<Variable> distinct(const std::vector<nn::NamedVariable>& variables);

}  // namespace lamina::train
