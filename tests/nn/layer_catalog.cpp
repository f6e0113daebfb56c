#include "layer_catalog.h"

#include "lamina/nn/init.h"
#include "lamina/ops/pointwise.h"

namespace lamina::nn {

namespace {

template <class L>
std::function<LayerPtr()> of(L layer) {
  // A layer of its own for each test.
  return [layer] { return clone(static_cast<const Layer&>(layer)); };
}

const std::vector<std::string> kWeightBias{"weight", "bias"};
const std::vector<std::string> kBatchNorm{"weight", "bias", "running_mean", "running_var", "num_batches_tracked"};

std::vector<LayerRecord> convolutions() {
  return {
      {"Linear", of(Linear{{.in = 5, .out = 3}}), kWeightBias, 18},
      {"Linear/no bias, three axes", of(Linear{{.in = 5, .out = 3, .bias = false}}), {"weight"}, 15},
      {"Conv1d", of(Conv1d{{.in = 4, .out = 6, .kernel = 3, .stride = 2, .padding = 1, .dilation = 2}}), kWeightBias,
       78},
      {"Conv2d", of(Conv2d{{.in = 4, .out = 6, .kernel = 3}}), kWeightBias, 222},
      {"Conv2d/uneven",
       of(Conv2d{{.in = 4,
                  .out = 6,
                  .kernel = {3, 2},
                  .stride = {2, 1},
                  .padding = {1, 2},
                  .dilation = {1, 2},
                  .groups = 2}}),
       kWeightBias, 78},
      {"Conv2d/depthwise",
       of(Conv2d{{.in = 4, .out = 4, .kernel = 3, .padding = 1, .groups = 4, .bias = false}}),
       {"weight"},
       36},
      {"Conv3d", of(Conv3d{{.in = 4, .out = 2, .kernel = 3, .stride = 2, .padding = 1}}), kWeightBias, 218},
      {"ConvTranspose1d",
       of(ConvTranspose1d{{.in = 4, .out = 3, .kernel = 3, .stride = 2, .padding = 1, .output_padding = 1}}),
       kWeightBias, 39},
      {"ConvTranspose2d",
       of(ConvTranspose2d{
           {.in = 4, .out = 6, .kernel = {3, 2}, .stride = 2, .padding = {1, 0}, .dilation = {1, 2}, .groups = 2}}),
       kWeightBias, 78},
      {"ConvTranspose3d", of(ConvTranspose3d{{.in = 4, .out = 2, .kernel = 2, .stride = 2}}), kWeightBias, 66},
  };
}

std::vector<LayerRecord> poolings() {
  return {
      {"MaxPool1d", of(MaxPool1d{{.kernel = 3, .stride = 2}})},
      {"MaxPool2d", of(MaxPool2d{2})},
      {"MaxPool2d/padded", of(MaxPool2d{{.kernel = 3, .stride = 2, .padding = 1, .ceil_mode = true}})},
      {"MaxPool2d/dilated", of(MaxPool2d{{.kernel = {2, 3}, .stride = 1, .dilation = {2, 1}}})},
      {"MaxPool3d", of(MaxPool3d{2})},
      {"AvgPool1d", of(AvgPool1d{{.kernel = 3, .stride = 2, .padding = 1}})},
      {"AvgPool2d", of(AvgPool2d{2})},
      {"AvgPool2d/padding not counted",
       of(AvgPool2d{{.kernel = 3, .stride = 2, .padding = 1, .count_include_pad = false}})},
      {"AvgPool3d", of(AvgPool3d{{.kernel = 2, .stride = 1}})},
      {"AdaptiveAvgPool", of(AdaptiveAvgPool{{.out = {3, 4}}})},
      {"AdaptiveMaxPool", of(AdaptiveMaxPool{{.out = {3, 4}}})},
      {"GlobalAvgPool", of(GlobalAvgPool{})},
      {"GlobalMaxPool", of(GlobalMaxPool{})},
  };
}

std::vector<LayerRecord> normalizations() {
  return {
      {"BatchNorm1d", of(BatchNorm1d{4}), kBatchNorm, 8},
      {"BatchNorm1d/sequences",
       of(BatchNorm1d{{.channels = 4, .momentum = 0.3, .affine = false}}),
       {"running_mean", "running_var", "num_batches_tracked"}},
      {"BatchNorm2d", of(BatchNorm2d{4}), kBatchNorm, 8},
      {"BatchNorm2d/cumulative", of(BatchNorm2d{{.channels = 4, .cumulative = true}}), kBatchNorm, 8},
      {"BatchNorm2d/untracked", of(BatchNorm2d{{.channels = 4, .eps = 1e-3, .track = false}}), kWeightBias, 8},
      {"BatchNorm3d", of(BatchNorm3d{4}), kBatchNorm, 8},
      {"LayerNorm", of(LayerNorm{6}), kWeightBias, 12},
      {"LayerNorm/two axes", of(LayerNorm{{.shape = {5, 6}, .eps = 1e-3}}), kWeightBias, 60},
      {"GroupNorm", of(GroupNorm{{.groups = 2, .channels = 4}}), kWeightBias, 8},
      {"InstanceNorm", of(InstanceNorm{4})},
      {"InstanceNorm/affine", of(InstanceNorm{{.channels = 4, .affine = true}}), kWeightBias, 8},
      {"LocalResponseNorm", of(LocalResponseNorm{{.size = 3, .alpha = 0.2, .beta = 0.6, .k = 1.5}})},
      {"LocalResponseNorm/even size", of(LocalResponseNorm{{.size = 2, .alpha = 0.2}})},
  };
}

std::vector<LayerRecord> activations() {
  return {
      {"Relu", of(Relu{})},
      {"LeakyRelu", of(LeakyRelu{0.1})},
      {"Prelu", of(Prelu{}), {"weight"}, 1},
      {"Prelu/per channel", of(Prelu{{.channels = 4}}), {"weight"}, 4},
      {"Elu", of(Elu{0.7})},
      {"Selu", of(Selu{})},
      {"Gelu", of(Gelu{})},
      {"Gelu/tanh", of(Gelu{{.tanh_form = true}})},
      {"Silu", of(Silu{})},
      {"Softplus", of(Softplus{})},
      {"Sigmoid", of(Sigmoid{})},
      {"LogSigmoid", of(LogSigmoid{})},
      {"Tanh", of(Tanh{})},
      {"Hardtanh", of(Hardtanh{{.low = -0.5, .high = 0.8}})},
      {"HardSigmoid", of(HardSigmoid{})},
      {"HardSwish", of(HardSwish{})},
      {"Softmax", of(Softmax{1})},
      {"LogSoftmax", of(LogSoftmax{})},
  };
}

std::vector<LayerRecord> others() {
  Sequential block;
  block.add(Conv2d{{.in = 4, .out = 6, .kernel = 3, .padding = 1}}).add(BatchNorm2d{6});
  return {
      {"Embedding", of(Embedding{{.rows = 7, .dim = 3, .padding_id = 2}}), {"weight"}, 21},
      {"Dropout", of(Dropout{0.4})},
      {"SpatialDropout", of(SpatialDropout{0.4})},
      {"Flatten", of(Flatten{})},
      {"Reshape", of(Reshape{{.shape = {8, 15}}})},
      {"PixelShuffle", of(PixelShuffle{2})},
      {"Identity", of(Identity{})},
      {"Sequential",
       of(Sequential{Conv2d{{.in = 4, .out = 3, .kernel = 3}}, Tanh{}, Flatten{}, Linear{{.in = 36, .out = 5}}}),
       {"0.weight", "0.bias", "3.weight", "3.bias"},
       296},
      {"Residual",
       of(Residual{block, Conv2d{{.in = 4, .out = 6, .kernel = 1}}}),
       {"body.0.weight", "body.0.bias", "body.1.weight", "body.1.bias", "body.1.running_mean", "body.1.running_var",
        "body.1.num_batches_tracked", "shortcut.weight", "shortcut.bias"},
       264},
      {"Branches",
       of(Branches{Conv2d{{.in = 4, .out = 2, .kernel = 3, .padding = 1}},
                   AvgPool2d{{.kernel = 3, .stride = 1, .padding = 1}}}),
       {"0.weight", "0.bias"},
       74},
      {"Lambda", of(Lambda{[](const Tensor& x) { return x * 2.0 + 1.0; }, "2x + 1"})},
  };
}

/// Parameters of one layer, by its suffixes: "_l0", "_l0_reverse".
std::vector<std::string> recurrent(const std::vector<std::string>& suffixes, bool bias = true,
                                   bool projection = false) {
  std::vector<std::string> names;
  for (const std::string& s : suffixes) {
    for (const char* name : {"weight_ih", "weight_hh"}) names.push_back(name + s);
    if (bias) names.insert(names.end(), {"bias_ih" + s, "bias_hh" + s});
    if (projection) names.push_back("weight_hr" + s);
  }
  return names;
}

std::vector<LayerRecord> sequences() {
  const std::vector<std::string> one{"_l0"}, two{"_l0", "_l1"}, four{"_l0", "_l0_reverse", "_l1", "_l1_reverse"};
  const std::vector<std::string> cell = recurrent({""});
  return {
      {"Lstm", of(Lstm{{.in = 4, .hidden = 6}}), recurrent(one), 288},
      {"Lstm/two layers, both directions", of(Lstm{{.in = 4, .hidden = 3, .layers = 2, .bidirectional = true}}),
       recurrent(four), 2 * (84 + 24) + 2 * (108 + 24)},
      {"Lstm/no bias, last",
       of(Lstm{{.in = 4, .hidden = 3, .layers = 2, .bias = false, .bidirectional = true, .output = "last"}}),
       recurrent(four, false), 2 * 84 + 2 * 108},
      {"Lstm/projection", of(Lstm{{.in = 4, .hidden = 6, .layers = 2, .projection = 3}}), recurrent(two, true, true),
       24 * 4 + 24 * 3 + 48 + 18 + 24 * 3 + 24 * 3 + 48 + 18},
      {"Gru", of(Gru{{.in = 4, .hidden = 6}}), recurrent(one), 216},
      {"Gru/two layers, both directions", of(Gru{{.in = 4, .hidden = 3, .layers = 2, .bidirectional = true}}),
       recurrent(four), 2 * (63 + 18) + 2 * (81 + 18)},
      {"Gru/no bias, last", of(Gru{{.in = 4, .hidden = 3, .bias = false, .output = "last"}}), recurrent(one, false),
       63},
      {"Rnn", of(Rnn{{.in = 4, .hidden = 6}}), recurrent(one), 72},
      {"Rnn/relu, two layers, both directions",
       of(Rnn{{.in = 4, .hidden = 3, .layers = 2, .bidirectional = true, .nonlinearity = "relu"}}), recurrent(four),
       2 * (21 + 6) + 2 * (27 + 6)},
      {"LstmCell", of(LstmCell{{.in = 4, .hidden = 3}}), cell, 108},
      {"GruCell", of(GruCell{{.in = 4, .hidden = 3}}), cell, 81},
      {"RnnCell", of(RnnCell{{.in = 4, .hidden = 3}}), cell, 27},
      {"RnnCell/relu", of(RnnCell{{.in = 4, .hidden = 3, .nonlinearity = "relu"}}), cell, 27},
      {"AdaptiveSoftmax",
       of(AdaptiveSoftmax{{.in = 8, .classes = 12, .cutoffs = {4, 9}, .div_value = 2}}),
       {"head.weight", "tail.0.0.weight", "tail.0.1.weight", "tail.1.0.weight", "tail.1.1.weight"},
       48 + 32 + 20 + 16 + 6},
      {"SampledSoftmax", of(SampledSoftmax{{.in = 4, .classes = 6}}), kWeightBias, 30},
      {"Last", of(Last{})},
      {"PoolOverTime", of(PoolOverTime{})},
      {"PoolOverTime/mean", of(PoolOverTime{{.mode = "mean"}})},
  };
}

}  // namespace

const std::vector<LayerRecord>& layer_catalog() {
  static const std::vector<LayerRecord> catalog = [] {
    seed(5);
    std::vector<LayerRecord> all;
    for (auto part : {convolutions, poolings, normalizations, activations, others, sequences}) {
      for (LayerRecord& r : part()) all.push_back(std::move(r));
    }
    return all;
  }();
  return catalog;
}

}  // namespace lamina::nn
