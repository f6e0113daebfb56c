#include "bench/workloads.h"

#include "bench/sequences.h"
#include "lamina/core/error.h"
#include "lamina/core/philox.h"
#include "lamina/models/alexnet.h"
#include "lamina/models/googlenet.h"
#include "lamina/models/lenet5.h"
#include "lamina/models/mlp.h"
#include "lamina/models/resnet.h"
#include "lamina/models/resnet_cifar.h"
#include "lamina/models/unet.h"
#include "lamina/models/vgg.h"
#include "lamina/nn/layers.h"
#include "lamina/ops/ops.h"
#include "lamina/optim/optim.h"

namespace lamina::bench {

namespace {

using namespace nn;
using models::MlpOptions;

// ---- networks ----------------------------------------------------------------------------------

LayerPtr xor_net(double) {
  return std::make_unique<models::Mlp>(MlpOptions{.in = 2, .hidden = {8}, .classes = 1, .activation = "sigmoid"});
}
LayerPtr mlp(double) { return std::make_unique<models::Mlp>(MlpOptions{}); }
LayerPtr lenet5(double) {
  return std::make_unique<models::Lenet5>(models::Lenet5Options{.activation = "tanh", .pooling = "average"});
}
LayerPtr resnet20(double) { return std::make_unique<models::ResnetCifar>(models::ResnetCifarOptions{}); }
LayerPtr resnet50(double) { return std::make_unique<models::Resnet>(models::ResnetOptions{}); }
LayerPtr vgg16(double dropout) { return std::make_unique<models::Vgg>(models::VggOptions{.dropout = dropout}); }
LayerPtr googlenet(double dropout) {
  return std::make_unique<models::Googlenet>(models::GooglenetOptions{.dropout = dropout});
}
LayerPtr alexnet(double dropout) {
  return std::make_unique<models::Alexnet>(
      models::AlexnetOptions{.height = 227, .width = 227, .published = true, .filters = 96, .dropout = dropout});
}
LayerPtr unet(double) {
  return std::make_unique<models::Unet>(models::UnetOptions{
      .channels = 3, .height = 176, .width = 240, .classes = 11, .filters = 32, .depth = 3, .batch_norm = true});
}

LayerPtr mnist_cnn(double) {
  return std::make_unique<Sequential>(Conv2d{{.in = 1, .out = 32, .kernel = 3}}, Relu{}, MaxPool2d{2},
                                      Conv2d{{.in = 32, .out = 64, .kernel = 3}}, Relu{}, MaxPool2d{2}, Flatten{},
                                      Linear{{.in = 1600, .out = 10}});
}

/// Hinton and Salakhutdinov 2006 in shape: the code of 30 units is linear.
LayerPtr deep_autoencoder(double) {
  constexpr int64_t kWidths[] = {784, 1000, 500, 250, 30, 250, 500, 1000, 784};
  auto net = std::make_unique<Sequential>();
  for (int i = 0; i < 8; ++i) {
    net->add(Linear{{.in = kWidths[i], .out = kWidths[i + 1]}});
    if (i == 7) {
      net->add(Sigmoid{});
    } else if (i != 3) {
      net->add(Relu{});
    }
  }
  return net;
}

LayerPtr conv_autoencoder(double) {
  auto net = std::make_unique<Sequential>();
  int64_t in = 3;
  for (int64_t out : {32, 64, 128}) {
    net->add(Conv2d{{.in = in, .out = out, .kernel = 3, .stride = 2, .padding = 1}}).add(Relu{});
    in = out;
  }
  for (int64_t out : {64, 32, 3}) {
    net->add(ConvTranspose2d{{.in = in, .out = out, .kernel = 4, .stride = 2, .padding = 1}});
    if (out == 3) {
      net->add(Sigmoid{});
    } else {
      net->add(Relu{});
    }
    in = out;
  }
  return net;
}

// ---- steps -------------------------------------------------------------------------------------

template <class Optimizer>
std::unique_ptr<optim::Optimizer> make(const typename Optimizer::Options& options) {
  return std::make_unique<Optimizer>(options);
}

std::unique_ptr<optim::Optimizer> sgd() { return make<optim::Sgd>({.lr = 0.01}); }
std::unique_ptr<optim::Optimizer> adam() { return make<optim::Adam>({.lr = 1e-3}); }
std::unique_ptr<optim::Optimizer> momentum() {
  return make<optim::Momentum>({.lr = 0.01, .momentum = 0.9, .weight_decay = 1e-4, .decay_all = true});
}

Tensor cross_entropy(const Tensor& y, const Tensor& t) { return loss::cross_entropy(y, t); }

Training classify(const Shape& target, int64_t classes, std::unique_ptr<optim::Optimizer> (*optimizer)(),
                  double clip = 0) {
  return {[=] { return ids(target, classes); }, cross_entropy, optimizer, clip};
}

TensorMaker pictures(const Shape& shape) {
  return [=] { return normal(shape); };
}
TensorMaker words(const Shape& shape, int64_t vocabulary) {
  return [=] { return ids(shape, vocabulary); };
}
/// In [0, 1], to be reconstructed.
TensorMaker values(const Shape& shape) {
  return [=] { return unit(shape); };
}

/// Labels from 1 on: 0 is the blank.
Tensor characters() { return cast(ids({16, 40}, 27) + 1.0, DType::i64); }

LayerPtr language_model_200(double) { return language_model(10000, 200); }
LayerPtr language_model_650(double) { return language_model(10000, 650); }

std::vector<Workload> tables_of_numbers() {
  const TensorMaker truth_table = [] { return Tensor::from({0, 0, 0, 1, 1, 0, 1, 1}, {4, 2}); };
  const Training exclusive_or{[] { return Tensor::from({0, 1, 1, 0}, {4, 1}); }, loss::bce_with_logits, sgd};
  return {{"xor", "2-8-1 sigmoid MLP, batch 4, BCE, SGD", xor_net, truth_table, exclusive_or},
          {"mlp-b1", "784-300-10 ReLU MLP, batch 1, SGD", mlp, pictures({1, 784}), classify({1}, 10, sgd)},
          {"mlp-sgd", "784-300-10 ReLU MLP, batch 64, SGD", mlp, pictures({64, 784}), classify({64}, 10, sgd)},
          {"mlp-adam", "784-300-10 ReLU MLP, batch 64, Adam", mlp, pictures({64, 784}), classify({64}, 10, adam)},
          {"deep-ae", "784-1000-500-250-30 and back, batch 100, MSE, Adam", deep_autoencoder, values({100, 784}),
           Training{values({100, 784}), loss::mse, adam}}};
}

std::vector<Workload> networks_of_convolutions() {
  return {
      {"lenet5-b1", "LeNet-5, tanh, average pooling, batch 1, momentum", lenet5, pictures({1, 1, 28, 28}),
       classify({1}, 10, momentum)},
      {"lenet5", "LeNet-5, tanh, average pooling, batch 64, momentum", lenet5, pictures({64, 1, 28, 28}),
       classify({64}, 10, momentum)},
      {"mnist-cnn", "32c3-max2-64c3-max2-10, batch 128, Adam", mnist_cnn, pictures({128, 1, 28, 28}),
       classify({128}, 10, adam)},
      {"resnet20", "CIFAR ResNet-20, batch 128, momentum", resnet20, pictures({128, 3, 32, 32}),
       classify({128}, 10, momentum)},
      {"alexnet", "AlexNet, two groups, 227 px, batch 16, momentum", alexnet, pictures({16, 3, 227, 227}),
       classify({16}, 1000, momentum), 0.5},
      {"vgg16", "VGG-16, 224 px, batch 4, momentum", vgg16, pictures({4, 3, 224, 224}), classify({4}, 1000, momentum),
       0.5},
      {"googlenet", "GoogLeNet with batch norm, 224 px, batch 16, momentum", googlenet, pictures({16, 3, 224, 224}),
       classify({16}, 1000, momentum), 0.2},
      {"resnet50", "ResNet-50, 224 px, batch 8, momentum", resnet50, pictures({8, 3, 224, 224}),
       classify({8}, 1000, momentum)},
      {"resnet50-b16", "ResNet-50, 224 px, batch 16, momentum", resnet50, pictures({16, 3, 224, 224}),
       classify({16}, 1000, momentum)},
      {"resnet50-b16-recompute", "the same with memory: recompute", resnet50, pictures({16, 3, 224, 224}),
       classify({16}, 1000, momentum), 0, true},
      {"cae", "3-32-64-128 3×3 stride 2, mirrored 4×4 transposed, 64 px, batch 32, MSE, Adam", conv_autoencoder,
       values({32, 3, 64, 64}), Training{values({32, 3, 64, 64}), loss::mse, adam}},
      {"unet", "U-Net, 4 levels, base 32, batch-norm, 240×176, 11 classes, batch 4, Adam", unet,
       pictures({4, 3, 176, 240}), classify({4, 176, 240}, 11, adam)},
      {"textcnn", "18,000 × 300 embedding, widths 3/4/5 × 100, 56 words, batch 50, dropout, Adam",
       [](double dropout) { return text_cnn(18000, dropout); }, words({50, 56}, 18000), classify({50}, 2, adam), 0.5}};
}

std::vector<Workload> networks_of_sequences() {
  return {
      {"lstm-lm", "LSTM 2×200, 10,000 words, 35 steps, batch 20, SGD, clip 0.25", language_model_200,
       words({35, 20}, 10000), classify({700}, 10000, sgd, 0.25)},
      {"lstm-lm-650", "LSTM 2×650, 10,000 words, 35 steps, batch 20, SGD, clip 0.25", language_model_650,
       words({35, 20}, 10000), classify({700}, 10000, sgd, 0.25)},
      {"seq2seq", "GRU 256 encoder–decoder with additive attention, 15 + 15 of 6,000 words, batch 64, Adam, clip 1",
       [](double) { return translator(6000, 256); }, words({64, 30}, 6000), classify({960}, 6000, adam, 1)},
      {"bilstm-ctc", "2 × bidirectional LSTM 256, 150 frames of 128, batch 16, 28 classes, CTC, Adam, clip 1",
       [](double) { return speech(128, 256, 28); }, pictures({150, 16, 128}), Training{characters, ctc_of, adam, 1}},
      {"forecast", "LSTM 7→64, 96 steps, batch 32, MSE, Adam", [](double) { return forecaster(7, 64); },
       pictures({96, 32, 7}), Training{pictures({32, 7}), loss::mse, adam}}};
}

std::vector<Workload> inference() {
  return {{"infer-lenet5", "LeNet-5, batch 1", lenet5, pictures({1, 1, 28, 28})},
          {"infer-resnet20", "CIFAR ResNet-20, batch 128", resnet20, pictures({128, 3, 32, 32})},
          {"infer-resnet50-b1", "ResNet-50, batch 1", resnet50, pictures({1, 3, 224, 224})},
          {"infer-resnet50-b16", "ResNet-50, batch 16", resnet50, pictures({16, 3, 224, 224})},
          {"infer-vgg16", "VGG-16, batch 1", vgg16, pictures({1, 3, 224, 224})},
          {"infer-alexnet", "AlexNet, two groups, 227 px, batch 16", alexnet, pictures({16, 3, 227, 227})},
          {"infer-googlenet", "GoogLeNet with batch norm, batch 1", googlenet, pictures({1, 3, 224, 224})},
          {"infer-cae", "convolutional autoencoder, batch 32", conv_autoencoder, values({32, 3, 64, 64})},
          {"infer-unet", "U-Net, 240×176, batch 1", unet, pictures({1, 3, 176, 240})},
          {"infer-lstm", "LSTM 2×200, 10,000 words, 35 steps, batch 1", language_model_200, words({35, 1}, 10000)}};
}

}  // namespace

Tensor normal(const Shape& shape) {
  Philox random(7);
  std::vector<float> v(static_cast<size_t>(shape.numel()));
  for (float& x : v) x = static_cast<float>(random.normal());
  return Tensor::from(v, shape);
}

Tensor unit(const Shape& shape) {
  Philox random(11);
  std::vector<float> v(static_cast<size_t>(shape.numel()));
  for (float& x : v) x = static_cast<float>(random.uniform());
  return Tensor::from(v, shape);
}

Tensor ids(const Shape& shape, int64_t below) {
  Philox random(13);
  std::vector<int64_t> v(static_cast<size_t>(shape.numel()));
  for (int64_t& x : v) x = static_cast<int64_t>(random.below(static_cast<uint64_t>(below)));
  return Tensor::from(v, shape);
}

const std::vector<Workload>& workloads() {
  static const std::vector<Workload> list = [] {
    std::vector<Workload> all;
    for (auto group : {tables_of_numbers, networks_of_convolutions, networks_of_sequences, inference}) {
      for (Workload& w : group()) all.push_back(std::move(w));
    }
    return all;
  }();
  return list;
}

const Workload& find_workload(const std::string& name) {
  NameList names;
  for (const Workload& w : workloads()) {
    if (w.name == name) return w;
    names.add(w.name);
  }
  const std::string nearest = names.nearest(name);
  throw Error("bench", "there is no workload \"" + name + "\"")
      .hint((nearest.empty() ? "" : "did you mean \"" + nearest + "\"? ") + "there are: " + names.str());
}

std::vector<const Workload*> chosen_workloads(const std::vector<std::string>& only) {
  std::vector<const Workload*> list;
  for (const std::string& name : only) list.push_back(&find_workload(name));
  for (const Workload& w : workloads()) {
    if (only.empty()) list.push_back(&w);
  }
  return list;
}

}  // namespace lamina::bench
