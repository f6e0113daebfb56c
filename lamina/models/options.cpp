#include "lamina/models/options.h"

#include "lamina/core/error.h"
#include "lamina/nn/layers/pool.h"
#include "lamina/ops/pointwise.h"

namespace lamina::models {

Shape input_or(const ModelInput& data, const Shape& published, const char* model) {
  if (data.input.empty()) return published;
  if (data.input.rank() == published.rank()) return data.input;
  throw Error(model, "the data has inputs of shape " + data.input.str() + ", this network takes " +
                         (published.rank() == 3 ? "images [channels, height, width]" : published.str()))
      .hint("a transform may give them that shape: transforms: {train: [{reshape: {shape: [1, 8, 8]}}]}");
}

int64_t outputs_or(const ModelInput& data, int64_t published) { return data.outputs > 0 ? data.outputs : published; }

nn::AnyLayer activation(std::string_view name) {
  if (name == "scaled_tanh") {
    return nn::Lambda{[](const Tensor& x) { return tanh(x * (2.0 / 3)) * 1.7159; }, "1.7159·tanh(2x/3)"};
  }
  constexpr std::string_view kNames[] = {"relu",     "tanh",         "sigmoid",    "gelu",    "silu",
                                         "elu",      "selu",         "leaky_relu", "prelu",   "softplus",
                                         "hardtanh", "hard_sigmoid", "hard_swish", "identity"};
  NameList names;
  for (const std::string_view known : kNames) {
    if (known == name) {
      FieldPrinter defaults;
      return nn::AnyLayer(find_entry(layer_table(), name, "layer").make(defaults, ModelInput{}));
    }
    names.add(known);
  }
  Error error("activation", "there is no activation \"" + std::string(name) + "\"");
  names.add("scaled_tanh");
  error.detail("expected one of: " + names.str());
  if (const std::string near = names.nearest(name); !near.empty()) error.hint("did you mean \"" + near + "\"?");
  throw error;
}

nn::AnyLayer pooling(std::string_view name) {
  if (name == "max") return nn::MaxPool2d{2};
  if (name == "average") return nn::AvgPool2d{2};
  throw Error("pooling", "expected max or average, got \"" + std::string(name) + "\"");
}

}  // namespace lamina::models
