#include "lamina/models/linear.h"

#include "lamina/models/options.h"
#include "lamina/ops/movement.h"

namespace lamina::models {

LinearModel::LinearModel(const LinearModelOptions& o)
    : linear_{{.in = o.in, .out = o.classes, .bias = o.bias, .init = o.init}} {}

Tensor LinearModel::forward(const Tensor& x) { return linear_(x.rank() == 2 ? x : flatten(x, 1)); }

nn::LayerPtr make_linear_model(FieldVisitor& visitor, const ModelInput& data) {
  LinearModelOptions o;
  if (!data.input.empty()) o.in = data.input.numel();
  o.classes = outputs_or(data, o.classes);
  o.visit(visitor);
  return std::make_unique<LinearModel>(o);
}

}  // namespace lamina::models
