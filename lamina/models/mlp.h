// The multilayer perceptron.
#pragma once

#include "lamina/models/registry.h"
#include "lamina/nn/layers/container.h"

namespace lamina::models {

struct MlpOptions {
  int64_t in = 784;      // elements of one input, of any shape
  Dims hidden = {300};   // units of each hidden layer
  int64_t classes = 10;  // outputs
  std::string activation = "relu";
  double dropout = 0;       // after each hidden layer
  bool batch_norm = false;  // before each activation
  std::string init = "default";
  LAMINA_OPTIONS(in, hidden, classes, activation, dropout, batch_norm, init)
};

/// [n, …] → [n, classes]. Children: "layers.0" (linear), "layers.1" (activation), ….
class Mlp final : public nn::Layer {
 public:
  explicit Mlp(const MlpOptions& options);
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS(layers_)

 private:
  nn::Sequential layers_;
};

nn::LayerPtr make_mlp(FieldVisitor& visitor, const ModelInput& data);

}  // namespace lamina::models
