// ZFNet: AlexNet with finer first layers. Zeiler and Fergus, "Visualizing and understanding convolutional networks",
// 2014, figure 3.
#pragma once

#include "lamina/models/registry.h"
#include "lamina/nn/layers/container.h"
#include "lamina/nn/layers/pool.h"

namespace lamina::models {

struct ZfnetOptions {
  int64_t channels = 3;
  int64_t height = 224, width = 224;  // at least 53
  int64_t classes = 1000;
  int64_t filters = 96;               // of the first convolution; the others in proportion
  int64_t hidden = 4096;              // units of the two linear layers before the last
  double dropout = 0.5;               // before each of these two
  std::string init = "normal(0.01)";  // as published; of networks with few filters the signal fades with it
  LAMINA_OPTIONS(channels, height, width, classes, filters, hidden, dropout, init)
};

/// [n, channels, h, w] → [n, classes]; 62,357,608 parameters. Weights start as normal(0.01), biases as 0.
class Zfnet final : public nn::Layer {
 public:
  explicit Zfnet(const ZfnetOptions& options);
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS(features_, avgpool_, classifier_)

 private:
  nn::Sequential features_;
  nn::AdaptiveAvgPool avgpool_;  // the identity for images of 224 pixels
  nn::Sequential classifier_;
};

nn::LayerPtr make_zfnet(FieldVisitor& visitor, const ModelInput& data);

}  // namespace lamina::models
