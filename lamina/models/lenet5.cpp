#include "lamina/models/lenet5.h"

#include "lamina/core/error.h"
#include "lamina/models/blocks_internal.h"
#include "lamina/models/lenet5_parts_internal.h"
#include "lamina/ops/movement.h"

namespace lamina::models {

namespace {

/// Extent after both convolutions and poolings; throws Error where nothing is left.
int64_t extent_of_maps(int64_t extent, int64_t padding) {
  const int64_t left = ((extent + 2 * padding - 4) / 2 - 4) / 2;
  if (left >= 1) return left;
  throw Error("lenet5", "images of " + std::to_string(extent) +
                            " pixels are too small: nothing is left after two "
                            "convolutions and poolings")
      .hint("use small_cnn, or enlarge the images with a resize transform");
}

nn::AnyLayer pool(const Lenet5Options& o, int64_t channels) {
  if (o.pooling == "subsampling") return nn::Sequential{Subsampling(channels)}.add(activation(o.activation));
  if (o.pooling == "max" || o.pooling == "average") return pooling(o.pooling);
  throw Error("lenet5", "pooling: expected max, average or subsampling, got \"" + o.pooling + "\"");
}

nn::AnyLayer second(const Lenet5Options& o) {
  if (o.connections == "table") return TableConv(o.init);
  if (o.connections == "all") return nn::Conv2d{{.in = 6, .out = 16, .kernel = 5, .init = o.init}};
  throw Error("lenet5", "connections: expected all or table, got \"" + o.connections + "\"");
}

nn::AnyLayer output(const Lenet5Options& o) {
  if (o.output == "rbf") return RbfOutput(o.classes);
  if (o.output == "linear") return nn::Linear{{.in = 84, .out = o.classes, .init = o.init}};
  throw Error("lenet5", "output: expected linear or rbf, got \"" + o.output + "\"");
}

}  // namespace

Lenet5::Lenet5(const Lenet5Options& o)
    : conv1_{{.in = o.channels, .out = 6, .kernel = 5, .padding = o.padding, .init = o.init}},
      act1_(activation(o.activation)),
      pool1_(pool(o, 6)),
      conv2_(second(o)),
      act2_(activation(o.activation)),
      pool2_(pool(o, 16)),
      fc1_{{.in = 16 * extent_of_maps(o.height, o.padding) * extent_of_maps(o.width, o.padding),
            .out = 120,
            .init = o.init}},
      act3_(activation(o.activation)),
      fc2_{{.in = 120, .out = 84, .init = o.init}},
      act4_(activation(o.activation)),
      fc3_(output(o)) {}

Tensor Lenet5::forward(const Tensor& x) {
  Tensor y = pool1_(act1_(conv1_(x)));
  y = pool2_(act2_(conv2_(y)));
  y = act3_(fc1_(flatten(y, 1)));
  return fc3_(act4_(fc2_(y)));
}

nn::LayerPtr make_lenet5(FieldVisitor& visitor, const ModelInput& data) {
  return std::make_unique<Lenet5>(image_options<Lenet5Options>(visitor, data, "lenet5"));
}

nn::LayerPtr make_lenet5_published(FieldVisitor& visitor, const ModelInput& data) {
  const Lenet5Options published{.activation = "scaled_tanh",
                                .pooling = "subsampling",
                                .connections = "table",
                                .output = "rbf",
                                .init = "lecun_uniform"};
  return std::make_unique<Lenet5>(image_options(visitor, data, "lenet5_published", published));
}

}  // namespace lamina::models
