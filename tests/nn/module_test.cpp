#include "lamina/nn/module.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lamina/core/error.h"
#include "lamina/core/glob.h"
#include "lamina/graph/capture.h"
#include "lamina/nn/init.h"
#include "lamina/nn/layers.h"
#include "lamina/nn/loss.h"
#include "lamina/nn/summary.h"
#include "lamina/ops/ops.h"

namespace lamina::nn {
namespace {

std::string text_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::vector<std::string> names_of(const std::vector<NamedVariable>& variables) {
  std::vector<std::string> names;
  for (const NamedVariable& v : variables) names.push_back(v.name);
  return names;
}

struct MlpOptions {
  int64_t in, hidden, out;
};

class Mlp : public Layer {
 public:
  explicit Mlp(MlpOptions o) : fc1_{{.in = o.in, .out = o.hidden}}, fc2_{{.in = o.hidden, .out = o.out}} {}
  Tensor forward(const Tensor& x) override { return fc2_(relu(fc1_(x))); }
  LAMINA_FIELDS(fc1_, fc2_)

 private:
  Linear fc1_, fc2_;
};

/// Two uses of one weight.
class Tied : public Layer {
 public:
  Tied() : a_(Linear{{.in = 3, .out = 3, .bias = false}}), b_(a_) {}
  Tensor forward(const Tensor& x) override { return b_(tanh(a_(x))); }
  LAMINA_FIELDS(a_, b_)

