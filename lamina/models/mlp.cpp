#include "lamina/models/mlp.h"

#include "lamina/models/options.h"
#include "lamina/nn/layers/dropout.h"
#include "lamina/nn/layers/linear.h"
#include "lamina/nn/layers/norm.h"
#include "lamina/ops/movement.h"

namespace lamina::models {

Mlp::Mlp(const MlpOptions& o) {
  int64_t in = o.in;
  for (const int64_t units : o.hidden) {
    layers_.add(nn::Linear{{.in = in, .out = units, .init = o.init}});
    if (o.batch_norm) layers_.add(nn::BatchNorm1d{units});
    layers_.add(activation(o.activation));
    if (o.dropout != 0) layers_.add(nn::Dropout{o.dropout});
    in = units;
  }
  layers_.add(nn::Linear{{.in = in, .out = o.classes, .init = o.init}});
}

Tensor Mlp::forward(const Tensor& x) { return layers_(x.rank() == 2 ? x : flatten(x, 1)); }

nn::LayerPtr make_mlp(FieldVisitor& visitor, const ModelInput& data) {
  MlpOptions o;
  if (!data.input.empty()) o.in = data.input.numel();
  o.classes = outputs_or(data, o.classes);
  o.visit(visitor);
  return std::make_unique<Mlp>(o);
}

}  // namespace lamina::models
