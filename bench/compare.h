// Lamina and its peers, side by side in one run.
#pragma once

#include <string>
#include <vector>

namespace lamina::bench {

struct CompareOptions {
  std::vector<std::string> only;   // workloads; empty: all
  std::vector<std::string> peers;  // of torch, torch-compiled, jax, ort
  std::string environment;         // folder of the Python virtual environment that has them
  std::string scripts;             // folder of the peers' scripts
  double seconds = 2;              // measured per workload and program
  bool json = false;
};

/// Measures ours, theirs, ours, theirs, …, each peer at the best of its settings, and prints a table (or
/// {"machine": …, "rows": […]}). Peers that are not installed are named.
void run_compare(const CompareOptions& options);

}  // namespace lamina::bench
