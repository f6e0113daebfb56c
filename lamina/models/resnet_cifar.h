// Residual networks for 32×32 images. He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2016,
// section 4.2: three stages of 16, 32 and 64 filters, shortcuts without parameters; depth 20 has 0.27 M parameters.
#pragma once

#include "lamina/models/registry.h"
#include "lamina/nn/layers/container.h"
#include "lamina/nn/layers/conv.h"
#include "lamina/nn/layers/linear.h"
#include "lamina/nn/layers/norm.h"

namespace lamina::models {

struct ResnetCifarOptions {
  int64_t channels = 3;
  int64_t height = 32, width = 32;  // any
  int64_t classes = 10;
  int64_t depth = 20;               // 6n + 2: 20, 32, 44, 56, 110
  int64_t filters = 16;             // of the first stage
  bool zero_init_residual = false;  // each block begins as its shortcut (Goyal et al. 2017)
  LAMINA_OPTIONS(channels, height, width, classes, depth, filters, zero_init_residual)
};

/// [n, channels, height, width] → [n, classes].
class ResnetCifar final : public nn::Layer {
 public:
  explicit ResnetCifar(const ResnetCifarOptions& options);
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS(conv1_, bn1_, layer1_, layer2_, layer3_, fc_)

 private:
  nn::Conv2d conv1_;
  nn::BatchNorm2d bn1_;
  nn::Sequential layer1_, layer2_, layer3_;
  nn::Linear fc_;
};

nn::LayerPtr make_resnet_cifar(FieldVisitor& visitor, const ModelInput& data, int64_t depth);

}  // namespace lamina::models
