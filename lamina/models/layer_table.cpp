// The layers that recipes can name. What a layer takes in follows from the shape before it.
#include <concepts>

#include "lamina/core/error.h"
#include "lamina/models/registry.h"
#include "lamina/nn/layers.h"

namespace lamina::models {

namespace {

/// Extent of the channels of [channels, spatial…] with so many spatial axes; 0 where nothing is known.
int64_t channels(const ModelInput& data, int axes, const char* kind) {
  if (data.input.empty()) return 0;
  if (data.input.rank() != axes + 1) {
    throw Error(kind, "takes inputs of " + std::to_string(axes + 1) + " axes (channels and " + std::to_string(axes) +
                          " spatial), they have shape " + data.input.str());
  }
  return data.input[0];
}

/// A number that the recipe must give.
constexpr int64_t kMissing = 0;

template <class L>
nn::LayerPtr plain(FieldVisitor&, const ModelInput&) {
  return std::make_unique<L>();
}

template <class L>
nn::LayerPtr with_options(FieldVisitor& visitor, const ModelInput&) {
  typename L::Options o;
  o.visit(visitor);
  return std::make_unique<L>(o);
}

nn::LayerPtr make_linear(FieldVisitor& visitor, const ModelInput& data) {
  nn::LinearOptions o{.in = data.input.empty() ? 0 : data.input.back(), .out = data.outputs};
  o.visit(visitor);
  return std::make_unique<nn::Linear>(o);
}

template <class L, int axes>
nn::LayerPtr make_conv(FieldVisitor& visitor, const ModelInput& data) {
  typename L::Options o{.in = channels(data, axes, "a convolution"), .out = kMissing, .kernel = 3};
  o.visit(visitor);
  return std::make_unique<L>(o);
}

template <class L>
nn::LayerPtr make_pool(FieldVisitor& visitor, const ModelInput&) {
  typename L::Options o{.kernel = 2};
  o.visit(visitor);
  return std::make_unique<L>(o);
}

nn::LayerPtr make_adaptive_avg(FieldVisitor& visitor, const ModelInput&) {
  nn::AdaptivePoolOptions o{.out = 1};
  o.visit(visitor);
  return std::make_unique<nn::AdaptiveAvgPool>(o);
}

nn::LayerPtr make_adaptive_max(FieldVisitor& visitor, const ModelInput&) {
  nn::AdaptivePoolOptions o{.out = 1};
  o.visit(visitor);
  return std::make_unique<nn::AdaptiveMaxPool>(o);
}

/// Layers whose only inferred option is the number of channels, the first axis of any shape.
template <class L>
nn::LayerPtr make_norm(FieldVisitor& visitor, const ModelInput& data) {
  typename L::Options o{.channels = data.input.empty() ? 0 : data.input[0]};
  o.visit(visitor);
  return std::make_unique<L>(o);
}

nn::LayerPtr make_group_norm(FieldVisitor& visitor, const ModelInput& data) {
  nn::GroupNormOptions o{.groups = 1, .channels = data.input.empty() ? 0 : data.input[0]};
  o.visit(visitor);
  return std::make_unique<nn::GroupNorm>(o);
}

nn::LayerPtr make_layer_norm(FieldVisitor& visitor, const ModelInput& data) {
  nn::LayerNormOptions o{.shape = data.input.empty() ? 0 : data.input.back()};
  o.visit(visitor);
  return std::make_unique<nn::LayerNorm>(o);
}

nn::LayerPtr make_response_norm(FieldVisitor& visitor, const ModelInput&) {
  nn::LocalResponseNormOptions o{.size = 5};
  o.visit(visitor);
  return std::make_unique<nn::LocalResponseNorm>(o);
}

template <class L>
nn::LayerPtr make_recurrent(FieldVisitor& visitor, const ModelInput& data) {
  typename L::Options o{.in = data.input.empty() ? 0 : data.input.back(), .hidden = kMissing};
  o.visit(visitor);
  return std::make_unique<L>(o);
}

nn::LayerPtr make_adaptive_softmax(FieldVisitor& visitor, const ModelInput& data) {
  nn::AdaptiveSoftmaxOptions o{.in = data.input.empty() ? 0 : data.input.back(), .classes = data.outputs};
  o.visit(visitor);
  return std::make_unique<nn::AdaptiveSoftmax>(o);
}

nn::LayerPtr make_embedding(FieldVisitor& visitor, const ModelInput&) {
  nn::EmbeddingOptions o{.rows = kMissing, .dim = kMissing};
  o.visit(visitor);
  return std::make_unique<nn::Embedding>(o);
}

}  // namespace

std::span<const Entry<nn::Layer, ModelInput>> layer_table() {
  using E = Entry<nn::Layer, ModelInput>;
  static constexpr E kTable[] = {
      {"linear", "x·weightᵀ + bias over the last axis; out: default, as many as the data has classes", make_linear},
      {"conv1d", "convolution over [channels, length]", make_conv<nn::Conv1d, 1>},
      {"conv2d", "convolution over [channels, height, width]", make_conv<nn::Conv2d, 2>},
      {"conv3d", "convolution over [channels, depth, height, width]", make_conv<nn::Conv3d, 3>},
      {"conv_transpose1d", "adjoint of conv1d", make_conv<nn::ConvTranspose1d, 1>},
      {"conv_transpose2d", "adjoint of conv2d", make_conv<nn::ConvTranspose2d, 2>},
      {"conv_transpose3d", "adjoint of conv3d", make_conv<nn::ConvTranspose3d, 3>},
      {"max_pool1d", "maximum of each window", make_pool<nn::MaxPool1d>},
      {"max_pool2d", "maximum of each window", make_pool<nn::MaxPool2d>},
      {"max_pool3d", "maximum of each window", make_pool<nn::MaxPool3d>},
      {"avg_pool1d", "mean of each window", make_pool<nn::AvgPool1d>},
      {"avg_pool2d", "mean of each window", make_pool<nn::AvgPool2d>},
      {"avg_pool3d", "mean of each window", make_pool<nn::AvgPool3d>},
      {"adaptive_avg_pool", "means, windows chosen for the extents `out`", make_adaptive_avg},
      {"adaptive_max_pool", "maxima, windows chosen for the extents `out`", make_adaptive_max},
      {"global_avg_pool", "mean over all spatial axes", plain<nn::GlobalAvgPool>},
      {"global_max_pool", "maximum over all spatial axes", plain<nn::GlobalMaxPool>},
      {"batch_norm1d", "per channel, over the batch (Ioffe and Szegedy 2015)", make_norm<nn::BatchNorm1d>},
      {"batch_norm2d", "per channel, over batch and image (Ioffe and Szegedy 2015)", make_norm<nn::BatchNorm2d>},
      {"batch_norm3d", "per channel, over batch and volume (Ioffe and Szegedy 2015)", make_norm<nn::BatchNorm3d>},
      {"layer_norm", "over the trailing axes (Ba, Kiros and Hinton 2016)", make_layer_norm},
      {"group_norm", "over groups of channels (Wu and He 2018)", make_group_norm},
      {"instance_norm", "each channel of each sample (Ulyanov et al. 2016)", make_norm<nn::InstanceNorm>},
      {"local_response_norm", "over neighbouring channels (Krizhevsky et al. 2012)", make_response_norm},
      {"dropout", "zeroes elements in training (Srivastava et al. 2014)", with_options<nn::Dropout>},
      {"spatial_dropout", "zeroes whole channels in training (Tompson et al. 2015)", with_options<nn::SpatialDropout>},
      {"embedding", "a vector for each number", make_embedding},
      {"lstm", "long short-term memory over [steps, features] (Hochreiter and Schmidhuber 1997)",
       make_recurrent<nn::Lstm>},
      {"gru", "gated recurrent units over [steps, features] (Cho et al. 2014)", make_recurrent<nn::Gru>},
      {"rnn", "the plain recurrent network over [steps, features] (Elman 1990)", make_recurrent<nn::Rnn>},
      {"last", "the last step", plain<nn::Last>},
      {"pool_over_time", "maximum or mean over the steps", with_options<nn::PoolOverTime>},
      {"adaptive_softmax", "log-probabilities of many classes (Grave et al. 2017); classes: default, those of the data",
       make_adaptive_softmax},
      {"flatten", "all axes of an example into one", with_options<nn::Flatten>},
      {"reshape", "another shape of an example", with_options<nn::Reshape>},
      {"pixel_shuffle", "channels into squares of pixels (Shi et al. 2016)", with_options<nn::PixelShuffle>},
      {"identity", "nothing", plain<nn::Identity>},
      {"relu", "max(0, x)", plain<nn::Relu>},
      {"leaky_relu", "x, or slope·x below 0", with_options<nn::LeakyRelu>},
      {"prelu", "leaky_relu with a learned slope (He et al. 2015)", with_options<nn::Prelu>},
      {"elu", "x, or alpha·(eˣ − 1) below 0 (Clevert et al. 2016)", with_options<nn::Elu>},
      {"selu", "scaled elu (Klambauer et al. 2017)", plain<nn::Selu>},
      {"gelu", "x·Φ(x) (Hendrycks and Gimpel 2016)", with_options<nn::Gelu>},
      {"silu", "x·sigmoid(x)", plain<nn::Silu>},
      {"softplus", "log(1 + eˣ)", plain<nn::Softplus>},
      {"sigmoid", "1/(1 + e⁻ˣ)", plain<nn::Sigmoid>},
      {"log_sigmoid", "log sigmoid(x)", plain<nn::LogSigmoid>},
      {"tanh", "hyperbolic tangent", plain<nn::Tanh>},
      {"hardtanh", "clamp(x, low, high)", with_options<nn::Hardtanh>},
      {"hard_sigmoid", "clamp(x/6 + 1/2, 0, 1)", plain<nn::HardSigmoid>},
      {"hard_swish", "x·hard_sigmoid(x) (Howard et al. 2019)", plain<nn::HardSwish>},
      {"softmax", "e^xᵢ / Σ e^xⱼ along an axis", with_options<nn::Softmax>},
      {"log_softmax", "log softmax(x) along an axis", with_options<nn::LogSoftmax>},
  };
  return kTable;
}

}  // namespace lamina::models
