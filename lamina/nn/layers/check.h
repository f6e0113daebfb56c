// What layers ask of their input.
#pragma once

#include <string>

#include "lamina/tensor/tensor.h"

namespace lamina::nn {

/// Throws Error where x has not between `least` and `most` axes; `form` is what they are: "[n, channels, h, w]".
void check_rank(const Tensor& x, int least, int most, const std::string& kind, const char* form);

/// Throws Error naming both shapes where the extent of an axis is not what the weight expects.
void check_extent(const Tensor& x, int axis, int64_t expected, const std::string& kind, const char* what,
                  const Tensor& weight);

}  // namespace lamina::nn
