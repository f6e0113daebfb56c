// U-Net: what a pixel is, from its neighbourhood at several scales. Ronneberger, Fischer and Brox, "U-Net:
// convolutional networks for biomedical image segmentation", 2015. As published (padding 0, no batch norm, 64 filters,
// depth 4) a 572×572 image gives 388×388 pixels; with padding the result is as large as the image.
#pragma once

#include <vector>

#include "lamina/models/registry.h"
#include "lamina/nn/layers/container.h"
#include "lamina/nn/layers/conv.h"

namespace lamina::models {

struct UnetOptions {
  int64_t channels = 1;
  int64_t height = 572, width = 572;  // any that the convolutions leave something of
  int64_t classes = 2;                // numbers per pixel of the result
  int64_t filters = 64;               // of the first level; each level below has twice as many
  int64_t depth = 4;                  // poolings
  int64_t padding = 1;                // of the 3×3 convolutions: 1, or 0 as published
  bool batch_norm = false;            // before each activation
  double dropout = 0;                 // at the lowest level
  std::string activation = "relu";
  std::string output = "identity";  // activation of the result
  LAMINA_OPTIONS(channels, height, width, classes, filters, depth, padding, batch_norm, dropout, activation, output)
};

/// [n, channels, h, w] → [n, classes, h′, w′]; h′ = h with padding.
class Unet final : public nn::Layer {
 public:
  explicit Unet(const UnetOptions& options);
  Tensor forward(const Tensor& x) override;
  /// "encoder1", "encoder2", …, "up1", "decoder1", …, "head", "output".
  void visit(nn::ModuleVisitor& visitor) override;
  std::unique_ptr<nn::Module> copy() const override { return std::make_unique<Unet>(*this); }
  std::string kind() const override { return "Unet"; }

 private:
  std::vector<nn::Sequential> encoders_;  // from the finest level down
  std::vector<nn::ConvTranspose2d> ups_;  // from the lowest level up
  std::vector<nn::Sequential> decoders_;
  nn::Conv2d head_;
  nn::AnyLayer output_;
};

nn::LayerPtr make_unet(FieldVisitor& visitor, const ModelInput& data);

}  // namespace lamina::models
