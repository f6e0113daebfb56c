// AlexNet, in two forms. As published: Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep
// convolutional neural networks", 2012: two groups, local response normalization, overlapping pooling; 60,965,224
// parameters. In one column: Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014, with
// torchvision's numbers of filters, names and shapes; 61,100,840 parameters.
#pragma once

#include "lamina/models/registry.h"
#include "lamina/nn/layers/container.h"
#include "lamina/nn/layers/pool.h"

namespace lamina::models {

struct AlexnetOptions {
  int64_t channels = 3;
  int64_t height = 224, width = 224;  // in one column at least 63; as published at least 67, the paper's being 227
  int64_t classes = 1000;
  bool published = false;  // two groups, local response normalization and the paper's initial values
  int64_t filters = 64;    // of the first convolution; the others in proportion. As published: 96
  int64_t hidden = 4096;   // units of the two linear layers before the last
  double dropout = 0.5;    // before each of these two
  LAMINA_OPTIONS(channels, height, width, classes, published, filters, hidden, dropout)
};

/// [n, channels, h, w] → [n, classes].
class Alexnet final : public nn::Layer {
 public:
  explicit Alexnet(const AlexnetOptions& options);
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS(features_, avgpool_, classifier_)

 private:
  void add_published_features(const AlexnetOptions& o);
  void add_features(const AlexnetOptions& o);
  nn::Sequential features_;
  nn::AdaptiveAvgPool avgpool_;
  nn::Sequential classifier_;
};

nn::LayerPtr make_alexnet(FieldVisitor& visitor, const ModelInput& data);
nn::LayerPtr make_alexnet_published(FieldVisitor& visitor, const ModelInput& data);

}  // namespace lamina::models
