// Parallel loops on the one thread pool of the process (OpenMP's, which oneDNN uses too).
#pragma once

#include <cstdint>
#include <functional>

namespace lamina {

/// Threads used by kernels. Default: the number of cores the process may run on.
int num_threads();
/// Sets it; throws Error below 1.
void set_num_threads(int threads);

/// Calls body(begin, end) over [0, n) in chunks of `grain` elements (the last may be shorter). Runs inline where
/// n <= grain or inside another parallel region. The split into chunks depends on n and grain
/// alone, never on the number of threads, so chunk-wise reductions give the same bits on any machine.
void parallel_for(int64_t n, int64_t grain, const std::function<void(int64_t, int64_t)>& body);

}  // namespace lamina
