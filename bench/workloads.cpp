#include "bench/workloads.h"

#include "bench/sequences.h"
#include "lamina/core/philox.h"
#include "lamina/nn/layers.h"
#include "lamina/ops/ops.h"
#include "lamina/optim/optim.h"

namespace lamina::bench {

namespace {

using namespace nn;

// ---- data --------------------------------------------------------------------------------------

Tensor normal(const Shape& shape) {
  Philox random(7);
  std::vector<double> v(static_cast<size_t>(shape.numel()));
  for (double& x : v) x = random.normal();
  return Tensor::from(v, shape, DType::f32);
}

Tensor unit(const Shape& shape) {
  Philox random(11);
  std::vector<double> v(static_cast<size_t>(shape.numel()));
  for (double& x : v) x = random.uniform();
  return Tensor::from(v, shape, DType::f32);
}

Tensor ids(const Shape& shape, int64_t below) {
  Philox random(13);
  std::vector<int64_t> v(static_cast<size_t>(shape.numel()));
  for (int64_t& x : v) x = static_cast<int64_t>(random.below(static_cast<uint64_t>(below)));
  return Tensor::from(v, shape);
}

// ---- networks ----------------------------------------------------------------------------------

struct ConvBn {
  int64_t in, out, kernel, stride = 1, padding = 0;
};

void add(Sequential& net, const ConvBn& o) {
  net.add(
      Conv2d{{.in = o.in, .out = o.out, .kernel = o.kernel, .stride = o.stride, .padding = o.padding, .bias = false}});
  net.add(BatchNorm2d{o.out});
}

Sequential conv_bn(const ConvBn& o) {
  Sequential net;
  add(net, o);
  return net;
}

AnyLayer shortcut(int64_t in, int64_t out, int64_t stride) {
  if (in == out && stride == 1) return {};
  return conv_bn({in, out, 1, stride, 0});
}

Sequential resnet20() {
  Sequential net;
  add(net, {3, 16, 3, 1, 1});
  net.add(Relu{});
  int64_t in = 16;
  for (int64_t out : {16, 32, 64}) {
    for (int block = 0; block < 3; ++block) {
      const int64_t stride = block == 0 && out != 16 ? 2 : 1;
      Sequential body;
      add(body, {in, out, 3, stride, 1});
      body.add(Relu{});
      add(body, {out, out, 3, 1, 1});
      net.add(Residual{body, shortcut(in, out, stride)});
      net.add(Relu{});
      in = out;
    }
  }
  return net.add(GlobalAvgPool{}).add(Linear{{.in = 64, .out = 10}});
}

Sequential resnet50() {
  Sequential net;
  add(net, {3, 64, 7, 2, 3});
  net.add(Relu{}).add(MaxPool2d{{.kernel = 3, .stride = 2, .padding = 1}});
  struct Stage {
    int64_t width, blocks, stride;
  };
  int64_t in = 64;
  for (const Stage& s : {Stage{64, 3, 1}, {128, 4, 2}, {256, 6, 2}, {512, 3, 2}}) {
    for (int64_t block = 0; block < s.blocks; ++block) {
      const int64_t stride = block == 0 ? s.stride : 1, out = 4 * s.width;
      Sequential body;
      add(body, {in, s.width, 1});
      body.add(Relu{});
      add(body, {s.width, s.width, 3, stride, 1});
      body.add(Relu{});
      add(body, {s.width, out, 1});
      net.add(Residual{body, shortcut(in, out, stride)});
      net.add(Relu{});
      in = out;
    }
  }
  return net.add(GlobalAvgPool{}).add(Linear{{.in = 2048, .out = 1000}});
}

Sequential vgg16() {
  Sequential net;
  int64_t in = 3;
  for (int64_t c : {64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0}) {
    if (c == 0) {
      net.add(MaxPool2d{2});
      continue;
    }
    net.add(Conv2d{{.in = in, .out = c, .kernel = 3, .padding = 1}}).add(Relu{});
    in = c;
  }
  net.add(Flatten{}).add(Linear{{.in = 25088, .out = 4096}}).add(Relu{}).add(Dropout{0.5});
  net.add(Linear{{.in = 4096, .out = 4096}}).add(Relu{}).add(Dropout{0.5});
  return net.add(Linear{{.in = 4096, .out = 1000}});
}

Sequential alexnet() {
  const auto lrn = [] { return LocalResponseNorm{{.size = 5, .alpha = 1e-4, .beta = 0.75, .k = 2}}; };
  Sequential net;
  net.add(Conv2d{{.in = 3, .out = 96, .kernel = 11, .stride = 4, .padding = 2}}).add(Relu{}).add(lrn());
  net.add(MaxPool2d{{.kernel = 3, .stride = 2}});
  net.add(Conv2d{{.in = 96, .out = 256, .kernel = 5, .padding = 2, .groups = 2}}).add(Relu{}).add(lrn());
  net.add(MaxPool2d{{.kernel = 3, .stride = 2}});
  net.add(Conv2d{{.in = 256, .out = 384, .kernel = 3, .padding = 1}}).add(Relu{});
  net.add(Conv2d{{.in = 384, .out = 384, .kernel = 3, .padding = 1, .groups = 2}}).add(Relu{});
  net.add(Conv2d{{.in = 384, .out = 256, .kernel = 3, .padding = 1, .groups = 2}}).add(Relu{});
  net.add(MaxPool2d{{.kernel = 3, .stride = 2}}).add(Flatten{});
  net.add(Linear{{.in = 9216, .out = 4096}}).add(Relu{}).add(Dropout{0.5});
  net.add(Linear{{.in = 4096, .out = 4096}}).add(Relu{}).add(Dropout{0.5});
  return net.add(Linear{{.in = 4096, .out = 1000}});
}

Sequential lenet5() {
  return Sequential{Conv2d{{.in = 1, .out = 6, .kernel = 5, .padding = 2}},
                    Tanh{},
                    AvgPool2d{2},
                    Conv2d{{.in = 6, .out = 16, .kernel = 5}},
                    Tanh{},
                    AvgPool2d{2},
                    Flatten{},
                    Linear{{.in = 400, .out = 120}},
                    Tanh{},
                    Linear{{.in = 120, .out = 84}},
                    Tanh{},
                    Linear{{.in = 84, .out = 10}}};
}

Sequential mnist_cnn() {
  return Sequential{Conv2d{{.in = 1, .out = 32, .kernel = 3}},
                    Relu{},
                    MaxPool2d{2},
                    Conv2d{{.in = 32, .out = 64, .kernel = 3}},
                    Relu{},
                    MaxPool2d{2},
                    Flatten{},
                    Linear{{.in = 1600, .out = 10}}};
}

Sequential mlp() { return Sequential{Linear{{.in = 784, .out = 300}}, Relu{}, Linear{{.in = 300, .out = 10}}}; }

Sequential deep_autoencoder() {
  constexpr int64_t kWidths[] = {784, 1000, 500, 250, 30, 250, 500, 1000, 784};
  Sequential net;
  for (int i = 0; i < 8; ++i) {
    net.add(Linear{{.in = kWidths[i], .out = kWidths[i + 1]}});
    if (i == 7) {
      net.add(Sigmoid{});
    } else if (i != 3) {
      net.add(Relu{});
    }
  }
  return net;
}

Sequential conv_autoencoder() {
  Sequential net;
  int64_t in = 3;
  for (int64_t out : {32, 64, 128}) {
    net.add(Conv2d{{.in = in, .out = out, .kernel = 3, .stride = 2, .padding = 1}}).add(Relu{});
    in = out;
  }
  for (int64_t out : {64, 32, 3}) {
    net.add(ConvTranspose2d{{.in = in, .out = out, .kernel = 4, .stride = 2, .padding = 1}});
    if (out == 3) {
      net.add(Sigmoid{});
    } else {
      net.add(Relu{});
    }
    in = out;
  }
  return net;
}

/// Ronneberger et al. 2015 with batch normalization: each level halves the picture and doubles the width.
class UNet final : public Layer {
 public:
  UNet(int64_t classes, int64_t width, int levels) {
    int64_t in = 3;
    for (int i = 0; i < levels; ++i) {
      down_.add(stage(in, width << i));
      in = width << i;
    }
    for (int i = levels - 2; i >= 0; --i) {
      up_.add(ConvTranspose2d{{.in = width << (i + 1), .out = width << i, .kernel = 2, .stride = 2}});
      join_.add(stage(width << (i + 1), width << i));
    }
    head_.add(Conv2d{{.in = width, .out = classes, .kernel = 1}});
  }

