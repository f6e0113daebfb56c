// Residual networks for large images. He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2016,
// table 1; the bottleneck strides in its 3×3 convolution, as torchvision has it. Names and shapes of the parameters are
// torchvision's.
#pragma once

#include "lamina/models/registry.h"
#include "lamina/nn/layers/container.h"
#include "lamina/nn/layers/conv.h"
#include "lamina/nn/layers/linear.h"
#include "lamina/nn/layers/norm.h"
#include "lamina/nn/layers/pool.h"

namespace lamina::models {

struct ResnetOptions {
  int64_t channels = 3;
  int64_t height = 224, width = 224;  // any
  int64_t classes = 1000;
  int64_t depth = 50;               // 18 and 34: basic blocks; 50, 101 and 152: bottlenecks
  int64_t filters = 64;             // of the first stage
  bool small_stem = false;          // 3×3 of stride 1 without pooling at the start, for images of 32 pixels or so
  bool zero_init_residual = false;  // each block begins as its shortcut (Goyal et al. 2017)
  LAMINA_OPTIONS(channels, height, width, classes, depth, filters, small_stem, zero_init_residual)
};

/// [n, channels, h, w] → [n, classes]. Convolutions start as kaiming_normal over the fan out, normalization as 1 and 0.
class Resnet final : public nn::Layer {
 public:
  explicit Resnet(const ResnetOptions& options);
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS(conv1_, bn1_, maxpool_, layer1_, layer2_, layer3_, layer4_, avgpool_, fc_)

 private:
  nn::Conv2d conv1_;
  nn::BatchNorm2d bn1_;
  nn::AnyLayer maxpool_;
  nn::Sequential layer1_, layer2_, layer3_, layer4_;
  nn::GlobalAvgPool avgpool_;
  nn::Linear fc_;
};

nn::LayerPtr make_resnet(FieldVisitor& visitor, const ModelInput& data, int64_t depth);

}  // namespace lamina::models
