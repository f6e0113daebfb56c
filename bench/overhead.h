// What replaying a compiled step costs besides its kernels.
#pragma once

namespace lamina::bench {

/// Nanoseconds per node of a plan whose kernels do nothing.
double measure_replay_overhead();

}  // namespace lamina::bench
