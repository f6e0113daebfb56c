#include <gtest/gtest.h>

#include "lamina/core/error.h"
#include "lamina/models/cae.h"
#include "lamina/models/lenet5.h"
#include "lamina/models/mlp.h"
#include "lamina/models/registry.h"
#include "lamina/models/resnet.h"
#include "lamina/models/super_resolution.h"
#include "lamina/nn/init.h"
#include "lamina/nn/layers/linear.h"
#include "lamina/ops/ops.h"
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

TEST(ModelTable, DefaultsBuildWithoutData) {
  const nn::init::ShapesOnly nothing_drawn;
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

TEST(LayerTable, EveryLayerIsBuiltForSomeInput) {
  const ModelInput inputs[] = {
      {{4, 16, 16}, 10, DType::f32}, {{4, 16}, 10, DType::f32}, {{4, 8, 8, 8}, 10, DType::f32}, {{12}, 10, DType::f32}};
  for (const auto& entry : layer_table()) {
    const std::string name(entry.name);
    std::string options = "{}";
    if (contains(name, "conv")) options = "{out: 8, kernel: 3}";
    if (name == "reshape") options = "{shape: [-1]}";
    if (name == "embedding") options = "{rows: 5, dim: 3}";
    if (name == "lstm" || name == "gru" || name == "rnn") options = "{hidden: 8}";
    if (name == "adaptive_softmax") options = "{cutoffs: [4]}";
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
  EXPECT_TRUE(contains(shape, "r.yaml:3:18: layer 1 (linear)")) << shape;
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
  EXPECT_TRUE(contains(message_of("{name: lenet5, pooling: mean}"), "max, average or subsampling"));
  EXPECT_TRUE(contains(message_of("{name: lenet5, connections: some}"), "all or table, got \"some\""));
  const ModelInput photo{{3, 64, 64}, 10, DType::f32};
  EXPECT_TRUE(contains(message_of("{name: googlenet, auxiliary_weight: -1}", photo), "0 or more, got -1"));
  EXPECT_TRUE(contains(message_of("{name: zfnet}", {{3, 53, 52}, 10, DType::f32}), "does not fit"));
  EXPECT_TRUE(contains(message_of("{name: zfnet, filters: 4}", photo), "multiple of 3, got 4"));
  EXPECT_TRUE(contains(message_of("{name: lenet5, output: rbff}"), "linear or rbf, got \"rbff\""));
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

TEST(Cae, RestoresAnyExtentsThroughMapsOrADenseCode) {
  const ModelInput odd{{1, 13, 22}, 0, DType::f32};
  EXPECT_EQ(output_shape(*make("{name: cae, filters: [4, 4, 4]}", odd), {1, 13, 22}), (Shape{1, 13, 22}));
  Cae dense{{.channels = 3, .height = 9, .width = 6, .out_channels = 2, .filters = {4, 5}, .code = 7}};
  const Tensor x = ones({2, 3, 9, 6});
  const Tensor code = dense.encode(x);
  EXPECT_EQ(code.shape(), (Shape{2, 7}));
  EXPECT_EQ(dense.decode(code).values(), dense(x).values());
  EXPECT_EQ(dense(x).shape(), (Shape{2, 2, 9, 6}));
  EXPECT_TRUE(contains(message_of("{name: cae, filters: [4, 0]}", odd), "filters"));
}

TEST(Unet, GivesThePublishedExtentsWithoutPadding) {
  const nn::init::ShapesOnly nothing_drawn;
  const nn::LayerPtr net = make("{name: unet, padding: 0}", {{1, 572, 572}, 2, DType::f32});
  EXPECT_EQ(output_shape(*net, {1, 572, 572}), (Shape{2, 388, 388}));
  EXPECT_EQ(output_shape(*make("{name: unet, filters: 4}", {{3, 37, 50}, 5, DType::f32}), {3, 37, 50}),
            (Shape{5, 37, 50}));
}

TEST(SuperResolution, BothUpsamplingsHaveEqualCountsAndExtents) {
  const ModelInput picture{{3, 10, 7}, 0, DType::f32};
  for (const std::string factor : {"2", "3"}) {
    const nn::LayerPtr sub = make("{name: super_resolution, factor: " + factor + "}", picture);
    const nn::LayerPtr transposed =
        make("{name: super_resolution, upsampling: transposed, factor: " + factor + "}", picture);
    const int64_t f = factor == "2" ? 2 : 3;
    EXPECT_EQ(output_shape(*sub, picture.input), (Shape{3, 10 * f, 7 * f}));
    EXPECT_EQ(output_shape(*transposed, picture.input), (Shape{3, 10 * f, 7 * f}));
    EXPECT_EQ(sub->parameter_count() - 3 * f * f, transposed->parameter_count() - 3);  // but for the biases
  }
  EXPECT_TRUE(contains(message_of("{name: super_resolution, upsampling: bicubic}", picture), "subpixel or transposed"));
  EXPECT_TRUE(contains(message_of("{name: super_resolution, out_channels: 1}", picture), "residual: false"));
}

TEST(SuperResolution, ResidualAddsRepeatedPixels) {
  SuperResolution net{{.channels = 1, .factor = 2, .filters = {2}}};
  for (const nn::NamedVariable& p : net.named_parameters())
    p.variable.assign(nn::init::zeros(p.variable.value().shape()));
  const Tensor y = net(Tensor::from(std::vector<double>{1, 2, 3, 4}, {1, 1, 2, 2}, DType::f32));
  EXPECT_EQ(y.values(), (std::vector<double>{1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4}));
}

TEST(Resnet, ZeroInitMakesEachBlockItsShortcut) {
  for (const int64_t depth : {18, 50}) {
    Resnet net{{.depth = depth, .filters = 4, .zero_init_residual = true}};
    const std::string last = depth == 18 ? "bn2.weight" : "bn3.weight";
    int zeroed = 0;
    for (const nn::NamedVariable& p : net.named_parameters()) {
      if (!p.name.starts_with("layer") || !p.name.ends_with(last)) continue;
      EXPECT_EQ(amax(p.variable.value()).item(), 0) << p.name;
      ++zeroed;
    }
    EXPECT_EQ(zeroed, depth == 18 ? 8 : 16);
  }
}

TEST(ShapesOnly, DrawsNothing) {
  nn::seed(7);
  const auto drawn = [] { return nn::Linear{{.in = 4, .out = 3}}.named_parameters()[0].variable.value().values(); };
  const std::vector<double> expected = drawn();
  nn::seed(7);
  {
    const nn::init::ShapesOnly nothing_drawn;
    const nn::LayerPtr net = make("{name: vgg19}", {});
    EXPECT_EQ(net->parameter_count(), 143667240);
  }
  EXPECT_EQ(drawn(), expected);
}

TEST(Lenet5, EveryActivationIsItsOwnLayer) {
  const Lenet5 net{{.activation = "prelu"}};
  EXPECT_EQ(nn::clone(net)->parameter_count(), 61706 + 4);
}

}  // namespace
}  // namespace lamina::models
