// Where the time of compiled steps goes.
#pragma once

#include <map>
#include <vector>

#include "lamina/engine/step_timer.h"
#include "lamina/runtime/machine.h"

namespace lamina::runtime {

/// Times every kernel that plans run on this thread while a StepTimerScope holds it:
///
///     runtime::Profiler profiler;
///     { const StepTimerScope on(&profiler); step(batch); }
///     std::cout << profiler.table(runtime::measure_machine());
class Profiler final : public StepTimer {
 public:
  void record(const StepInfo& step, double begin, double end) override;

  /// One line per node (name, kernel, layer), the most time first: runs, milliseconds of all runs, share of the whole,
  /// millions of operations and MB of one run (inputs and outputs), GFLOP/s, GB/s, and the share of what the machine
  /// could do: the time at its peak or its bandwidth, whichever is longer, over the time taken. Data that stayed in the
  /// caches may bring that above 100 %.
  std::string table(const Machine& machine) const;
  /// Every run, as chrome://tracing and Perfetto read it (JSON): microseconds since the first.
  std::string chrome_trace() const;
  bool empty() const { return events_.empty(); }

 private:
  struct Total {
    int64_t runs = 0;
    double seconds = 0, flops = 0, bytes = 0;
  };
  struct Event {
    std::string name, details;
    double begin, end, flops, bytes;
  };
  std::map<std::string, Total> totals_;
  std::vector<Event> events_;
};

}  // namespace lamina::runtime
