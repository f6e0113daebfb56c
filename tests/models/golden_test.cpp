// The architectures beside PyTorch's and torchvision's: the same weights, outputs, gradients and names.
#include "../support/golden.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

#include "lamina/models/registry.h"
#include "lamina/nn/init.h"
#include "lamina/ops/ops.h"
#include "lamina/recipe/resolver.h"
#include "lamina/train/task.h"

namespace lamina::models {
namespace {

using lamina::testing::golden;
using nlohmann::json;

constexpr int64_t kClasses = 10;

/// The rule of tools/golden/models.py: splitmix64 of the FNV-1a hash of the name plus the index, in [−1, 1).
std::vector<double> uniform(const std::string& name, int64_t count) {
  uint64_t seed = 0xCBF29CE484222325;
  for (const char byte : name) seed = (seed ^ static_cast<unsigned char>(byte)) * 0x100000001B3;
  std::vector<double> values;
  values.reserve(static_cast<size_t>(count));
  for (int64_t i = 1; i <= count; ++i) {
    uint64_t z = seed + static_cast<uint64_t>(i) * 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    z ^= z >> 31;
    values.push_back(static_cast<double>(z >> 40) / (1 << 23) - 1);
  }
  return values;
}

void fill(nn::Layer& net) {
  for (const nn::NamedVariable& v : net.state()) {
    if (v.name.ends_with("num_batches_tracked")) continue;
    const Shape shape = v.variable.value().shape();
    double factor = 0.1, offset = 0;
    if (shape.rank() > 1) {
      factor = std::sqrt(6.0 * static_cast<double>(shape[0]) / static_cast<double>(shape.numel()));
    } else if (v.name.ends_with("running_var")) {
      factor = 0.3, offset = 1;
    } else if (v.name.ends_with("weight")) {
      factor = 0.2, offset = 0.6;
    }
    std::vector<double> values = uniform(v.name, shape.numel());
    for (double& value : values) value = offset + factor * value;
    v.variable.assign(Tensor::from(values, shape, v.variable.value().dtype()));
  }
}

/// Elements at even distances against the recorded ones, relative to the greatest of the recorded tensor.
::testing::AssertionResult agrees(const Tensor& actual, const json& sample, double tolerance) {
  const std::vector<double> values = actual.values();
  const auto expected = sample.at("values").get<std::vector<double>>();
  const double scale = sample.at("scale");
  double greatest = 0;
  for (const double value : values) greatest = std::max(greatest, std::abs(value));
  if (!(std::abs(greatest - scale) <= tolerance * scale)) {
    return ::testing::AssertionFailure() << "the greatest is " << greatest << " instead of " << scale;
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    const double value = values[i * (values.size() - 1) / (expected.size() - 1)];
    if (std::abs(value - expected[i]) <= tolerance * scale) continue;
    return ::testing::AssertionFailure() << "sample " << i << " is " << value << " instead of " << expected[i]
                                         << ", where the greatest is " << scale;
  }
  return ::testing::AssertionSuccess();
}

class ModelGolden : public ::testing::TestWithParam<std::string> {};

TEST_P(ModelGolden, HasTheOutputsAndGradientsOfPyTorch) {
  const json& r = golden("models.json").at(GetParam());
  const Shape shape(Dims(r.at("shape").get<std::vector<int64_t>>()));
  const std::string name = GetParam().substr(0, GetParam().find('/'));
  const std::string options = r.at("options").get<std::string>();
  const recipe::Setting model =
      recipe::parse_yaml("{name: " + name + (options.empty() ? "" : ", " + options) + "}", "golden");
  const nn::LayerPtr net = [&] {
    const nn::init::ShapesOnly nothing_drawn;
    return make_model(model, {{shape[1], shape[2], shape[3]}, kClasses, DType::f32});
  }();
  // Normalization by the statistics of a few values amplifies rounding with each layer.
  const bool train = r.at("train");
  const DType dtype = train ? DType::f64 : DType::f32;
  nn::convert(*net, dtype);
  fill(*net);
  const nn::ModeScope mode(train ? nn::Mode::train : nn::Mode::eval);
  const double tolerance = train ? 1e-6 : 1e-4;
  std::vector<double> pixels = uniform("input", shape.numel());
  for (double& value : pixels) value *= 1.7;
  const Tensor x = tracked(Tensor::from(pixels, shape, dtype));
  std::vector<int64_t> classes;
  for (int64_t i = 0; i < shape[0]; ++i) classes.push_back(i % kClasses);

  EXPECT_TRUE(agrees((*net)(x), r.at("output"), tolerance)) << "output";
  train::Supervised task{*net, loss::cross_entropy};
  const Tensor loss = task.loss({x, Tensor::from(classes, {shape[0]})});
  EXPECT_NEAR(loss.item(), r.at("loss").get<double>(), tolerance * r.at("loss").get<double>());

  std::map<std::string, Variable> parameters;
  for (const nn::NamedVariable& p : net->named_parameters()) parameters.emplace(p.name, p.variable);
  Tensors wanted{x};
  std::vector<const json*> expected{&r.at("input_gradient")};
  std::vector<std::string> names{"input"};
  for (const auto& [parameter, sample] : r.at("gradients").items()) {
    ASSERT_TRUE(parameters.contains(parameter)) << parameter;
    wanted.push_back(parameters.at(parameter).value());
    expected.push_back(&sample);
    names.push_back(parameter);
  }
  const Tensors grads = grad(loss, wanted);
  for (size_t i = 0; i < grads.size(); ++i) EXPECT_TRUE(agrees(grads[i], *expected[i], 10 * tolerance)) << names[i];
}

INSTANTIATE_TEST_SUITE_P(All, ModelGolden, ::testing::ValuesIn([] {
                           std::vector<std::string> keys;
                           for (const auto& [key, record] : golden("models.json").items()) keys.push_back(key);
                           return keys;
                         }()),
                         [](const ::testing::TestParamInfo<std::string>& info) {
                           std::string name = info.param;
                           std::ranges::replace(name, '/', '_');
                           return name;
                         });

/// torchvision.txt: a line per model, "name {options}", and below it, indented, "tensor 64x3x7x7".
using Names = std::map<std::string, std::string>;
std::vector<std::pair<std::string, Names>> torchvision() {
  std::vector<std::pair<std::string, Names>> models;
  std::ifstream file(LAMINA_SOURCE_DIR "/tests/golden/torchvision.txt");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(' ')) {
      models.emplace_back(line, Names{});
      continue;
    }
    std::istringstream words(line);
    std::string name, shape;
    words >> name >> shape;
    models.back().second[name] = shape;
  }
  return models;
}

TEST(ModelNames, AreTorchvisionsWithTheirShapes) {
  const nn::init::ShapesOnly nothing_drawn;
  const auto models = torchvision();
  ASSERT_EQ(models.size(), 15U);
  for (const auto& [title, expected] : models) {
    const size_t space = title.find(' ');
    std::string options = space == std::string::npos ? "" : title.substr(space + 2);
    options = options.empty() ? "}" : ", " + options;
    const nn::LayerPtr net = make_model(recipe::parse_yaml("{name: " + title.substr(0, space) + options, "golden"), {});
    Names actual;
    for (const nn::NamedVariable& v : net->state()) {
      std::string& shape = actual[v.name];
      for (const int64_t extent : v.variable.value().shape()) {
        shape += (shape.empty() ? "" : "x") + std::to_string(extent);
      }
    }
    EXPECT_EQ(actual, expected) << title;
  }
}

}  // namespace
}  // namespace lamina::models
