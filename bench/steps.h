// Times whole steps of the workloads.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/workloads.h"

namespace lamina::graph {
struct Report;
}

namespace lamina::bench {

struct StepOptions {
  double seconds = 2;                             // measured per workload
  std::vector<std::string> disabled_passes = {};  // of the compiled step
  bool explain = false;                           // print the plan's report to stderr
  bool profile = false;                           // print where the time goes to stderr
  bool recompute = false;                         // see graph::CaptureOptions; some workloads ask for it themselves
  bool dropout = true;                            // false: switched off, for comparison with peers
  std::string save_file = {};                     // weights, batch, and what the first steps give, for peers
};

struct Times {
  double ms_min = 0, ms_median = 0;
  int64_t peak_bytes = 0;  // the most that the process held during these steps
};

/// A workload, compiled and warm.
class Session {
 public:
  Session(const Workload& workload, const StepOptions& options);
  ~Session();
  Times measure(double seconds);
  /// Time by kind of kernel, over some steps, as a table.
  std::string profile();
  /// From the call that captures to the end of the first step; and the part of it before anything runs: recording,
  /// passes, preparing kernels.
  double first_ms() const;
  double prepare_ms() const;
  bool has_images() const;
  const graph::Report& report() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Prints one JSON object a line.
void run_steps(const std::vector<std::string>& only, const StepOptions& options);

}  // namespace lamina::bench
