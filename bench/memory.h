// The memory that a process really holds, as the system counts it.
#pragma once

#include <cstdint>

namespace lamina::bench {

/// Resident bytes now.
int64_t resident_bytes();
/// The most since the last call of reset_peak_resident(), or since the process began where the system cannot reset it.
int64_t peak_resident_bytes();
/// Gives freed memory back to the system first, so that it does not count.
void reset_peak_resident();

}  // namespace lamina::bench
