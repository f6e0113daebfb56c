// The battery: every record of the catalog through every test.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "../support/golden.h"
#include "lamina/core/error.h"
#include "lamina/graph/capture.h"
#include "lamina/nn/init.h"
#include "lamina/nn/summary.h"
#include "lamina/ops/ops.h"
#include "layer_catalog.h"

namespace lamina::nn {
namespace {

using lamina::testing::close;
using lamina::testing::golden;
using lamina::testing::unpack;
using nlohmann::json;

class LayerBattery : public ::testing::TestWithParam<LayerRecord> {
 protected:
  const json& record(const char* mode = "eval") const { return golden("layers.json").at(GetParam().key).at(mode); }

  /// The layer with the golden parameters and buffers.
  LayerPtr layer(const char* mode = "eval", DType dtype = DType::f32) const {
    LayerPtr made = GetParam().make();
    std::map<std::string, Tensor> state;
    for (const auto& [name, tensor] : record(mode).at("state").items()) state[name] = unpack(tensor);
    load_state(*made, state);
    if (dtype != DType::f32) convert(*made, dtype);
    return made;
  }
  Tensor input(const char* mode = "eval", DType dtype = DType::f32) const {
    return unpack(record(mode).at("input"), dtype);
  }

  std::vector<Variable> state_of(Layer& made) const {
    std::vector<Variable> state;
    for (const NamedVariable& v : made.state()) state.push_back(v.variable);
    return state;
  }
};

TEST_P(LayerBattery, GivesTheValuesAndGradientsOfPyTorch) {
  for (const auto& [mode, r] : golden("layers.json").at(GetParam().key).items()) {
    const LayerPtr made = layer(mode.c_str());
    const ModeScope scope(mode == "train" ? Mode::train : Mode::eval);
    const bool differentiable = !r.at("grad_input").is_null();
    const Tensor x = differentiable ? tracked(input(mode.c_str())) : input(mode.c_str());
    const Tensor y = (*made)(x);
    EXPECT_TRUE(close(y, unpack(r.at("output")), 1e-5)) << mode;
    Tensors wanted;
    std::vector<std::string> names;
    if (differentiable) {
      wanted.push_back(x);
      names.emplace_back("input");
    }
    for (const NamedVariable& p : made->named_parameters()) {
      wanted.push_back(p.variable.value());
      names.push_back(p.name);
    }
    const Tensors grads = grad(y, wanted, {.grad_output = unpack(r.at("grad_output"))});
    for (size_t i = 0; i < grads.size(); ++i) {
      const json& expected = names[i] == "input" ? r.at("grad_input") : r.at("grads").at(names[i]);
      EXPECT_TRUE(close(grads[i], unpack(expected), 2e-5)) << mode << " gradient of " << names[i];
    }
    for (const NamedVariable& b : made->named_buffers()) {
      EXPECT_TRUE(close(b.variable.value(), unpack(r.at("buffers").at(b.name)), 1e-5)) << mode << " " << b.name;
    }
  }
}

TEST_P(LayerBattery, ListsItsParametersAndBuffers) {
  const LayerPtr made = GetParam().make();
  std::vector<std::string> names;
  for (const NamedVariable& v : made->state()) names.push_back(v.name);
  EXPECT_EQ(names, GetParam().names);
  EXPECT_EQ(made->parameter_count(), GetParam().parameters);
  EXPECT_EQ(made->kind(), GetParam().kind());
  EXPECT_NO_THROW(json::parse(made->describe()));
}

TEST_P(LayerBattery, HasTheGradientsOfFiniteDifferences) {
  if (record().at("grad_input").is_null()) return;  // integers
  const LayerPtr made = layer("eval", DType::f64);
  Tensors at{input("eval", DType::f64)};
  std::vector<NamedVariable> parameters = made->named_parameters();
  for (const NamedVariable& p : parameters) at.push_back(p.variable.value());
  const auto f = [&](const Tensors& xs) {
    for (size_t i = 0; i < parameters.size(); ++i) parameters[i].variable.replace(xs[i + 1]);
    return (*made)(xs[0]);
  };
  const GradientCheck check = check_gradients(f, at, {.max_elements = 12});
  EXPECT_TRUE(check.ok) << check.report;
}

TEST_P(LayerBattery, CapturedRunsLikeEager) {
  for (const auto& [mode, r] : golden("layers.json").at(GetParam().key).items()) {
    const ModeScope scope(mode == "train" ? Mode::train : Mode::eval);
    const LayerPtr eager = layer(mode.c_str()), compiled = layer(mode.c_str());
    const Tensor x = input(mode.c_str());
    const Tensor weights = unpack(r.at("grad_output"));
    const auto run = [&](Layer& l, const Tensor& in) -> Tensors {
      if (l.parameters().empty()) return {l(in)};
      auto [loss, grads] = value_and_grad([&] { return sum(l(in) * weights); }, l.parameters());
      grads.push_back(loss);
      return grads;
    };
    graph::Captured captured([&](const Tensors& in) { return run(*compiled, in[0]); }, state_of(*compiled));
    for (int i = 0; i < 2; ++i) {
      const Tensors expected = run(*eager, x);
      const Tensors& actual = captured({x});
      for (size_t k = 0; k < expected.size(); ++k) EXPECT_TRUE(close(actual[k], expected[k], 1e-5)) << mode << " " << k;
    }
    for (size_t i = 0; i < eager->state().size(); ++i) {
      const NamedVariable e = eager->state()[i], c = compiled->state()[i];
      EXPECT_TRUE(close(c.variable.value(), e.variable.value(), 1e-6)) << e.name;
    }
  }
}

TEST_P(LayerBattery, ClonesAreIndependentAndCopiesAreNot) {
  const LayerPtr made = layer();
  const Tensor x = input();
  const std::vector<double> before = (*made)(x).values();
  const LayerPtr deep = clone(static_cast<const Layer&>(*made)), shallow = copy_layer(*made);
  EXPECT_EQ((*deep)(x).values(), before);
  for (const NamedVariable& p : made->named_parameters()) {
    p.variable.assign(contiguous(stop_gradient(p.variable.value()) + 1.0));
  }
  EXPECT_EQ((*deep)(x).values(), before);
  EXPECT_EQ((*shallow)(x).values(), (*made)(x).values());
}

TEST_P(LayerBattery, StateMovesToAnotherInstance) {
  const LayerPtr from = layer(), to = GetParam().make();
  std::map<std::string, Tensor> saved;
  for (const NamedVariable& v : from->state()) saved[v.name] = v.variable.value();
  load_state(*to, saved);
  EXPECT_EQ((*to)(input()).values(), (*from)(input()).values());
}

TEST_P(LayerBattery, OneStepAgainstTheGradientLowersALoss) {
  const LayerPtr made = layer();
  if (made->parameters().empty()) return;
  const ModeScope scope(Mode::train);
  const Tensor x = input();
  const Tensor target = full((*made)(x).shape(), 0.5);
  const auto loss = [&] { return mean(square((*made)(x)-target)); };
  const std::vector<Variable> parameters = made->parameters();
  const auto [before, grads] = value_and_grad(loss, parameters);
  for (size_t i = 0; i < grads.size(); ++i) {
    parameters[i].assign(stop_gradient(parameters[i].value()) - grads[i] * 0.01);
  }
  EXPECT_LT(loss().item(), before.item());
}

TEST_P(LayerBattery, SummaryKnowsTheShapeWithoutRunning) {
  const LayerPtr made = GetParam().make();
  const Tensor x = input();
  const Summary s = summary(*made, x.shape(), x.dtype());
  EXPECT_EQ(s.rows[0].output.str(), Dims(record().at("output").at("shape").get<std::vector<int64_t>>()).str());
  EXPECT_EQ(s.parameters, GetParam().parameters);
  int64_t total = 0;
  for (const SummaryRow& row : s.rows) total += row.parameters;
  EXPECT_EQ(total, GetParam().parameters);
}

std::string test_name(const ::testing::TestParamInfo<LayerRecord>& info) {
  std::string name = info.param.key;
  std::erase(name, ',');
  std::replace_if(name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(All, LayerBattery, ::testing::ValuesIn(layer_catalog()), test_name);

TEST(LayerCatalog, HasARecordForEveryLayerClass) {
  std::set<std::string> recorded;
  for (const LayerRecord& r : layer_catalog()) recorded.insert(r.kind());
  for (const char* file : {"activation", "container", "conv", "dropout", "embedding", "linear", "norm", "output",
                           "pool", "rnn", "shape"}) {
    std::ifstream header(LAMINA_SOURCE_DIR "/lamina/nn/layers/" + std::string(file) + ".h");
    ASSERT_TRUE(header) << file;
    for (std::string line; std::getline(header, line);) {
      const size_t base = line.find(" : public ");
      if (!line.starts_with("class ") || base == std::string::npos) continue;
      std::string name = line.substr(6, base - 6);
      name = name.substr(0, name.find(' '));
      EXPECT_TRUE(name.ends_with("Nd") || name == "Recurrent" || name == "HierarchicalSoftmax" ||
                  recorded.contains(name))
          << "no test record for " << name;
    }
  }
}

TEST(LayerCatalog, EveryGoldenRecordIsUsed) {
  std::set<std::string> keys;
  for (const LayerRecord& r : layer_catalog()) keys.insert(r.key);
  for (const auto& [key, value] : golden("layers.json").items()) EXPECT_TRUE(keys.contains(key)) << key;
}

TEST(Dropout, DropsTheGivenShareInTrainingAndScalesTheRest) {
  const ModeScope mode(Mode::train);
  Generator generator(3);
  const GeneratorScope scope(generator);
  Dropout layer{0.25};
  const std::vector<double> y = layer(ones({100, 100})).values();
  const auto dropped = std::count(y.begin(), y.end(), 0.0);
  EXPECT_NEAR(static_cast<double>(dropped), 2500, 150);
  EXPECT_EQ(dropped + std::count_if(y.begin(), y.end(), [](double v) { return std::abs(v - 4.0 / 3) < 1e-6; }), 10000);
}

TEST(SpatialDropout, DropsWholeChannels) {
  const ModeScope mode(Mode::train);
  Generator generator(3);
  const GeneratorScope scope(generator);
  SpatialDropout layer{0.5};
  const Tensor y = layer(ones({8, 16, 3, 3}));
  const Tensor low = amin(y, {2, 3}), high = amax(y, {2, 3});
  EXPECT_EQ(low.values(), high.values());
  const std::vector<double> channels = low.values();
  EXPECT_NEAR(static_cast<double>(std::count(channels.begin(), channels.end(), 0.0)), 64, 25);
}

TEST(Embedding, ThePaddingRowIsZeroAndStaysSo) {
  Embedding layer{{.rows = 4, .dim = 3, .padding_id = 1}};
  const Tensor ids = Tensor::from({1, 2}, {2}, DType::i64);
  EXPECT_EQ(slice(layer(ids), 0, 0, 1).values(), (std::vector<double>{0, 0, 0}));
  const auto [loss, grads] = value_and_grad([&] { return sum(layer(ids)); }, layer.parameters());
  EXPECT_EQ(sum(grads[0], {1}).values(), (std::vector<double>{0, 0, 3, 0}));
}

}  // namespace
}  // namespace lamina::nn
