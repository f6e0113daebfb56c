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

/// Gradual unfreezing (Howard and Ruder, "Universal language model fine-tuning for text classification", 2018, §3.3).
struct Unfreezing {
  int64_t epoch = 2;                     // before this epoch, counted from 1; so from 2 on
  std::vector<std::string> layers = {};  // globs, as in TrainerOptions::freeze
  LAMINA_OPTIONS(epoch, layers)
};

struct TrainerOptions {
  int64_t epochs = 10;
  int64_t batch = 64;
  int64_t seed = 1;
  int64_t workers = 1;       // threads that prepare batches; 0: none
  int64_t accumulate = 1;    // parts that each batch is computed in, one after the other: less memory for the same
                             // step, but that batch normalization sees the parts alone
  double ema_decay = 0;      // exponential average of the weights, evaluated and saved in their place: 0.999; 0: none
  int64_t swa_epochs = 0;    // average of the weights at the ends of the last so many epochs, likewise, with batch
                             // statistics computed anew (Izmailov et al., "Averaging weights leads to wider optima",
                             // 2018)
  double clip_norm = 0;      // global gradient norm; 0: no clipping
  double clip_value = 0;     // each gradient element, before clip_norm; 0: no clipping
  double l1 = 0, l2 = 0;     // penalties l1·Σ|w| + l2·Σw² on weights (not on biases and normalization), in the loss
  std::string run_dir = "";  // where log, checkpoints and report go; empty: nowhere
  int64_t checkpoint_steps = 0;  // besides the end of each epoch, every so many steps
  int64_t keep = 2;              // checkpoints kept besides best and last
  std::string best_metric = "";  // "accuracy", "loss"; default: the first metric, else the loss
  int64_t patience = 0;          // epochs without improvement before stopping early; 0: never. The best weights are
                                 // restored at the end
  int64_t validate_every = 1;    // epochs; the last one is always validated
  std::vector<std::string> freeze = {};   // globs of layers or parameters that keep their values: "layer1", "*.bias";
                                          // batch normalization that is frozen uses its running statistics
  std::vector<Unfreezing> unfreeze = {};  // when which of them begin to train
  int64_t log_steps = 10;                 // steps between lines of the log
  int64_t statistics_steps = 0;           // steps between gradient and weight norms in the log; 0: none
  bool allow_unused = false;              // parameters that the loss does not reach are no error
  bool compile = true;                    // false: eager
  std::string memory = "keep";  // "recompute": forward values that the backward pass needs are partly made again, which
                                // takes less memory and more time, and changes no bit
  bool progress = true;         // bar on a terminal, lines elsewhere
  bool handle_signals = true;   // Ctrl-C and SIGTERM finish the step, save and return; a second one ends at once
  std::vector<std::string> disabled_passes = {};
  LAMINA_OPTIONS(epochs, batch, seed, workers, accumulate, ema_decay, swa_epochs, clip_norm, clip_value, l1, l2,
                 run_dir, checkpoint_steps, keep, best_metric, patience, validate_every, freeze, unfreeze, log_steps,
                 statistics_steps, allow_unused, compile, memory, progress, handle_signals, disabled_passes)
};
/// Throws Error for a number out of its range, or the name of a pass that there is not.
void check_options(const TrainerOptions& options);
/// Throws Error, with the nearest path, for a glob of freeze or unfreeze that none of these parameters matches, and
/// where nothing is left to train in the first epoch.
void check_freezing(const TrainerOptions& options, nn::Module& network);

/// Metric values by name, printable: "accuracy 0.9871  loss 0.0412".
struct Results {
  std::map<std::string, double> values;
  std::map<std::string, Tensor> tables;  // confusion matrices
  int64_t examples = 0;
};
std::ostream& operator<<(std::ostream& out, const Results& results);

/// The best epoch so far.
struct Best {
  std::string metric;  // "accuracy", "loss"
  double value = 0;
  int64_t epoch = -1;      // from 0; −1: none yet
  std::string checkpoint;  // its name in the run directory
};

/// √Σx² of a parameter's gradient (before clipping) and of its value before the step.
struct ParameterNorms {
  std::string name;
  double gradient = 0, weight = 0;
};

class Trainer {
 public:
  /// `task` must outlive the trainer, which keeps a copy of the optimizer. Throws Error where an option is out of
  /// range.
  Trainer(Task& task, const optim::Optimizer& optimizer, TrainerOptions options = {});
  ~Trainer();

  /// For training and for evaluation data. Default: none, but pictures of bytes (u8 [n, channels, height, width]) are
  /// divided by 255. Where those for evaluation make several views of an input, predictions are averaged over them (as
  /// probabilities of classes or tags) and the loss is the mean over all views.
  void set_transforms(data::Transforms train, data::Transforms eval);
  /// Of the optimizer's rate as it is now. Default: constant.
  void set_schedule(std::shared_ptr<optim::Schedule> schedule);
  /// Runs before the trainer's own callbacks (progress, logs, early stopping, checkpoints), so that what it puts into
  /// progress().values is logged.
  void add(CallbackPtr callback);

  /// Trains; where run_dir holds an unfinished run of the same network, goes on with it, bit for bit as if it had
  /// never stopped. A finished run is loaded and evaluated. `validation` may be null.
  /// Returns the last validation results (of the best weights after early stopping), or training values without one.
  /// Throws Error where the loss is not finite (the weights are then those before that step), where a parameter is used
  /// but not listed or listed but not reached, where a file cannot be written, and where another run uses run_dir.
  Results fit(const data::DatasetPtr& train, const data::DatasetPtr& validation = nullptr);
  /// Loss and metrics in evaluation mode.
  Results evaluate(const data::DatasetPtr& set);
  /// Raw outputs for a set, [n, …]; those for each step of sequences of unequal length padded with zeros.
  Tensor predict(const data::DatasetPtr& set);
  /// A set (a small one) as evaluate() and predict() see it: all its examples, transformed, in one batch.
  data::Batch examples(const data::DatasetPtr& set);
  /// Writes run_dir/report.html anew: the run's curves, and results and mistakes on this set. fit() does so at its end,
  /// with the validation set.
  void write_report(const data::DatasetPtr& set);
  /// Loads the weights of a checkpoint of run_dir ("best", "last" or its name) without training.
  void load(const std::string& checkpoint = "best");

  // For callbacks.
  Task& task();
  optim::Optimizer& optimizer();
  const TrainerOptions& options() const;
  Progress& progress();
  /// Of the training step; valid from the first step on.
  const graph::Report& step_report() const;
  const Best& best() const;
  /// Of the last step, where statistics_steps is set.
  const std::vector<ParameterNorms>& norms() const;
  /// Has the running epoch ended, validation included?
  bool epoch_done() const;
  /// Writes all that resuming needs to run_dir/checkpoints/NAME, makes it `last` (and `best` where this epoch is),
  /// and drops those that options().keep does not keep. Returns the name: "epoch-0003" or "step-00001234".
  std::string save_checkpoint();
  /// Ends the run after this step, with a reason that is logged.
  void request_stop(const std::string& reason);
  const std::string& stop_reason() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lamina::train