  Tensor forward(const Tensor& x) override {
    Tensors skips{down_[0](x)};
    for (size_t i = 1; i < down_.size(); ++i) skips.push_back(down_[i](max_pool(skips.back())));
    Tensor y = skips.back();
    for (size_t i = 0; i < up_.size(); ++i) y = join_[i](concat({up_[i](y), skips[skips.size() - 2 - i]}, 1));
    return head_(y);
  }
  LAMINA_FIELDS(down_, up_, join_, head_)

 private:
  static Sequential stage(int64_t in, int64_t out) {
    Sequential net;
    add(net, {in, out, 3, 1, 1});
    net.add(Relu{});
    add(net, {out, out, 3, 1, 1});
    return net.add(Relu{});
  }
  Sequential down_, up_, join_, head_;
};

/// Kim 2014: convolutions of several widths over embedded words, each reduced to its largest response.
class TextCnn final : public Layer {
 public:
  explicit TextCnn(double dropout) : dropout_(dropout) {
    for (int64_t width : {3, 4, 5}) convolutions_.add(Conv1d{{.in = 300, .out = 100, .kernel = width}});
  }

  Tensor forward(const Tensor& x) override {
    const Tensor words = transpose(words_(x), 1, 2);  // [n, 300, 56]
    Tensors responses;
    for (size_t i = 0; i < convolutions_.size(); ++i) responses.push_back(amax(relu(convolutions_[i](words)), {2}));
    return head_(dropout_(concat(responses, 1)));
  }
  LAMINA_FIELDS(words_, convolutions_, dropout_, head_)

