// Everything beyond the loop itself is a callback: progress, logs, checkpoints, early stopping, …
#pragma once

#include <map>
#include <memory>
#include <string>

namespace lamina::train {

class Trainer;

/// Where a run stands and what it measured last. Names in `values`: "loss" (mean of the epoch so far), "lr", and from
/// the first validation on "validation/loss", "validation/accuracy", ….
struct Progress {
  int64_t epoch = 0;  // from 0
  int64_t epochs = 0;
  int64_t batch = 0;     // within the epoch, done so far
  int64_t batches = 0;   // of an epoch
  int64_t step = 0;      // over all epochs, done so far
  int64_t examples = 0;  // seen in this epoch
  double loss = 0;       // of the last step
  double seconds = 0;    // of training in this run, without the time before a resume
  std::map<std::string, double> values;
};

class Callback {
 public:
  virtual ~Callback() = default;
  virtual void on_start(Trainer&) {}
  /// Not called again where a run goes on within an epoch.
  virtual void on_epoch_start(Trainer&) {}
  /// Once, before the first step: step_report() tells what was compiled, and the memory that it will need.
  virtual void on_compiled(Trainer&) {}
  /// After each step. Reading the loss costs nothing here: it is in progress().loss.
  virtual void on_step(Trainer&) {}
  /// After the epoch and its validation.
  virtual void on_epoch_end(Trainer&) {}
  virtual void on_end(Trainer&) {}
  /// State that a resumed run needs, as JSON, and back.
  virtual std::string name() const = 0;
  virtual std::string state() const { return "{}"; }
  virtual void load_state(const std::string& json) { (void)json; }
};

using CallbackPtr = std::shared_ptr<Callback>;

}  // namespace lamina::train
