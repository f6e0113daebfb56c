// Architectures by name, and networks written as lists of layers.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "lamina/core/registry.h"
#include "lamina/nn/module.h"
#include "lamina/recipe/setting.h"

namespace lamina::models {

/// What the data says: the shape of one input, and how many outputs are wanted. An empty shape or 0: unknown, then
/// an architecture takes what it was published for.
struct ModelInput {
  Shape input;
  int64_t outputs = 0;
  DType dtype = DType::f32;
};

/// {name: lenet5, …options} or {layers: [{conv2d: {out: 32, kernel: 3}}, relu, {max_pool2d: 2}, flatten,
/// {linear: 10}]}; what a layer takes in is inferred from the one before. Throws Error with the place of a mistake,
/// also where the outputs are not as many as the data has. `resolved`, unless null, receives the section with all
/// defaults.
nn::LayerPtr make_model(const recipe::Setting& model, const ModelInput& input, recipe::Setting* resolved = nullptr);

std::span<const Entry<nn::Layer, ModelInput>> model_table();
std::span<const Entry<nn::Layer, ModelInput>> layer_table();
/// Shape of one output (without the batch axis) for inputs of that shape; nothing is computed. Throws Error that names
/// the layer where they do not fit.
Shape output_shape(const nn::Layer& net, const Shape& input, DType dtype = DType::f32);

}  // namespace lamina::models
