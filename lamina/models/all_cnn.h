// All-CNN-C: convolutions of stride 2 in the place of pooling, 1×1 ones in the place of linear layers. Springenberg,
// Dosovitskiy, Brox and Riedmiller, "Striving for simplicity: the all convolutional net", 2015, table 1 and section 3;
// without the ReLU of the class maps, so that all of them learn from the start.
#pragma once

#include "lamina/models/registry.h"
#include "lamina/nn/layers/container.h"

namespace lamina::models {

struct AllCnnOptions {
  int64_t channels = 3;
  int64_t height = 32, width = 32;  // at least 9
  int64_t classes = 10;
  int64_t filters = 96;     // of the first three convolutions; the others have twice as many
  bool batch_norm = false;  // before each activation
  bool dropout = false;     // as published: 0.2 of the input, 0.5 after each convolution of stride 2
  LAMINA_OPTIONS(channels, height, width, classes, filters, batch_norm, dropout)
};

/// [n, channels, h, w] → [n, classes]; 1,369,738 parameters for colour pictures of 10 classes.
class AllCnn final : public nn::Layer {
 public:
  explicit AllCnn(const AllCnnOptions& options);
  Tensor forward(const Tensor& x) override { return features_(x); }
  LAMINA_FIELDS(features_)

 private:
  nn::Sequential features_;
};

nn::LayerPtr make_all_cnn(FieldVisitor& visitor, const ModelInput& data);

}  // namespace lamina::models
