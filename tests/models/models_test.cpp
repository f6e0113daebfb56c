#include <gtest/gtest.h>

#include "lamina/core/error.h"
#include "lamina/engine/grad.h"
#include "lamina/models/lenet5.h"
#include "lamina/models/mlp.h"
#include "lamina/models/registry.h"
#include "lamina/nn/init.h"
#include "lamina/nn/loss.h"
#include "lamina/ops/ops.h"
#include "lamina/optim/adam.h"
#include "lamina/recipe/resolver.h"

namespace lamina::models {
namespace {

nn::LayerPtr make(const std::string& yaml, const ModelInput& input = {{1, 28, 28}, 10, DType::f32}) {
  return make_model(recipe::parse_yaml(yaml, "r.yaml"), input);
}

std::string message_of(const std::string& yaml, const ModelInput& input = {{1, 28, 28}, 10, DType::f32}) {
  try {
    make(yaml, input);
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// What each architecture is expected to have, for its published input.
struct Expected {
  const char* name;
  Shape input;
  int64_t outputs, parameters;
};

/// Every entry of model_table() needs a record here.
const Expected kExpected[] = {
    {"softmax_regression", {1, 28, 28}, 10, 7850},
    {"linear", {10}, 1, 11},
    {"mlp", {1, 28, 28}, 10, 238510},
    {"lenet5", {1, 28, 28}, 10, 61706},
    {"small_cnn", {1, 8, 8}, 10, 21386},
    {"resnet_cifar", {3, 32, 32}, 10, 269722},
};

TEST(ModelTable, EveryModelHasItsPublishedParameterCount) {
  for (const auto& entry : model_table()) {
    const Expected* expected = nullptr;
    for (const Expected& e : kExpected) {
      if (entry.name == e.name) expected = &e;
    }
    ASSERT_NE(expected, nullptr) << entry.name << " has no record in this test";
    const nn::LayerPtr net =
        make("{name: " + std::string(entry.name) + "}", {expected->input, expected->outputs, DType::f32});
    EXPECT_EQ(net->parameter_count(), expected->parameters) << entry.name;
    EXPECT_EQ(output_shape(*net, expected->input), Shape{expected->outputs}) << entry.name;
  }
}

TEST(ModelTable, DefaultsBuildWithoutData) {
  for (const auto& entry : model_table()) {
    FieldPrinter options;
    EXPECT_GT(entry.make(options, ModelInput{})->parameter_count(), 0) << entry.name;
  }
}

TEST(ModelTable, ResnetDepthsHaveThePapersParameterCounts) {
  const ModelInput cifar{{3, 32, 32}, 10, DType::f32};
  EXPECT_NEAR(static_cast<double>(make("{name: resnet_cifar, depth: 32}", cifar)->parameter_count()), 0.46e6, 0.01e6);
  EXPECT_NEAR(static_cast<double>(make("{name: resnet_cifar, depth: 56}", cifar)->parameter_count()), 0.85e6, 0.01e6);
  EXPECT_TRUE(contains(message_of("{name: resnet_cifar, depth: 21}", cifar), "6n + 2"));
}

TEST(ModelTable, EveryModelOverfitsOneBatch) {
  for (const Expected& e : kExpected) {
    if (std::string_view(e.name) == "linear") continue;
    nn::seed(3);
    Shape shape = e.input;
    shape.insert(0, 8);
    const Tensor x = random_normal(shape);
    const Tensor y = Tensor::from(std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7}, {8});
    const nn::LayerPtr net = make("{name: " + std::string(e.name) + "}", {e.input, e.outputs, DType::f32});
    optim::Adam adam{{.lr = 3e-3}};
    adam.bind(net->named_parameters());
    const nn::ModeScope training(nn::Mode::train);
    double first = 0, last = 0;
    for (int i = 0; i < 15; ++i) {
      const auto [loss, grads] = value_and_grad([&] { return loss::cross_entropy((*net)(x), y); }, adam.parameters());
      adam.step(grads);
      last = loss.item();
      if (i == 0) first = last;
    }
    EXPECT_LT(last, 0.5 * first) << e.name;
  }
}

TEST(LayerTable, EveryLayerIsBuiltForSomeInput) {
  const ModelInput inputs[] = {
      {{4, 16, 16}, 10, DType::f32}, {{4, 16}, 10, DType::f32}, {{4, 8, 8, 8}, 10, DType::f32}};
  for (const auto& entry : layer_table()) {
    const std::string name(entry.name);
    std::string options = "{}";
    if (contains(name, "conv")) options = "{out: 8, kernel: 3}";
    if (name == "reshape") options = "{shape: [-1]}";
    if (name == "embedding") options = "{rows: 5, dim: 3}";
    const recipe::Setting setting = recipe::parse_yaml(options, "t");
    bool made = false;
    std::string why;
    for (const ModelInput& input : inputs) {
      recipe::OptionReader reader(setting, name);
      try {
        const nn::LayerPtr layer = entry.make(reader, input);
        reader.finish();
        if (name != "embedding") output_shape(*layer, input.input);
        made = true;
        break;
      } catch (const Error& e) {
        why = e.what();
      }
    }
    EXPECT_TRUE(made) << name << ": " << why;
  }
}

TEST(LayerLists, InputsAreInferredFromTheLayerBefore) {
  const nn::LayerPtr net = make(R"(
layers:
  - conv2d: {out: 8, kernel: 3}
  - relu
  - max_pool2d: 2
  - residual: [{conv2d: {out: 8, kernel: 3, padding: 1}}, batch_norm2d]
  - branches: [[{conv2d: {out: 4, kernel: 1}}], [{conv2d: {out: 6, kernel: 3, padding: 1}}, tanh]]
  - flatten
  - dropout: 0.2
  - linear: 32
  - relu
  - linear
)");
  EXPECT_EQ(output_shape(*net, {1, 28, 28}), Shape{10});
  EXPECT_EQ(net->parameter_count(), 80 + (584 + 16) + (36 + 438) + (10 * 13 * 13 * 32 + 32) + 330);
}

TEST(LayerLists, MistakesNameTheirPlaceTheLayerAndTheShapes) {
  const std::string unknown = message_of("layers:\n  - conv2d: {out: 4, kernel: 3}\n  - rellu\n");
  EXPECT_TRUE(contains(unknown, "r.yaml:3:5")) << unknown;
  EXPECT_TRUE(contains(unknown, "did you mean \"relu\"?")) << unknown;
  const std::string option = message_of("layers:\n  - conv2d: {outs: 4, kernel: 3}\n");
  EXPECT_TRUE(contains(option, "r.yaml:2:20")) << option;
  EXPECT_TRUE(contains(option, "did you mean \"out\"?")) << option;
  const std::string shape = message_of("layers:\n  - flatten\n  - linear: {in: 5, out: 10}\n");
  EXPECT_TRUE(contains(shape, "r.yaml:3:5: layer 1 (linear)")) << shape;
  EXPECT_TRUE(contains(shape, "784") && contains(shape, "5")) << shape;
  const std::string missing = message_of("layers: [{conv2d: {kernel: 3}}]");
  EXPECT_TRUE(contains(missing, "out")) << missing;
  const std::string outputs = message_of("layers: [flatten, {linear: 7}]");
  EXPECT_TRUE(contains(outputs, "10 outputs") && contains(outputs, "[7]")) << outputs;
  const std::string around = message_of("layers: [{residual: [{conv2d: {out: 3, kernel: 3}}]}]");
  EXPECT_TRUE(contains(around, "residual") && contains(around, "[3, 26, 26]")) << around;
  EXPECT_TRUE(contains(message_of("layers: []"), "a list of layers"));
  EXPECT_TRUE(contains(message_of("layers: [{relu: 3}]"), "no options"));
  EXPECT_TRUE(contains(message_of("{layers: [relu], name: mlp}"), "exclude"));
}

TEST(ModelTable, MistakesNameTheNearestValidWord) {
  const std::string name = message_of("{name: lenet}");
  EXPECT_TRUE(contains(name, "r.yaml:1:8")) << name;
  EXPECT_TRUE(contains(name, "did you mean \"lenet5\"?")) << name;
  const std::string option = message_of("{name: mlp, hiden: [3]}");
  EXPECT_TRUE(contains(option, "r.yaml:1:20") && contains(option, "did you mean \"hidden\"?")) << option;
  EXPECT_TRUE(contains(message_of("{name: mlp, activation: rellu}"), "did you mean \"relu\"?"));
  EXPECT_TRUE(contains(message_of("{name: lenet5, pooling: mean}"), "max or average"));
  EXPECT_TRUE(contains(message_of("{name: mlp, classes: 7}"), "10 outputs"));
  EXPECT_TRUE(contains(message_of("{name: lenet5}", {{1, 8, 8}, 10, DType::f32}), "too small"));
  EXPECT_TRUE(contains(message_of("{name: lenet5}", {{64}, 10, DType::f32}), "images"));
  EXPECT_TRUE(contains(message_of("{hidden: [3]}"), "\"name\" is missing"));
}

TEST(ModelTable, ResolvedSectionsBuildTheSameNetwork) {
  recipe::Setting resolved;
  const ModelInput input{{1, 28, 28}, 10, DType::f32};
  make_model(recipe::parse_yaml("{name: lenet5, activation: tanh}", "a"), input, &resolved);
  const std::string text = resolved.yaml();
  EXPECT_TRUE(contains(text, "pooling")) << text;
  EXPECT_EQ(make(text)->parameter_count(), 61706);
}

TEST(Lenet5, EveryActivationIsItsOwnLayer) {
  const Lenet5 net{{.activation = "prelu"}};
  EXPECT_EQ(nn::clone(net)->parameter_count(), 61706 + 4);
}

}  // namespace
}  // namespace lamina::models
