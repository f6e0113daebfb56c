// What is peculiar to recurrent layers: states, lengths, the forms that PyTorch has not. The battery of layer_test.cpp
// has their values and gradients without these.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "../support/golden.h"
#include "lamina/core/error.h"
#include "lamina/graph/capture.h"
#include "lamina/nn/init.h"
#include "lamina/nn/layers.h"
#include "lamina/ops/ops.h"

namespace lamina::nn {
namespace {

using lamina::testing::close;
using lamina::testing::golden;
using lamina::testing::unpack;
using nlohmann::json;

std::unique_ptr<Recurrent> made(const std::string& kind) {
  if (kind == "Lstm")
    return std::make_unique<Lstm>(LstmOptions{.in = 4, .hidden = 3, .layers = 2, .bidirectional = true});
  if (kind == "Gru") return std::make_unique<Gru>(GruOptions{.in = 4, .hidden = 3, .layers = 2, .bidirectional = true});
  return std::make_unique<Rnn>(RnnOptions{.in = 4, .hidden = 3, .layers = 2, .bidirectional = true});
}

std::map<std::string, Tensor> tensors_of(const json& packed, DType dtype) {
  std::map<std::string, Tensor> all;
  for (const auto& [name, value] : packed.items()) all[name] = unpack(value, dtype);
  return all;
}

class Golden : public ::testing::TestWithParam<std::tuple<const char*, DType>> {};

TEST_P(Golden, StatesLengthsAndSecondDerivativesAreThoseOfPyTorch) {
  const auto [kind, dtype] = GetParam();
  const json& r = golden("sequences.json").at(kind);
  const double tolerance = dtype == DType::f64 ? 1e-7 : 5e-5;
  const std::unique_ptr<Recurrent> net = made(kind);
  load_state(*net, tensors_of(r.at("state"), DType::f32));
  convert(*net, dtype);
  load_state(*net, tensors_of(r.at("state"), dtype));
  const std::map<std::string, Tensor> in = tensors_of(r.at("inputs"), dtype);
  std::map<std::string, Tensor> at;
  for (const auto& [name, value] : in) at[name] = tracked(value);
  const RecurrentState state{at["h0"], in.contains("c0") ? at["c0"] : Tensor()};
  const RecurrentResult result = (*net)(at["x"], state, unpack(r.at("lengths")));
  Tensors results{result.y, result.state.h};
  if (state.c.defined()) results.push_back(result.state.c);
  for (const NamedVariable& p : net->named_parameters()) at[p.name] = p.variable.value();
  Tensor total = full({}, 0, dtype);
  for (size_t i = 0; i < results.size(); ++i) {
    EXPECT_TRUE(close(results[i], unpack(r.at("results")[i], dtype), tolerance)) << "result " << i;
    total = total + sum(results[i] * unpack(r.at("weights")[i], dtype));
  }
  std::vector<std::string> names;
  Tensors wanted;
  for (const auto& [name, value] : at) {
    names.push_back(name);
    wanted.push_back(value);
  }
  const Tensors first = grad(total, wanted, {.differentiable = true});
  Tensor squares = full({}, 0, dtype);
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_TRUE(close(first[i], unpack(r.at("first").at(names[i]), dtype), tolerance)) << names[i];
    squares = squares + sum(first[i] * first[i]);
  }
  const Tensors second = grad(squares, wanted);
  for (size_t i = 0; i < second.size(); ++i) {
    const Tensor expected = unpack(r.at("second").at(names[i]), dtype);
    EXPECT_TRUE(close(second[i], expected, tolerance * 10)) << "second derivative by " << names[i];
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, Golden, ::testing::Combine(::testing::Values("Lstm", "Gru", "Rnn"), ::testing::Values(DType::f32, DType::f64)),
    [](const auto& info) {
      return std::string(std::get<0>(info.param)) + "_" + std::string(name_of(std::get<1>(info.param)));
    });

Tensor noise(const Shape& shape, double scale = 1) { return init::normal(shape, 0, scale); }

TEST(Recurrent, AShortSampleGivesTheNumbersThatItGivesAlone) {
  seed(1);
  const std::vector<int64_t> lengths{4, 1, 7, 0, 6};
  for (const char* kind : {"Lstm", "Gru", "Rnn"}) {
    const std::unique_ptr<Recurrent> net = made(kind);
    const Tensor x = noise({5, 7, 4});
    const RecurrentResult all = (*net)(x, {}, Tensor::from(std::span<const int64_t>(lengths), {5}));
    for (int64_t n = 0; n < 5; ++n) {
      const int64_t length = lengths[static_cast<size_t>(n)];
      const Tensor y = slice(all.y, 0, n, n + 1), h = slice(all.state.h, 1, n, n + 1);
      EXPECT_EQ(amax(abs(concat({slice(y, 1, length, 7), zeros({1, 1, 6})}, 1))).item(), 0) << kind << " " << n;
      if (length == 0) {
        EXPECT_EQ(amax(abs(h)).item(), 0);
        continue;
      }
      const RecurrentResult alone = (*net)(slice(slice(x, 0, n, n + 1), 1, 0, length), RecurrentState{});
      EXPECT_TRUE(close(slice(y, 1, 0, length), alone.y, 1e-6)) << kind << " " << n;
      EXPECT_TRUE(close(h, alone.state.h, 1e-6)) << kind << " " << n;
    }
  }
}

/// σ and tanh by hand, on doubles.
double logistic(double v) { return 1 / (1 + std::exp(-v)); }

TEST(Gru, TheFormWithTheResetBeforeTheProductFollowsItsEquations) {
  seed(2);
  Gru net{{.in = 1, .hidden = 1, .reset_after = false}};
  std::vector<std::vector<double>> p;
  for (const NamedVariable& v : net.named_parameters()) p.push_back(v.variable.value().values());
  const std::vector<double>&wx = p[0], &wh = p[1], &bi = p[2], &bh = p[3];
  const std::vector<double> x{0.5, -1.5, 2};
  double h = 0;
  std::vector<double> expected;
  for (const double v : x) {
    const double r = logistic(wx[0] * v + bi[0] + wh[0] * h + bh[0]);
    const double z = logistic(wx[1] * v + bi[1] + wh[1] * h + bh[1]);
    const double n = std::tanh(wx[2] * v + bi[2] + wh[2] * (r * h) + bh[2]);
    h = (1 - z) * h + z * n;
    expected.push_back(h);
  }
  EXPECT_TRUE(close(net(Tensor::from(x, {1, 3, 1}, DType::f32)), Tensor::from(expected, {1, 3, 1}, DType::f32), 1e-6));
  GruCell cell{{.in = 1, .hidden = 1, .reset_after = false}};
  std::map<std::string, Tensor> state;
  for (const NamedVariable& v : net.named_parameters()) state[v.name.substr(0, v.name.size() - 3)] = v.variable.value();
  load_state(cell, state);
  EXPECT_NEAR(cell(Tensor::from({0.5}, {1, 1})).item(), expected[0], 1e-6);
}

TEST(Lstm, PeepholesAndNormalizationFollowTheirEquations) {
  seed(3);
  Lstm net{{.in = 1, .hidden = 2, .peephole = true, .layer_norm = true}};
  std::map<std::string, std::vector<double>> p;
  for (const NamedVariable& v : net.named_parameters()) {
    v.variable.assign(contiguous(stop_gradient(v.variable.value()) + noise(v.variable.value().shape(), 0.5)));
    p[v.name] = v.variable.value().values();
  }
  const auto normalized = [&](std::vector<double> v, const std::string& name) {
    double mean = 0, variance = 0;
    for (const double a : v) mean += a / static_cast<double>(v.size());
    for (const double a : v) variance += (a - mean) * (a - mean) / static_cast<double>(v.size());
    for (size_t i = 0; i < v.size(); ++i) {
      v[i] = (v[i] - mean) / std::sqrt(variance + 1e-5) * p["norm_" + name + "_weight_l0"][i] +
             p["norm_" + name + "_bias_l0"][i];
    }
    return v;
  };
  const std::vector<double> x{0.7, -1.1, 0.4};
  std::vector<double> h(2), c(2), expected;
  for (const double v : x) {
    std::vector<double> a(8), b(8);
    for (size_t i = 0; i < 8; ++i) {
      a[i] = p["weight_ih_l0"][i] * v;
      b[i] = p["weight_hh_l0"][2 * i] * h[0] + p["weight_hh_l0"][2 * i + 1] * h[1];
    }
    a = normalized(a, "ih");
    b = normalized(b, "hh");
    const std::vector<double>& peep = p["weight_ch_l0"];
    const auto gate = [&](size_t g, size_t k) {
      return a[g * 2 + k] + b[g * 2 + k] + p["bias_ih_l0"][g * 2 + k] + p["bias_hh_l0"][g * 2 + k];
    };
    for (size_t k = 0; k < 2; ++k) {
      const double in = logistic(gate(0, k) + peep[k] * c[k]), forget = logistic(gate(1, k) + peep[2 + k] * c[k]);
      c[k] = forget * c[k] + in * std::tanh(gate(2, k));
    }
    const std::vector<double> seen = normalized(c, "cell");
    for (size_t k = 0; k < 2; ++k) {
      h[k] = logistic(gate(3, k) + peep[4 + k] * c[k]) * std::tanh(seen[k]);
      expected.push_back(h[k]);
    }
  }
  EXPECT_TRUE(close(net(Tensor::from(x, {1, 3, 1}, DType::f32)), Tensor::from(expected, {1, 3, 2}, DType::f32), 2e-5));
}

TEST(Recurrent, CellsAreTheStepsOfTheLayer) {
  seed(4);
  Lstm net{{.in = 3, .hidden = 5}};
  LstmCell cell{{.in = 3, .hidden = 5}};
  std::map<std::string, Tensor> state;
  for (const NamedVariable& v : net.named_parameters()) state[v.name.substr(0, v.name.size() - 3)] = v.variable.value();
  load_state(cell, state);
  const Tensor x = noise({2, 4, 3});
  LstmState s{zeros({2, 5}), zeros({2, 5})};
  for (int64_t t = 0; t < 4; ++t) s = cell(select(x, 1, t), s);
  const RecurrentResult whole = net(x, RecurrentState{});
  EXPECT_TRUE(close(s.h, select(whole.state.h, 0, 0), 1e-6));
  EXPECT_TRUE(close(s.c, select(whole.state.c, 0, 0), 1e-6));
}

TEST(Recurrent, TwoWindowsWithTheStateCarriedAreOneLongOne) {
  seed(5);
  Lstm plain{{.in = 3, .hidden = 4, .layers = 2}}, carrying{{.in = 3, .hidden = 4, .layers = 2, .carry = 2}};
  std::map<std::string, Tensor> state;
  for (const NamedVariable& v : plain.state()) state[v.name] = v.variable.value();
  load_state(carrying, state, {.strict = false});
  const Tensor x = noise({2, 6, 3}), whole = plain(x);
  const RecurrentResult first = plain(slice(x, 1, 0, 3), RecurrentState{});
  EXPECT_TRUE(close(plain(slice(x, 1, 3, 6), first.state.detached()).y, slice(whole, 1, 3, 6), 1e-6));
  // Captured, the buffers are part of the step.
  std::vector<Variable> variables;
  for (const NamedVariable& v : carrying.state()) variables.push_back(v.variable);
  graph::Captured step([&](const Tensors& in) { return Tensors{carrying(in[0])}; }, variables);
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(close(step({contiguous(slice(x, 1, 0, 3))})[0], slice(whole, 1, 0, 3), 1e-6));
    EXPECT_TRUE(close(step({contiguous(slice(x, 1, 3, 6))})[0], slice(whole, 1, 3, 6), 1e-6));
    carrying.reset_state();
  }
  EXPECT_THROW(carrying(noise({3, 2, 3})), Error);
}

TEST(Recurrent, LearnedInitialStatesGetGradients) {
  seed(6);
  Lstm net{{.in = 3, .hidden = 4, .bidirectional = true, .learn_initial = true}};
  const Tensor x = noise({2, 3, 3});
  const auto [loss, grads] = value_and_grad([&] { return sum(net(x)); }, net.parameters());
  const std::vector<NamedVariable> named = net.named_parameters();
  ASSERT_EQ(named.back().name, "c0");
  EXPECT_EQ(grads.back().shape(), (Shape{2, 4}));
  EXPECT_GT(amin(abs(grads.back())).item(), 0);
}

TEST(Recurrent, VariationalDropoutUsesOneMaskForAllSteps) {
  seed(7);
  const ModeScope mode(Mode::train);
  // The identity twice: what the second layer sees is what the mask between them lets through.
  Rnn net{
      {.in = 8, .hidden = 8, .layers = 2, .bias = false, .dropout = 0.5, .variational = true, .nonlinearity = "relu"}};
  for (const NamedVariable& v : net.named_parameters()) {
    v.variable.assign(v.name.starts_with("weight_ih") ? eye(8) : zeros({8, 8}));
  }
  const Tensor y = net(ones({16, 5, 8}));
  EXPECT_EQ(amin(y, {1}).values(), amax(y, {1}).values());
  const double share = mean(cast(eq(y, 0.0), DType::f32)).item();
  EXPECT_GT(share, 0.3);
  EXPECT_LT(share, 0.7);
}

TEST(Recurrent, StateDropoutMasksTheStateOnly) {
  seed(8);
  Lstm net{{.in = 2, .hidden = 3, .state_dropout = 0.9}}, plain{{.in = 2, .hidden = 3}};
  std::map<std::string, Tensor> state;
  for (const NamedVariable& v : net.state()) state[v.name] = v.variable.value();
  load_state(plain, state);
  const Tensor x = noise({4, 3, 2});
  EXPECT_TRUE(close(net(x), plain(x), 1e-6));
  const ModeScope mode(Mode::train);
  const Tensor y = net(x);
  EXPECT_TRUE(close(slice(y, 1, 0, 1), slice(plain(x), 1, 0, 1), 1e-6)) << "the first step has no state";
  EXPECT_GT(amax(abs(y - plain(x))).item(), 1e-4);
}

TEST(Recurrent, MistakesNameWhatIsWrong) {
  const auto says = [](const std::function<void()>& call, const std::string& text) {
    try {
      call();
      ADD_FAILURE() << "no error that says " << text;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(text), std::string::npos) << e.what();
    }
  };
  Lstm net{{.in = 3, .hidden = 4}};
  says([&] { net(ones({2, 3})); }, "expects [n, steps, in]");
  says([&] { net(ones({2, 5, 4})); }, "expects 3 inputs on the last axis, input has 4");
  says([&] { net(ones({2, 0, 3})); }, "no steps");
  says([&] { net(ones({2, 5, 3}), {zeros({1, 3, 4}), {}}); }, "the state must be [1, 2, 4]");
  says([&] { net(ones({2, 5, 3}), {}, ones({2})); }, "lengths must be integers");
  says([&] { net(ones({2, 5, 3}), {}, Tensor::from({5, 6}, {2}, DType::i64)); }, "length 6 of sample 1");
  says([] { Lstm{{.in = 3, .hidden = 0}}; }, "hidden");
  says([] { Gru{{.in = 3, .hidden = 2, .output = "final"}}; }, "output must be one of all, last");
  says([] { Rnn{{.in = 3, .hidden = 2, .nonlinearity = "sin"}}; }, "nonlinearity must be one of tanh, relu");
  says([] { Lstm{{.in = 3, .hidden = 2, .dropout = 1}}; }, "dropout must lie in [0, 1)");
  says([] { PoolOverTime{{.mode = "sum"}}; }, "mode must be one of max, mean");
}

