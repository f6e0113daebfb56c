// Ranges of hyper-parameters.
#pragma once

#include <string>

namespace lamina::optim {

/// Throws Error "adam: beta1 must lie in [0, 1), got 1.5" unless `ok`.
void require(bool ok, const char* who, const char* option, const char* range, double value);

}  // namespace lamina::optim
