// What comes before the first step: the start of the process, and the compiler.
#pragma once

#include <string>
#include <vector>

namespace lamina::bench {

/// Prints, per workload, the time from the start of a process to the end of its first step; then the compiler's time
/// for the examples, which are programs that a user writes. Runs in the top folder of the tree.
void run_start(const std::string& program, const std::vector<std::string>& only);
/// What the process does that run_start() times: makes the network, takes one step, and prints the parts.
void run_first_step(const std::string& workload);

}  // namespace lamina::bench
