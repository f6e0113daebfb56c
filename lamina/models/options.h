// What the architectures share: defaults from the data, activations and poolings by name.
#pragma once

#include <string>
#include <string_view>

#include "lamina/models/registry.h"
#include "lamina/nn/layers/container.h"

namespace lamina::models {

/// The shape of one input as the data has it, or `published` where that is unknown. Throws Error where its rank is not
/// that of `published`.
Shape input_or(const ModelInput& data, const Shape& published, const char* model);
int64_t outputs_or(const ModelInput& data, int64_t published);

/// "relu", "tanh", …, and "scaled_tanh", 1.7159·tanh(2x/3) (LeCun et al. 1998, appendix A): throws Error naming the
/// nearest.
nn::AnyLayer activation(std::string_view name);
/// "max" or "average", kernel and stride 2.
nn::AnyLayer pooling(std::string_view name);

}  // namespace lamina::models
