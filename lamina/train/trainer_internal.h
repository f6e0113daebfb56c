// The inside of the trainer.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "lamina/optim/schedule.h"
#include "lamina/train/freezing_internal.h"
#include "lamina/train/run_dir.h"
#include "lamina/train/step_internal.h"
#include "lamina/train/trainer.h"

namespace lamina::train {

struct Trainer::Impl {
  Impl(Trainer& trainer, Task& task, const optim::Optimizer& optimizer, TrainerOptions options);

  // trainer.cpp: the loop.
  Results fit(const data::DatasetPtr& train, const data::DatasetPtr& validation);
  Results evaluate(const data::DatasetPtr& set, bool stoppable);
  void run_epochs(data::Loader& loader);
  void run_step(const data::Batch& batch);
  void finish_epoch();
  void validate();
  bool higher_is_better() const;
  void check_set(const data::DatasetPtr& set) const;
  Evaluation& ready_evaluation(data::TargetKind target);
  void make_step();
  void unfreeze();
  void average_epoch();
  void start_anew();
  void bind_optimizer();
  void add_callbacks();
  void check_best_metric();
  void set_rate();
  bool look_for_interrupts();
  Results finish();
  Tensor predict(const data::DatasetPtr& set);
  data::LoaderOptions evaluation_order() const;
  void restore_best();
  /// Has the best epoch been too long ago? Asked between epochs.
  bool out_of_patience() const;
  void say_how_to_go_on() const;

  // run_report.cpp
  void write_report(const data::DatasetPtr& set, const Results& results);

  // resume.cpp: what a checkpoint holds besides tensors.
  std::string state() const;
  /// The settings that must be equal for a run to go on bit-exactly, as JSON.
  std::string identity() const;
  void load_state(const std::string& json, const std::string& file);
  /// Loads the last checkpoint of run_dir; false where there is none.
  bool resume();
  std::string save_checkpoint();
  std::vector<nn::NamedVariable> optimizer_state() const;

  template <class F>
  void each(F&& call) {
    for (const CallbackPtr& c : active) call(*c);
  }

  Trainer& trainer;
  Task& task;
  std::unique_ptr<optim::Optimizer> optimizer;
  TrainerOptions options;
  double base_lr;
  std::shared_ptr<optim::Schedule> schedule;
  data::Transforms train_transforms, eval_transforms;
  bool transforms_set = false;
  std::vector<CallbackPtr> callbacks;  // the user's
  std::vector<CallbackPtr> active;     // of the running fit()

  std::unique_ptr<Freezing> freezing;  // from the first fit() on
  Generator random;
  std::unique_ptr<WeightAverage> average;
  int64_t averaged_epoch = -1;  // of SWA: the last one that counts
  std::unique_ptr<TrainingStep> step;
  std::unique_ptr<Evaluation> evaluation;
  data::DatasetPtr train_set, validation_set;
  std::unique_ptr<data::Loader> validation_loader;

  Progress progress;
  double loss_sum = 0;         // of the epoch, times examples
  double earlier_seconds = 0;  // of training before a resume
  double current_lr = -1;
  bool epoch_done = false;
  Best best;
  Tensors best_weights;  // where there is no run directory to load them from
  Results last_validation;
  std::vector<ParameterNorms> norms;
  std::string stop_reason;
  bool interrupted = false;
  std::chrono::steady_clock::time_point session_start;
};

/// "accuracy" → "validation/accuracy" where there is validation.
std::string watched_key(const std::string& metric, bool validated);

}  // namespace lamina::train
