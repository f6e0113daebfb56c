// One linear layer: softmax regression with a cross-entropy loss, linear regression with a squared one.
#pragma once

#include "lamina/models/registry.h"
#include "lamina/nn/layers/linear.h"

namespace lamina::models {

struct LinearModelOptions {
  int64_t in = 784;  // elements of one input, of any shape
  int64_t classes = 10;
  bool bias = true;
  std::string init = "default";  // of the weight: see nn/init.h
  LAMINA_OPTIONS(in, classes, bias, init)
};

/// [n, …] → [n, classes]: what enters the softmax, or the predicted values.
class LinearModel final : public nn::Layer {
 public:
  explicit LinearModel(const LinearModelOptions& options);
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS(linear_)

 private:
  nn::Linear linear_;
};

nn::LayerPtr make_linear_model(FieldVisitor& visitor, const ModelInput& data);

}  // namespace lamina::models
