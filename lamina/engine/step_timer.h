// How a profiler listens to the steps of compiled plans.
#pragma once

#include <string>

namespace lamina {

/// One kernel of a plan.
struct StepInfo {
  std::string name;         // of the op, or the ops of a fused group
  std::string kernel;       // the implementation chosen
  std::string module_path;  // of the layer it belongs to
  double flops = 0;
  double bytes = 0;  // of its inputs and outputs
};

class StepTimer {
 public:
  virtual ~StepTimer() = default;
  /// A run of a step, in seconds of the steady clock.
  virtual void record(const StepInfo& step, double begin, double end) = 0;
};

/// The timer of this thread, or null: then plans take no times at all.
StepTimer* active_step_timer();

class StepTimerScope {
 public:
  explicit StepTimerScope(StepTimer* timer);
  ~StepTimerScope();
  StepTimerScope(const StepTimerScope&) = delete;

 private:
  StepTimer* previous_;
};

}  // namespace lamina
