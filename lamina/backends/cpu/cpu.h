// The CPU backend: oneDNN for the heavy products, Highway kernels chosen at run time for the rest.
#pragma once

#include "lamina/engine/backend.h"

namespace lamina {

/// Takes f32 (f64 where a kernel says so) and any dense strides; what it refuses, it refuses with a reason.
const Backend& cpu_backend();

}  // namespace lamina