 private:
  Embedding words_{{.rows = 18000, .dim = 300}};
  Sequential convolutions_;
  Dropout dropout_;
  Linear head_{{.in = 300, .out = 2}};
};

// ---- steps -------------------------------------------------------------------------------------

Tensor cross_entropy_of(const Tensor& y, const Tensor& t) { return loss::cross_entropy(y, t); }

template <class L>
Workload training(const L& net, const Tensor& x, const Tensor& y, LossFn loss, const optim::Optimizer& optimizer) {
  return {std::make_unique<L>(net), x, y, std::move(loss), optimizer.copy()};
}

template <class L>
Workload inference(const L& net, const Tensor& x) {
  return {std::make_unique<L>(net), x, {}, {}, {}};
}

optim::Sgd sgd() { return optim::Sgd{{.lr = 0.01}}; }
optim::Adam adam() { return optim::Adam{{.lr = 1e-3}}; }
optim::Momentum momentum() {
  return optim::Momentum{{.lr = 0.01, .momentum = 0.9, .weight_decay = 1e-4, .decay_all = true}};
}

Workload recurrent(nn::LayerPtr net, const Tensor& x, const Tensor& y, LossFn loss, const optim::Optimizer& optimizer,
                   double clip) {
  return {std::move(net), x, y, std::move(loss), optimizer.copy(), clip};
}

Workload language_step(int64_t width) {
  return recurrent(language_model(10000, width), ids({35, 20}, 10000), ids({700}, 10000), cross_entropy_of, sgd(),
                   0.25);
}

/// Labels from 1 on: 0 is the blank.
Tensor characters(const Shape& shape) { return cast(ids(shape, 27) + 1.0, DType::i64); }

Workload xor_step(double) {
  const Tensor x = Tensor::from({0, 0, 0, 1, 1, 0, 1, 1}, {4, 2}), y = Tensor::from({0, 1, 1, 0}, {4, 1});
  return training(Sequential{Linear{{.in = 2, .out = 8}}, Sigmoid{}, Linear{{.in = 8, .out = 1}}}, x, y,
                  loss::bce_with_logits, sgd());
}

Workload reconstruction(const auto& net, const Tensor& x) { return training(net, x, x, loss::mse, adam()); }

}  // namespace

const std::vector<WorkloadEntry>& workloads() {
  static const std::vector<WorkloadEntry> list{
      {"xor", "2-8-1 sigmoid MLP, batch 4, BCE, SGD", xor_step},
      {"mlp-b1", "784-300-10 ReLU MLP, batch 1, cross-entropy, SGD",
       [](double) { return training(mlp(), normal({1, 784}), ids({1}, 10), cross_entropy_of, sgd()); }},
      {"mlp-sgd", "784-300-10 ReLU MLP, batch 64, cross-entropy, SGD",
       [](double) { return training(mlp(), normal({64, 784}), ids({64}, 10), cross_entropy_of, sgd()); }},
      {"mlp-adam", "784-300-10 ReLU MLP, batch 64, cross-entropy, Adam",
       [](double) { return training(mlp(), normal({64, 784}), ids({64}, 10), cross_entropy_of, adam()); }},
      {"deep-ae", "784-1000-500-250-30 and back, batch 100, MSE, Adam",
       [](double) { return reconstruction(deep_autoencoder(), unit({100, 784})); }},
      {"lenet5-b1", "LeNet-5, batch 1, cross-entropy, momentum",
       [](double) { return training(lenet5(), normal({1, 1, 28, 28}), ids({1}, 10), cross_entropy_of, momentum()); }},
      {"lenet5", "LeNet-5, batch 64, cross-entropy, momentum",
       [](double) { return training(lenet5(), normal({64, 1, 28, 28}), ids({64}, 10), cross_entropy_of, momentum()); }},
      {"mnist-cnn", "32c3-max2-64c3-max2-10, batch 128, cross-entropy, Adam",
       [](double) {
         return training(mnist_cnn(), normal({128, 1, 28, 28}), ids({128}, 10), cross_entropy_of, adam());
       }},
      {"resnet20", "CIFAR ResNet-20, batch 128, cross-entropy, momentum",
       [](double) {
         return training(resnet20(), normal({128, 3, 32, 32}), ids({128}, 10), cross_entropy_of, momentum());
       }},
      {"resnet50", "ResNet-50, 224 px, batch 8, cross-entropy, momentum",
       [](double) {
         return training(resnet50(), normal({8, 3, 224, 224}), ids({8}, 1000), cross_entropy_of, momentum());
       }},
      {"cae", "3-32-64-128 3×3 stride 2, mirrored 4×4 transposed, 64 px, batch 32, MSE, Adam",
       [](double) { return reconstruction(conv_autoencoder(), unit({32, 3, 64, 64})); }},
      {"unet", "U-Net, 4 levels, base 32, batch-norm, 240×176, 11 classes, batch 4, Adam",
       [](double) {
         return training(UNet(11, 32, 4), normal({4, 3, 176, 240}), ids({4, 176, 240}, 11), cross_entropy_of, adam());
       }},
      {"textcnn", "18,000 × 300 embedding, widths 3/4/5 × 100, 56 words, batch 50, dropout, Adam",
       [](double p) { return training(TextCnn(p), ids({50, 56}, 18000), ids({50}, 2), cross_entropy_of, adam()); },
       0.5},
      {"lstm-lm", "LSTM 2×200, 10,000 words, 35 steps, batch 20, SGD, clip 0.25",
       [](double) { return language_step(200); }},
      {"lstm-lm-650", "LSTM 2×650, 10,000 words, 35 steps, batch 20, SGD, clip 0.25",
       [](double) { return language_step(650); }},
      {"seq2seq", "GRU 256 encoder–decoder with additive attention, 15 + 15 of 6,000 words, batch 64, Adam, clip 1",
       [](double) {
         return recurrent(translator(6000, 256), ids({64, 30}, 6000), ids({960}, 6000), cross_entropy_of, adam(), 1);
       }},
      {"bilstm-ctc", "2 × bidirectional LSTM 256, 150 frames of 128, batch 16, 28 classes, CTC, Adam, clip 1",
       [](double) {
         return recurrent(speech(128, 256, 28), normal({150, 16, 128}), characters({16, 40}), ctc_of, adam(), 1);
       }},
      {"forecast", "LSTM 7→64, 96 steps, batch 32, MSE, Adam",
       [](double) { return recurrent(forecaster(7, 64), normal({96, 32, 7}), normal({32, 7}), loss::mse, adam(), 0); }},
      {"infer-lstm", "LSTM 2×200, 10,000 words, 35 steps, batch 1",
       [](double) { return Workload{language_model(10000, 200), ids({35, 1}, 10000), {}, {}, {}}; }},
      {"infer-lenet5", "LeNet-5, batch 1", [](double) { return inference(lenet5(), normal({1, 1, 28, 28})); }},
      {"infer-resnet50-b1", "ResNet-50, batch 1",
       [](double) { return inference(resnet50(), normal({1, 3, 224, 224})); }},
      {"infer-resnet50-b16", "ResNet-50, batch 16",
       [](double) { return inference(resnet50(), normal({16, 3, 224, 224})); }},
      {"infer-vgg16", "VGG-16, batch 1", [](double) { return inference(vgg16(), normal({1, 3, 224, 224})); }},
      {"infer-alexnet", "AlexNet, two groups, 227 px, batch 16",
       [](double) { return inference(alexnet(), normal({16, 3, 227, 227})); }},
  };
  return list;
}

}  // namespace lamina::bench
