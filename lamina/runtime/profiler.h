// Where the time of compiled steps goes.
#pragma once

#include <map>
#include <vector>

#include "lamina/engine/step_timer.h"

namespace lamina::runtime {

/// Times every kernel that plans run on this thread while a StepTimerScope holds it:
///
///     runtime::Profiler profiler;
///     { const StepTimerScope on(&profiler); step(batch); }
///     std::cout << profiler.table();
class Profiler final : public StepTimer {
 public:
  void record(const StepInfo& step, double begin, double end) override;

  /// One line per kind of step (name, kernel, layer), the most time first: runs, milliseconds, share of the whole,
  /// GFLOP/s, GB/s.
  std::string table() const;
  /// Every run, as chrome://tracing and Perfetto read it (JSON).
  std::string chrome_trace() const;

 private:
  struct Total {
    int64_t runs = 0;
    double seconds = 0, flops = 0, bytes = 0;
  };
  struct Event {
    std::string name, details;
    double begin, end;
  };
  std::map<std::string, Total> totals_;
  std::vector<Event> events_;
};

}  // namespace lamina::runtime
