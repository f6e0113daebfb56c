// LeNet-5: 6 filters of 5×5, pooling, 16 of 5×5, pooling, 120, 84, classes. LeCun, Bottou, Bengio and Haffner,
// "Gradient-based learning applied to document recognition", 1998, section II. By default in today's usual form: all
// maps connected, plain pooling, a linear output; 61,706 parameters for 28×28 images and 10 classes. As published
// ("lenet5_published"): the partial connections of table I, trainable sub-sampling, scaled tanh, an output of radial
// basis functions; 60,000 parameters.
#pragma once

#include "lamina/models/registry.h"
#include "lamina/nn/layers/container.h"
#include "lamina/nn/layers/conv.h"
#include "lamina/nn/layers/linear.h"

namespace lamina::models {

struct Lenet5Options {
  int64_t channels = 1;
  int64_t height = 28, width = 28;  // at least 10, with padding 2
  int64_t classes = 10;
  std::string activation = "relu";  // the paper: scaled_tanh
  std::string pooling = "max";      // max, average or the paper's subsampling
  std::string connections = "all";  // of the second convolution: all, or the paper's table
  std::string output = "linear";    // linear, or the paper's rbf: minus the squared distances
  int64_t padding = 2;              // of the first convolution; the paper's images are 32×32 and need none
  std::string init = "default";
  LAMINA_OPTIONS(channels, height, width, classes, activation, pooling, connections, output, padding, init)
};

/// [n, channels, height, width] → [n, classes].
class Lenet5 final : public nn::Layer {
 public:
  explicit Lenet5(const Lenet5Options& options);
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS(conv1_, act1_, pool1_, conv2_, act2_, pool2_, fc1_, act3_, fc2_, act4_, fc3_)

 private:
  nn::Conv2d conv1_;
  nn::AnyLayer act1_, pool1_;
  nn::AnyLayer conv2_, act2_, pool2_;
  nn::Linear fc1_;
  nn::AnyLayer act3_;
  nn::Linear fc2_;
  nn::AnyLayer act4_, fc3_;
};

nn::LayerPtr make_lenet5(FieldVisitor& visitor, const ModelInput& data);
nn::LayerPtr make_lenet5_published(FieldVisitor& visitor, const ModelInput& data);

}  // namespace lamina::models
