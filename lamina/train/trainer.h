// The training loop: captured step, callbacks, checkpoints, resuming bit-exactly.
#pragma once

#include <iosfwd>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lamina/core/fields.h"
#include "lamina/data/loader.h"
#include "lamina/optim/optimizer.h"
#include "lamina/train/callback.h"
#include "lamina/train/task.h"

namespace lamina::graph {
struct Report;
}
namespace lamina::optim {
class Schedule;
}

namespace lamina::train {

struct TrainerOptions {
  int64_t epochs = 10;
  int64_t batch = 64;
  int64_t seed = 1;
  int64_t workers = 1;           // threads that prepare batches; 0: none
  double clip_norm = 0;          // global gradient norm; 0: no clipping
  double clip_value = 0;         // each gradient element; 0: no clipping
  double l1 = 0, l2 = 0;         // penalties on weights (not on biases and normalization), added to the loss
  std::string run_dir = "";      // where log, checkpoints and report go; empty: nowhere
  int64_t checkpoint_steps = 0;  // besides the end of each epoch, every so many steps
  int64_t keep = 2;              // checkpoints kept besides best and last
  std::string best_metric = "";  // "accuracy", "loss"; default: the first metric, else the loss
  int64_t patience = 0;          // epochs without improvement before stopping early; 0: never
  bool compile = true;           // false: eager
  bool progress = true;          // bar on a terminal, lines elsewhere
  std::vector<std::string> disabled_passes = {};
  LAMINA_OPTIONS(epochs, batch, seed, workers, clip_norm, clip_value, l1, l2, run_dir, checkpoint_steps, keep,
                 best_metric, patience, compile, progress, disabled_passes)
};

/// Metric values by name, printable: "accuracy 0.9871  loss 0.0412".
struct Results {
  std::map<std::string, double> values;
  std::map<std::string, Tensor> tables;  // confusion matrices
  int64_t examples = 0;
};
std::ostream& operator<<(std::ostream& out, const Results& results);

class Trainer {
 public:
  /// Copies of the optimizer share its state. Transforms are applied to training and evaluation data.
  Trainer(Task& task, const optim::Optimizer& optimizer, TrainerOptions options = {});
  ~Trainer();

  void set_transforms(data::Transforms train, data::Transforms eval);
  /// Default: a constant rate.
  void set_schedule(std::shared_ptr<optim::Schedule> schedule);
  void add(CallbackPtr callback);

  /// Trains; where run_dir holds an unfinished run of the same network, goes on with it. `validation` may be null.
  /// Returns the last validation results, or training values without one.
  Results fit(const data::DatasetPtr& train, const data::DatasetPtr& validation = nullptr);
  Results evaluate(const data::DatasetPtr& set);
  /// Raw outputs for a set, [n, …].
  Tensor predict(const data::DatasetPtr& set);

  // For callbacks.
  Task& task();
  optim::Optimizer& optimizer();
  const TrainerOptions& options() const;
  Progress& progress();
  /// Of the training step; valid from the first step on.
  const graph::Report& step_report() const;
  /// Ends the run after this step, with a reason that is logged.
  void request_stop(const std::string& reason);
  const std::string& stop_reason() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lamina::train