TEST(Ctc, ValuesAndGradientsAreThoseOfPyTorch) {
  for (const char* key : {"ctc", "ctc, last class blank"}) {
    const json& r = golden("sequences.json").at(key);
    const Tensor logits = tracked(unpack(r.at("logits")));
    const Tensor loss = ctc_loss(log_softmax(logits, 2), unpack(r.at("targets")), unpack(r.at("frames")),
                                 unpack(r.at("lengths")), {.blank = r.at("blank").get<int64_t>()});
    EXPECT_TRUE(close(loss, unpack(r.at("loss")), 1e-5)) << key;
    const Tensor g = grad(loss, {logits}, {.grad_output = unpack(r.at("weights"))})[0];
    EXPECT_TRUE(close(g, unpack(r.at("grad")), 1e-5)) << key;
  }
}

TEST(Ctc, IsTheSumOverAllAlignments) {
  constexpr int64_t kFrames = 5, kClasses = 3;
  seed(9);
  const Tensor x = log_softmax(noise({kFrames, 1, kClasses}), 2);
  const std::vector<double> p = exp(x).values();
  for (const std::vector<int64_t>& target : std::vector<std::vector<int64_t>>{{}, {1}, {2, 2}, {1, 2, 1}}) {
    double total = 0;
    for (int64_t path = 0; path < 243; ++path) {
      std::vector<int64_t> labels;
      double product = 1;
      for (int64_t t = 0, rest = path, before = 0; t < kFrames; ++t, rest /= kClasses) {
        const int64_t c = rest % kClasses;
        if (c != 0 && c != before) labels.push_back(c);
        product *= p[static_cast<size_t>(t * kClasses + c)];
        before = c;
      }
      if (labels == target) total += product;
    }
    const auto length = static_cast<int64_t>(target.size());
    const Tensor loss = ctc_loss(x, Tensor::from(std::span<const int64_t>(target), {1, length}),
                                 full({1}, kFrames, DType::i64), full({1}, static_cast<double>(length), DType::i64));
    EXPECT_NEAR(loss.item(), -std::log(total), 1e-5) << length;
  }
}

TEST(Ctc, LongSequencesKeepTheirDigits) {
  // Of equal probabilities: every alignment has p = C^-T, and their number is known for one label.
  constexpr int64_t kFrames = 2000;
  const Tensor x = full({kFrames, 1, 20}, -std::log(20.0));
  const Tensor loss = ctc_loss(x, ones({1, 1}, DType::i64), full({1}, kFrames, DType::i64), ones({1}, DType::i64));
  EXPECT_NEAR(loss.item(), kFrames * std::log(20.0) - std::log(kFrames * (kFrames + 1) / 2.0), 1e-2);
}

}  // namespace
}  // namespace lamina::nn
