// A small convolutional network for small images: blocks of 3×3 convolutions and pooling, then one linear layer.
#pragma once

#include "lamina/models/registry.h"
#include "lamina/nn/layers/container.h"

namespace lamina::models {

struct SmallCnnOptions {
  int64_t channels = 1;
  int64_t height = 28, width = 28;
  int64_t classes = 10;
  Dims filters = {32, 64};   // one block each
  int64_t convolutions = 1;  // per block
  bool batch_norm = false;   // before each activation
  std::string activation = "relu";
  std::string pooling = "max";  // at the end of each block, halving the image
  int64_t hidden = 0;           // units of a linear layer before the last; 0: none
  double dropout = 0;           // before the linear layers
  std::string init = "default";
  LAMINA_OPTIONS(channels, height, width, classes, filters, convolutions, batch_norm, activation, pooling, hidden,
                 dropout, init)
};

/// [n, channels, height, width] → [n, classes]; convolutions keep the extents.
class SmallCnn final : public nn::Layer {
 public:
  explicit SmallCnn(const SmallCnnOptions& options);
  Tensor forward(const Tensor& x) override { return classifier_(features_(x)); }
  LAMINA_FIELDS(features_, classifier_)

 private:
  nn::Sequential features_, classifier_;
};

nn::LayerPtr make_small_cnn(FieldVisitor& visitor, const ModelInput& data);

}  // namespace lamina::models
