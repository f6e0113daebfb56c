// Enlarging pictures. Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel
// convolutional neural network", 2016 (upsampling: subpixel); with a transposed convolution at the end as in Dong, Loy
// and Tang, "Accelerating the super-resolution convolutional neural network", 2016 (transposed).
#pragma once

#include "lamina/models/registry.h"
#include "lamina/nn/layers/container.h"

namespace lamina::models {

struct SuperResolutionOptions {
  int64_t channels = 3;
  int64_t height = 32, width = 32;      // any
  int64_t out_channels = 0;             // channels of the result; 0: those of the input
  int64_t factor = 2;                   // how many times as high and wide the result is
  std::string upsampling = "subpixel";  // or transposed
  Dims filters = {64, 32};              // 5×5, then 3×3; the last convolution is 3×3 too
  std::string activation = "tanh";
  bool residual = true;  // learn what is to be added to the picture with its pixels repeated
  LAMINA_OPTIONS(channels, height, width, out_channels, factor, upsampling, filters, activation, residual)
};

/// [n, channels, h, w] → [n, out_channels, factor·h, factor·w].
class SuperResolution final : public nn::Layer {
 public:
  explicit SuperResolution(const SuperResolutionOptions& options);
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS(features_, upsample_)

 private:
  int64_t factor_;
  bool residual_;
  nn::Sequential features_, upsample_;
};

nn::LayerPtr make_super_resolution(FieldVisitor& visitor, const ModelInput& data);

}  // namespace lamina::models
