// Times whole steps of the workloads.
#pragma once

#include <string>
#include <vector>

namespace lamina::bench {

struct StepOptions {
  std::vector<std::string> only;  // names; empty: all
  double seconds = 2;             // measured per workload
  std::vector<std::string> disabled_passes;
  bool explain = false;  // print the plan's report
  std::string save_dir;  // writes each workload's weights, batch and first three losses there
};

/// Prints one JSON object a line: name, ms_min, ms_median, first_ms, flops, arena_bytes, peak_bytes.
void run_steps(const StepOptions& options);

}  // namespace lamina::bench
