// Lamina and its peers, side by side in one run.
#pragma once

#include <string>
#include <vector>

namespace lamina::bench {

struct CompareOptions {
  std::vector<std::string> only;   // workloads; empty: all
  std::vector<std::string> peers;  // of peer_names()
  bool compile = false;            // try PyTorch's compiled settings too, which takes minutes
  std::string environment;         // folder of the Python virtual environment that has them
  std::string scripts;             // folder of the peers' scripts
  double seconds = 2;              // measured per workload and program
  bool json = false;
};

/// torch, jax, ort, mnn.
std::vector<std::string> peer_names();

/// Measures ours, theirs, ours, theirs, …, each peer at the best of its settings, and prints a table (or
/// {"machine": …, "rows": […]}). Peers that are not installed are named. Throws Error where a peer is unknown, and
/// where its results differ from ours.
void run_compare(const CompareOptions& options);

}  // namespace lamina::bench
