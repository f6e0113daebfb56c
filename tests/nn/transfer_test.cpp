// Weights of another network as a start, and what a network says inside.
#include "lamina/nn/transfer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "lamina/core/error.h"
#include "lamina/engine/tape.h"
#include "lamina/graph/capture.h"
#include "lamina/nn/layers.h"
#include "lamina/ops/create.h"
#include "lamina/ops/random.h"

namespace lamina::nn {
namespace {

Sequential net_of(int64_t classes, int64_t channels = 1, int64_t kernel = 3, int64_t seed = 1) {
  Generator generator(seed);
  const GeneratorScope scope(generator);
  return Sequential{Conv2d{{.in = channels, .out = 4, .kernel = kernel, .padding = kernel / 2}},
                    BatchNorm2d{4},
                    Relu{},
                    AdaptiveAvgPool{{.out = 1}},
                    Flatten{},
                    Linear{{.in = 4, .out = classes}}};
}

std::map<std::string, Tensor> tensors_of(Module& module) {
  std::map<std::string, Tensor> all;
  for (const NamedVariable& v : module.state()) all[v.name] = v.variable.value();
  return all;
}

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

void expect_contains(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "looked for: " << part << "\nin: " << text;
}

std::vector<double> answer(Layer& net, const Tensor& x) {
  const NoGrad off;
  return net(x).values();
}

TEST(InitFrom, TakesAllOrLeavesWhatIsNamed) {
  Sequential a = net_of(10, 1, 3, 1), b = net_of(10, 1, 3, 2);
  InitReport report = init_from(b, tensors_of(a));
  EXPECT_EQ(report.taken.size(), 9U);
  const Tensor x = full({2, 1, 5, 5}, 0.5);
  EXPECT_EQ(answer(a, x), answer(b, x));

  Sequential c = net_of(5, 1, 3, 3);
  const std::vector<double> head = c.state().at(7).variable.value().values();
  report = init_from(c, tensors_of(a), {.except = {"5"}});
  EXPECT_EQ(report.taken.size(), 7U);
  ASSERT_EQ(report.left.size(), 2U);
  EXPECT_EQ(report.left[0].name, "5.weight");
  EXPECT_EQ(report.left[0].found, Shape({10, 4}));
  EXPECT_EQ(c.state().at(7).variable.value().values(), head);
  expect_contains(report.str(), "left     5.weight [5, 4], the file has [10, 4]");
  expect_contains(report.str(), "taken    7 tensors: 0 2, 1 5");
}

TEST(InitFrom, RefusesHalfALoadAndChangesNothing) {
  Sequential a = net_of(10), b = net_of(5, 1, 3, 2);
  const std::vector<double> before = b.state().at(0).variable.value().values();
  std::map<std::string, Tensor> tensors = tensors_of(a);
  tensors["0.wieght"] = tensors["0.weight"];
  tensors.erase("0.weight");
  const std::string message = error_of([&] { init_from(b, tensors, {}, "w.safetensors"); });
  for (const char* part :
       {"w.safetensors: does not fit this network: 4 tensors", "nothing was changed",
        "of the network 0.weight [4, 1, 3, 3] f32: the file's nearest is 0.wieght", "of the file   0.wieght",
        "other shape   5.weight: the network has [5, 4] f32, the file [10, 4]", "5.bias", "hint: name in except"}) {
    expect_contains(message, part);
  }
  EXPECT_EQ(b.state().at(0).variable.value().values(), before);
  expect_contains(error_of([&] { init_from(b, tensors_of(a), {.except = {"5", "headd"}}); }),
                  "no tensor of the network or the file matches \"headd\" in except");
  expect_contains(error_of([&] { init_from(b, tensors_of(a), {.resize = {"5"}}); }),
                  "only kernels and input channels of convolutions can be resized");
}

TEST(InitFrom, WeightsOfConvolutionsAreResized) {
  // A grey picture as three equal channels, and the other way round, give the same answer as before.
  Sequential colour = net_of(10, 3, 3, 1), grey = net_of(10, 1, 3, 2), back = net_of(10, 3, 3, 3);
  const InitReport report = init_from(grey, tensors_of(colour), {.resize = {"0.weight"}});
  ASSERT_EQ(report.resized.size(), 1U);
  expect_contains(report.str(), "resized  0.weight [4, 1, 3, 3], from [4, 3, 3, 3]");
  const Tensor one = Tensor::from({0.1, 0.9, 0.4, 0.3}, {1, 1, 2, 2}),
               three = Tensor::from({0.1, 0.9, 0.4, 0.3, 0.1, 0.9, 0.4, 0.3, 0.1, 0.9, 0.4, 0.3}, {1, 3, 2, 2});
  const std::vector<double> expected = answer(colour, three);
  init_from(back, tensors_of(grey), {.resize = {"0"}});
  for (const std::vector<double>& got : {answer(grey, one), answer(back, three)}) {
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-5);
  }
  // Kernels: weights of 1 keep their sum, and so the answer to a constant picture away from the border.
  for (const int64_t kernel : {5, 2, 7}) {
    Conv2d from{{.in = 1, .out = 1, .kernel = 3}}, to{{.in = 1, .out = 1, .kernel = kernel}};
    std::map<std::string, Tensor> tensors = tensors_of(from);
    tensors["weight"] = full({1, 1, 3, 3}, 1);
    init_from(to, tensors, {.resize = {"weight"}});
    double sum = 0;
    for (const double v : to.state().at(0).variable.value().values()) sum += v;
    EXPECT_NEAR(sum, 9, 1e-5) << kernel;
  }
  // Between the middles of pixels: 2 → 4 places, by hand, times 2/4.
  Conv1d narrow{{.in = 1, .out = 1, .kernel = 2}}, wide{{.in = 1, .out = 1, .kernel = 4}};
  std::map<std::string, Tensor> tensors = tensors_of(narrow);
  tensors["weight"] = Tensor::from({0.0, 1.0}, {1, 1, 2});
  init_from(wide, tensors, {.resize = {"weight"}});
  EXPECT_EQ(wide.state().at(0).variable.value().values(), std::vector<double>({0, 0.125, 0.375, 0.5}));
}

TEST(InitFrom, ConvertsOtherFloats) {
  Linear a{{.in = 2, .out = 2}}, b{{.in = 2, .out = 2}};
  std::map<std::string, Tensor> tensors;
  for (const auto& [name, t] : tensors_of(a)) tensors[name] = Tensor::from(t.values(), t.shape(), DType::f64);
  init_from(b, tensors);
  EXPECT_EQ(b.state()[0].variable.value().dtype(), DType::f32);
  EXPECT_EQ(b.state()[0].variable.value().values(), a.state()[0].variable.value().values());
}

TEST(Globs, AModuleStandsForAllInIt) {
  EXPECT_TRUE(matches_path("layer4", "layer4.0.conv1.weight"));
  EXPECT_TRUE(matches_path("layer?.0", "layer4.0.conv1.weight"));
  EXPECT_TRUE(matches_path("*.bias", "layer4.0.conv1.bias"));
  EXPECT_FALSE(matches_path("layer", "layer4.0.conv1.weight"));
  EXPECT_FALSE(matches_path("conv1", "layer4.0.conv1.weight"));
}

TEST(Features, OfANamedLayerEagerlyAndCaptured) {
  Sequential net = net_of(10);
  const Tensor x = full({3, 1, 6, 6}, 0.25);
  const NoGrad off;
  EXPECT_EQ(features(net, x, "2").shape(), Shape({3, 4, 6, 6}));
  EXPECT_EQ(features(net, x, "").values(), net(x).values());
  EXPECT_EQ(head_of(net, x.shape()), "5");
  const Tensor into = features(net, x, "5", true);
  EXPECT_EQ(into.values(), features(net, x, "4").values());
  std::vector<Variable> state;
  for (const NamedVariable& v : net.state()) state.push_back(v.variable);
  graph::Captured captured([&](const Tensors& in) { return Tensors{features(net, in[0], "4")}; }, state);
  const std::vector<double> got = captured({x})[0].values();
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], into.values()[i], 1e-6);
  EXPECT_EQ(captured.report().graph.find("linear"), std::string::npos) << "the head was computed";
  const std::string message = error_of([&] { features(net, x, "7"); });
  expect_contains(message, "calls no layer \"7\"");
  expect_contains(message, "there are: 0, 1, 2, 3, 4, 5");
}

TEST(Frozen, BatchNormKeepsItsStatistics) {
  BatchNorm2d norm{2};
  const Tensor x = Tensor::from({1, 2, 3, 4, 5, 6, 7, 9}, {2, 2, 2, 1});
  const auto run = [&] {
    const NoGrad off;
    const ModeScope mode(Mode::train);
    return norm(x).values();
  };
  norm.freeze("*");
  const std::vector<double> mean_before = norm.named_buffers()[0].variable.value().values();
  const std::vector<double> frozen = run();
  for (size_t i = 0; i < frozen.size(); ++i) EXPECT_NEAR(frozen[i], x.values()[i] / std::sqrt(1 + 1e-5), 1e-5);
  EXPECT_EQ(norm.named_buffers()[0].variable.value().values(), mean_before);
  EXPECT_EQ(norm.named_buffers()[2].variable.value().item(), 0);
  norm.set_trainable("*", true);
  EXPECT_NE(run(), frozen);
  EXPECT_EQ(norm.named_buffers()[2].variable.value().item(), 1);
}

}  // namespace
}  // namespace lamina::nn