 private:
  Linear a_, b_;
};

TEST(Module, UserWrittenModulesNameTheirParts) {
  Mlp net({.in = 4, .hidden = 8, .out = 3});
  EXPECT_EQ(names_of(net.state()), (std::vector<std::string>{"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"}));
  EXPECT_EQ(net.kind(), "Mlp");
  EXPECT_EQ(net.parameter_count(), 4 * 8 + 8 + 8 * 3 + 3);
  EXPECT_EQ(net(ones({5, 4})).shape(), (Shape{5, 3}));
}

TEST(Module, SharedParametersAreListedOnceAndStaySharedInAClone) {
  Tied net;
  EXPECT_EQ(names_of(net.named_parameters()), (std::vector<std::string>{"a.weight"}));
  const LayerPtr copy = clone(static_cast<const Layer&>(net));
  EXPECT_EQ(copy->named_parameters().size(), 1U);
  EXPECT_FALSE(copy->named_parameters()[0].variable.same_slot(net.named_parameters()[0].variable));
  const auto [loss, grads] = value_and_grad([&] { return sum(net(ones({2, 3}))); }, net.parameters());
  EXPECT_EQ(grads.size(), 1U);
}

TEST(Module, FreezingByGlobTakesParametersOutOfTraining) {
  Sequential net;
  net.add("features", Sequential{Conv2d{{.in = 1, .out = 2, .kernel = 3}}, Relu{}})
      .add("head", Linear{{.in = 2, .out = 2}});
  EXPECT_EQ(net.parameters().size(), 4U);
  EXPECT_EQ(net.freeze("features.*"), 2);
  EXPECT_EQ(net.parameters().size(), 2U);
  EXPECT_EQ(net.freeze("nothing.*"), 0);
  EXPECT_EQ(net.set_trainable("*.weight", true), 2);
  EXPECT_EQ(net.parameters().size(), 3U);
}

TEST(Module, TheModeIsOneOfTheForwardPassAndOfThisThread) {
  EXPECT_FALSE(is_training());
  {
    const ModeScope train(Mode::train);
    EXPECT_TRUE(is_training());
    const ModeScope eval(Mode::eval);
    EXPECT_FALSE(is_training());
  }
  EXPECT_FALSE(is_training());
}

TEST(Module, ErrorsNameTheLayerAndBothShapes) {
  Sequential net;
  net.add("body", Sequential{Conv2d{{.in = 3, .out = 8, .kernel = 3}}, Conv2d{{.in = 64, .out = 8, .kernel = 3}}});
  const std::string text = text_of([&] { net(ones({2, 3, 9, 9})); });
  EXPECT_TRUE(contains(text, "Conv2d: expects 64 input channels, input has 8")) << text;
  EXPECT_TRUE(contains(text, "[2, 8, 7, 7] f32")) << text;
  EXPECT_TRUE(contains(text, "[8, 64, 3, 3] f32")) << text;
  EXPECT_TRUE(contains(text, "in layer \"body.1\"")) << text;
  EXPECT_TRUE(contains(text_of([&] { net(ones({3, 9, 9})); }), "batch axis"));

  Mlp mlp({.in = 4, .hidden = 8, .out = 3});
  EXPECT_TRUE(contains(text_of([&] { mlp(ones({5, 3})); }), "in layer \"fc1\""));
  // Errors of ops themselves are placed too.
  Sequential small{MaxPool2d{9}};
  EXPECT_TRUE(contains(text_of([&] { small(ones({1, 1, 3, 3})); }), "in layer \"0\""));
}

TEST(Module, ImpossibleOptionsAreErrors) {
  EXPECT_THROW((Linear{{.in = 0, .out = 3}}), Error);
  EXPECT_THROW((Conv2d{{.in = 3, .out = 4, .kernel = {1, 2, 3}}}), Error);
  EXPECT_THROW((Conv2d{{.in = 3, .out = 4, .kernel = 3, .groups = 2}}), Error);
  EXPECT_THROW((Conv2d{{.in = 3, .out = 4, .kernel = 3, .stride = 0}}), Error);
  EXPECT_THROW((Conv2d{{.in = 3, .out = 4, .kernel = 3, .padding = -1}}), Error);
  EXPECT_THROW((BatchNorm2d{{.channels = 3, .momentum = 2}}), Error);
  EXPECT_THROW((GroupNorm{{.groups = 3, .channels = 4}}), Error);
  EXPECT_THROW(Dropout{1.0}, Error);
  EXPECT_THROW((Embedding{{.rows = 3, .dim = 2, .padding_id = 3}}), Error);
  EXPECT_THROW((Hardtanh{{.low = 1, .high = 1}}), Error);
  EXPECT_THROW(Lambda{nullptr}, Error);
  EXPECT_THROW(AnyLayer{LayerPtr()}, Error);
  Sequential net{Relu{}};
  EXPECT_THROW(net.add("0", Relu{}), Error);
  EXPECT_THROW(net.add("a.b", Relu{}), Error);
  EXPECT_THROW(net[1], Error);
  const std::string text = text_of([] { Linear({.in = 2, .out = 2, .init = "kaiming_norml"}); });
  EXPECT_TRUE(contains(text, "kaiming_normal")) << text;
}

TEST(Module, ABatchOfOneValuePerChannelCannotTrainBatchNorm) {
  BatchNorm1d layer{3};
  const ModeScope train(Mode::train);
  EXPECT_THROW(layer(ones({1, 3})), Error);
}

TEST(Module, AResidualWhoseShapesDifferSaysSo) {
  Residual layer{Linear{{.in = 4, .out = 3}}};
  EXPECT_TRUE(contains(text_of([&] { layer(ones({2, 4})); }), "different shapes"));
}

TEST(LoadState, WhatDoesNotFitIsListedAndNothingChanges) {
  Mlp net({.in = 4, .hidden = 8, .out = 3});
  const std::vector<double> before = net.state()[0].variable.value().values();
  std::map<std::string, Tensor> tensors{
      {"fc1.weight", zeros({8, 4})}, {"fc1.bias", zeros({9})}, {"fc2.weight", zeros({3, 8})}, {"fc3.bias", zeros({3})}};
  const std::string text = text_of([&] { load_state(net, tensors); });
  EXPECT_TRUE(contains(text, "missing: fc2.bias")) << text;
  EXPECT_TRUE(contains(text, "unknown: fc3.bias")) << text;
  EXPECT_TRUE(contains(text, "fc1.bias: the network has [8] f32, the file [9] f32")) << text;
  EXPECT_EQ(net.state()[0].variable.value().values(), before);
  tensors.erase("fc1.bias");
  EXPECT_THROW(load_state(net, tensors), Error);
  load_state(net, tensors, {.strict = false});
  EXPECT_EQ(sum(abs(net.state()[0].variable.value())).item(), 0);
}

TEST(LoadState, OtherFloatsAreConvertedAndIntegersAreNot) {
  Linear layer{{.in = 2, .out = 1, .bias = false}};
  load_state(layer, {{"weight", Tensor::from({1.5, 2}, {1, 2}, DType::f64)}});
  EXPECT_EQ(layer.state()[0].variable.value().dtype(), DType::f32);
  EXPECT_EQ(layer.state()[0].variable.value().values(), (std::vector<double>{1.5, 2}));
  EXPECT_THROW(load_state(layer, {{"weight", Tensor::from({1, 2}, {1, 2}, DType::i64)}}), Error);
}

TEST(Glob, MatchesStarsQuestionMarksAndAlternatives) {
  EXPECT_TRUE(matches_glob("*", "a.b"));
  EXPECT_TRUE(matches_glob("*.bias|*norm*", "layer1.norm.weight"));
  EXPECT_TRUE(matches_glob("layer?.*.weight", "layer1.conv.0.weight"));
  EXPECT_TRUE(matches_glob("a*b*c", "a-b-b-c"));
  EXPECT_FALSE(matches_glob("a*b*c", "a-b-b"));
  EXPECT_FALSE(matches_glob("bias", "fc.bias"));
  EXPECT_FALSE(matches_glob("layer?", "layer12"));
}

TEST(Init, TheSameSeedGivesTheSameWeights) {
  const auto weights = [] { return Linear{{.in = 5, .out = 3}}.state()[0].variable.value().values(); };
  seed(7);
  const std::vector<double> first = weights(), second = weights();
  EXPECT_NE(first, second);
  seed(7);
  EXPECT_EQ(weights(), first);
  Generator own(7);
  const GeneratorScope scope(own);
  EXPECT_EQ(weights(), first);
}

double spread(const Tensor& t) { return std::sqrt(mean(square(t)).item()); }

TEST(Init, DistributionsHaveTheirBoundsAndSpreads) {
  seed(1);
  const Shape shape{200, 50, 2};  // fan in 100, fan out 400
  EXPECT_EQ(init::fans(shape), (std::pair<int64_t, int64_t>{100, 400}));
  const Tensor standard = init::by_name("default", shape);
  EXPECT_LE(amax(abs(standard)).item(), 0.1);
  EXPECT_NEAR(spread(standard), 0.1 / std::sqrt(3), 1e-3);
  EXPECT_NEAR(spread(init::xavier_uniform(shape)), std::sqrt(2.0 / 500), 1e-3);
  EXPECT_NEAR(spread(init::xavier_normal(shape, 2)), 2 * std::sqrt(2.0 / 500), 2e-3);
  EXPECT_NEAR(spread(init::kaiming_uniform(shape)), std::sqrt(2.0 / 100), 2e-3);
  EXPECT_NEAR(spread(init::kaiming_normal(shape, init::FanMode::out, 1)), std::sqrt(1.0 / 400), 1e-3);
  EXPECT_NEAR(spread(init::by_name("normal(0.02)", shape)), 0.02, 1e-3);
  EXPECT_NEAR(spread(init::by_name("lecun_uniform", shape)), 2.4 / 100 / std::sqrt(3), 3e-4);
  EXPECT_EQ(init::by_name("constant(3)", {2}).values(), (std::vector<double>{3, 3}));
  EXPECT_NEAR(init::gain("leaky_relu", std::sqrt(5.0)), std::sqrt(1.0 / 3), 1e-12);
  EXPECT_THROW(init::by_name("normal(0.02", shape), Error);
  EXPECT_THROW(init::xavier_uniform({3}), Error);
  EXPECT_THROW(init::gain("swish"), Error);
}

TEST(Init, TruncatedNormalStaysInside) {
  seed(2);
  const Tensor wide = init::truncated_normal({10000});
  EXPECT_LE(amax(abs(wide)).item(), 2);
  EXPECT_NEAR(spread(wide), 0.8796, 0.02);
  const Tensor tail = init::truncated_normal({1000}, 0, 1, 6, 1e9);
  EXPECT_GE(amin(tail).item(), 6);
  EXPECT_NEAR(mean(tail).item(), 6.158, 0.02);
  EXPECT_THROW(init::truncated_normal({1}, 0, 1, 2, 2), Error);
}

TEST(Init, OrthogonalRowsOrColumns) {
  seed(3);
  const Tensor flat = init::orthogonal({3, 2, 4}, 2);
  const Tensor w = reshape(flat, {3, 8});
  EXPECT_LT(amax(abs(matmul(w, transpose(w)) - eye(3) * 4.0)).item(), 1e-5);
  const Tensor tall = init::orthogonal({8, 3});
  EXPECT_LT(amax(abs(matmul(transpose(tall), tall) - eye(3))).item(), 1e-5);
}

TEST(Init, SparseColumnsHaveTheirZeros) {
  seed(4);
  const Tensor w = init::sparse({20, 6}, 0.7, 1);
  EXPECT_EQ(sum(cast(eq(w, 0.0), DType::f32), {0}).values(), std::vector<double>(6, 14));
}

Sequential mnist_net() {
  return Sequential{Conv2d{{.in = 1, .out = 32, .kernel = 3}},
                    Relu{},
                    MaxPool2d{2},
                    Conv2d{{.in = 32, .out = 64, .kernel = 3}},
                    Relu{},
                    MaxPool2d{2},
                    Flatten{},
                    Linear{{.in = 64 * 5 * 5, .out = 10}}};
}

TEST(Summary, CountsParametersShapesAndFlops) {
  const Summary s = summary(mnist_net(), {1, 1, 28, 28});
  ASSERT_EQ(s.rows.size(), 9U);
  EXPECT_EQ(s.rows[1].path, "0");
  EXPECT_EQ(s.rows[1].kind, "Conv2d");
  EXPECT_EQ(s.rows[1].input, (Shape{1, 1, 28, 28}));
  EXPECT_EQ(s.rows[1].output, (Shape{1, 32, 26, 26}));
  EXPECT_EQ(s.rows[1].parameters, 320);
  EXPECT_GE(s.rows[1].flops, 2.0 * 32 * 9 * 26 * 26);
  EXPECT_LE(s.rows[1].flops, 2.0 * 32 * 10 * 26 * 26);
  EXPECT_EQ(s.rows[4].output, (Shape{1, 64, 11, 11}));
  EXPECT_EQ(s.rows[8].output, (Shape{1, 10}));
  EXPECT_EQ(s.parameters, 320 + 18496 + 16010);
  EXPECT_EQ(s.trainable, s.parameters);
  EXPECT_EQ(s.state_bytes, 4 * s.parameters);
  EXPECT_TRUE(contains(s.str(), "18,496")) << s.str();
  EXPECT_THROW(summary(mnist_net(), {1, 3, 28, 28}), Error);
}

TEST(Summary, KnowsTheShapesOfTheCourse) {
  // 32×32×3 through 12 filters gives 32×32×12, and a 2×2 pool 16×16×12.
  const Summary s =
      summary(Sequential{Conv2d{{.in = 3, .out = 12, .kernel = 3, .padding = 1}}, MaxPool2d{2}}, {1, 3, 32, 32});
  EXPECT_EQ(s.rows[1].output, (Shape{1, 12, 32, 32}));
  EXPECT_EQ(s.rows[2].output, (Shape{1, 12, 16, 16}));
}

}  // namespace
}  // namespace lamina::nn
