// VGG: 3×3 convolutions only, in five blocks. Simonyan and Zisserman, "Very deep convolutional networks for large-scale
// image recognition", 2015, table 1, configurations A, B, D and E; with batch norm as torchvision has it. Names and
// shapes of the parameters are torchvision's.
#pragma once

#include "lamina/models/registry.h"
#include "lamina/nn/layers/container.h"
#include "lamina/nn/layers/pool.h"

namespace lamina::models {

struct VggOptions {
  int64_t channels = 3;
  int64_t height = 224, width = 224;  // at least 32
  int64_t classes = 1000;
  int64_t depth = 16;       // layers with weights: 11, 13, 16 or 19
  bool batch_norm = false;  // after each convolution
  int64_t filters = 64;     // of the first block; 2, 4, 8 and 8 times as many in the others
  int64_t pool = 7;         // height and width of what enters the linear layers
  int64_t hidden = 4096;    // units of the two linear layers before the last; 0: there is only the last
  double dropout = 0.5;     // after each of these two
  LAMINA_OPTIONS(channels, height, width, classes, depth, batch_norm, filters, pool, hidden, dropout)
};

/// [n, channels, h, w] → [n, classes]. Convolutions start as kaiming_normal over the fan out, linear layers as
/// normal(0.01), biases as 0.
class Vgg final : public nn::Layer {
 public:
  explicit Vgg(const VggOptions& options);
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS(features_, avgpool_, classifier_)

 private:
  nn::Sequential features_;
  nn::AdaptiveAvgPool avgpool_;
  nn::Sequential classifier_;
};

nn::LayerPtr make_vgg(FieldVisitor& visitor, const ModelInput& data, int64_t depth, bool batch_norm);

}  // namespace lamina::models
