// A network, a loss and an optimizer together, eager and captured.
#include <gtest/gtest.h>

#include <cmath>

#include "lamina/engine/grad.h"
#include "lamina/graph/capture.h"
#include "lamina/nn/init.h"
#include "lamina/nn/layers.h"
#include "lamina/nn/loss.h"
#include "lamina/ops/ops.h"
#include "lamina/optim/optim.h"

namespace lamina {
namespace {

/// Rows of noise around a pattern per class, and the classes.
Tensors noisy_patterns(int64_t n, int64_t classes, const Shape& shape) {
  Generator generator(11);
  Shape batch{n};
  for (int64_t extent : shape) batch.push_back(extent);
  const Tensor patterns = random_normal({classes, shape.numel()}, 0, 1, generator);
  const Tensor labels = Tensor::from(
      fmod(arange(0, static_cast<double>(n)), full({}, static_cast<double>(classes))).values(), {n}, DType::i64);
  const Tensor clean = reshape(index_select(patterns, 0, labels), batch);
  return {clean + random_normal(batch, 0, 0.3, generator), labels};
}

TEST(Training, TheFirstProgramsNetworkLearnsInACapturedStep) {
  nn::seed(1);
  nn::Sequential net{nn::Conv2d{{.in = 1, .out = 32, .kernel = 3}},
                     nn::Relu{},
                     nn::MaxPool2d{2},
                     nn::Conv2d{{.in = 32, .out = 64, .kernel = 3}},
                     nn::Relu{},
                     nn::MaxPool2d{2},
                     nn::Flatten{},
                     nn::Linear{{.in = 64 * 5 * 5, .out = 10}}};
  optim::Adam adam{{.lr = 1e-3}};
  adam.bind(net.named_parameters());
  std::vector<Variable> state;
  for (const nn::NamedVariable& v : net.state()) state.push_back(v.variable);
  for (const nn::NamedVariable& v : adam.state()) state.push_back(v.variable);
  graph::Captured step(
      [&](const Tensors& batch) {
        const nn::ModeScope train(nn::Mode::train);
        const auto [loss, grads] =
            value_and_grad([&] { return loss::cross_entropy(net(batch[0]), batch[1]); }, adam.parameters());
        adam.step(optim::clip_norm(grads, 5));
        return Tensors{loss};
      },
      state);
  const Tensors batch = noisy_patterns(10, 10, {1, 28, 28});
  const double first = step(batch)[0].item();
  double last = first;
  for (int i = 0; i < 8; ++i) last = step(batch)[0].item();
  EXPECT_NEAR(first, std::log(10.0), 0.7);
  EXPECT_LT(last, first / 3);
  EXPECT_EQ(step.captures(), 1);
}

TEST(Training, DropoutAndBatchNormRunCapturedAsEager) {
  const auto train = [](bool compile) {
    nn::seed(3);
    nn::Sequential net{nn::Linear{{.in = 6, .out = 16}}, nn::BatchNorm1d{16}, nn::Relu{}, nn::Dropout{0.3},
                       nn::Linear{{.in = 16, .out = 3}}};
    optim::Momentum optimizer{{.lr = 0.05, .weight_decay = 1e-3}};
    optimizer.bind(net.named_parameters());
    Generator generator(5);
    std::vector<Variable> state{generator.state()};
    for (const nn::NamedVariable& v : net.state()) state.push_back(v.variable);
    for (const nn::NamedVariable& v : optimizer.state()) state.push_back(v.variable);
    graph::Captured step(
        [&](const Tensors& batch) {
          const nn::ModeScope mode(nn::Mode::train);
          const GeneratorScope scope(generator);
          const auto [loss, grads] =
              value_and_grad([&] { return loss::cross_entropy(net(batch[0]), batch[1]); }, optimizer.parameters());
          optimizer.step(grads);
          return Tensors{loss};
        },
        state, {.compile = compile});
    const Tensors batch = noisy_patterns(24, 3, {6});
    std::vector<double> losses;
    for (int i = 0; i < 20; ++i) losses.push_back(step(batch)[0].item());
    return losses;
  };
  const std::vector<double> eager = train(false), captured = train(true);
  for (size_t i = 0; i < eager.size(); ++i) EXPECT_NEAR(captured[i], eager[i], 1e-5) << i;
  EXPECT_LT(captured.back(), captured.front() / 2);
}

}  // namespace
}  // namespace lamina
