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
  int64_t classes = 10;
  int64_t depth = 20;  // 6n + 2: 20, 32, 44, 56, 110
  int64_t width = 16;  // filters of the first stage
  LAMINA_OPTIONS(channels, classes, depth, width)
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

nn::LayerPtr make_resnet_cifar(FieldVisitor& visitor, const ModelInput& data);

}  // namespace lamina::models
