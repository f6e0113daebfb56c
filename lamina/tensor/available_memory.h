// How much memory this process may still take.
#pragma once

#include <cstdint>

namespace lamina {

/// Bytes: what the system can give without swapping, at most what the process's control group leaves, at most the limit
/// set here.
int64_t available_memory();
/// At most so many bytes are available from now on; 0: no limit.
void set_memory_limit(int64_t bytes);

}  // namespace lamina
