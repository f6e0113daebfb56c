// Architectures by name, and networks written as lists of layers.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "lamina/core/registry.h"
#include "lamina/nn/module.h"
#include "lamina/recipe/setting.h"

namespace lamina::models {

/// What the data says: the shape of one input, and how many outputs are wanted.
struct ModelInput {
  Shape input;
  int64_t outputs = 0;
};

/// {name: lenet5, …options} or {layers: [{conv2d: {out: 32, kernel: 3}}, relu, {max_pool2d: 2}, flatten,
/// {linear: 10}]}; what a layer takes in is inferred from the one before. Throws Error with the place of a mistake.
nn::LayerPtr make_model(const recipe::Setting& model, const ModelInput& input);

std::span<const Entry<nn::Layer, ModelInput>> model_table();
std::span<const Entry<nn::Layer, ModelInput>> layer_table();

}  // namespace lamina::models
