// Single ops and their gradients: time, and share of what the machine could do.
#pragma once

#include <string>
#include <vector>

namespace lamina::bench {

/// Prints one table per case; `only`: names, empty: all. `seconds` are measured per case.
void run_ops(const std::vector<std::string>& only, double seconds);
/// Their names.
std::vector<std::string> op_cases();

}  // namespace lamina::bench
