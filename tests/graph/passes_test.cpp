// Each pass by itself: what it makes of a graph, as text, and that numbers are the same with and without it.
#include "lamina/graph/passes.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lamina/core/error.h"
#include "lamina/engine/grad.h"
#include "lamina/engine/tape.h"
#include "lamina/graph/capture.h"
#include "lamina/graph/recorder.h"
#include "lamina/ops/ops.h"

namespace lamina::graph {
namespace {

Tensor wave(const Shape& shape, double scale = 1, double step = 0.7) {
  std::vector<double> v(static_cast<size_t>(shape.numel()));
  for (size_t i = 0; i < v.size(); ++i) v[i] = scale * std::sin(step * static_cast<double>(i) + 0.3);
  return Tensor::from(v, shape, DType::f32);
}

int count(const std::string& text, const std::string& word) {
  int n = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++n;
  return n;
}

Graph recorded(const Captured::Fn& fn, const Metas& inputs, const std::vector<Variable>& state = {}) {
  return record(fn, inputs, state);
}

const Meta kRow(DType::f32, {2, 3});

TEST(Passes, DceDropsWhatNobodyReads) {
  const Graph g = recorded([](const Tensors& in) { return tanh(in[0]), Tensors{exp(in[0])}; }, {kRow});
  EXPECT_EQ(count(g.str(), "tanh"), 1);
  EXPECT_EQ(eliminate_dead_code(g).str(), "%1 = exp(%0) [2, 3] f32\nreturn %1\n");
}

TEST(Passes, CseComputesEqualExpressionsOnce) {
  const Graph g = recorded([](const Tensors& in) { return Tensors{exp(in[0]) + exp(in[0])}; }, {kRow});
  EXPECT_EQ(count(g.str(), "exp"), 2);
  EXPECT_EQ(merge_common_subexpressions(g).str(), "%1 = exp(%0) [2, 3] f32\n%2 = add(%1, %1) [2, 3] f32\nreturn %2\n");
}

TEST(Passes, SimplifyDropsViewsThatChangeNothing) {
  const Graph g = recorded([](const Tensors& in) { return Tensors{exp(transpose(transpose(in[0])))}; }, {kRow});
  EXPECT_GE(g.nodes.size(), 3u);
  EXPECT_EQ(simplify(g).str(), "%1 = exp(%0) [2, 3] f32\nreturn %1\n");
}

TEST(Passes, LayoutBlocksChannelsBetweenConvolutions) {
  const Variable a(wave({32, 16, 3, 3})), b(wave({32, 32, 3, 3}));
  const Graph g = recorded(
      [&](const Tensors& in) {
        return Tensors{conv(relu(conv(in[0], a.value(), {}, {.padding = {1, 1}})), b.value(), {}, {.padding = {1, 1}})};
      },
      {Meta(DType::f32, {2, 16, 14, 14})}, {a, b});
  const Graph laid = choose_layouts(g);
  int blocked = 0;
  for (const Node& n : laid.nodes) blocked += laid.meta(n.out[0]).channel_block > 0 ? 1 : 0;
  EXPECT_GE(blocked, 3) << laid.str();  // the two convolutions and what is between them
  // Copied at most where pictures come in and go out.
  EXPECT_LE(count(laid.str(), "contiguous"), 2) << laid.str();
}

TEST(Passes, FusePointwiseMakesOneKernelOfAChain) {
  const Graph g = recorded([](const Tensors& in) { return Tensors{tanh(exp(in[0]) * in[1])}; }, {kRow, kRow});
  PassLog log;
  EXPECT_EQ(fuse_pointwise(g, log).str(), "%2 = fused(exp mul tanh)(%0, %1) [2, 3] f32\nreturn %2\n");
  EXPECT_EQ(log.fused_groups, 1);
}

TEST(Passes, FuseEpilogueLetsAProductApplyItsActivation) {
  const Graph g = recorded([](const Tensors& in) { return Tensors{relu(matmul(in[0], in[1]))}; },
                           {Meta(DType::f32, {8, 16}), Meta(DType::f32, {16, 8})});
  PassLog log;
  EXPECT_EQ(fuse_epilogue(g, log).str(), "%2 = matmul+relu(%0, %1) [8, 8] f32\nreturn %2\n");
}

TEST(Passes, FuseEpilogueJoinsAGradientWithTheUpdateThatItAloneIsFor) {
  // Two layers: the gradient of the first parameter is made last, that of the second before the first is read again.
  constexpr int64_t kUnits = 64;
  const Variable first(wave({kUnits, kUnits}, 0.1, 0.3), true), second(wave({kUnits, kUnits}, 0.1, 0.7), true);
  const Variable velocity(wave({kUnits, kUnits}, 0.01, 0.2));
  const auto step = [&](const Tensors& in) {
    auto [loss, grads] = value_and_grad(
        [&] { return sum(square(matmul(tanh(matmul(in[0], first.value())), second.value()))); }, {first, second});
    const NoGrad off;
    velocity.assign(velocity.value() * 0.9 + grads[0]);
    first.assign(first.value() - velocity.value() * 0.01);
    second.assign(second.value() - grads[1] * 0.01);
    return Tensors{loss};
  };
  const Tensors batch{wave({32, kUnits}, 0.2, 0.5)};
  std::vector<double> expected;
  for (const bool fused : {false, true}) {
    std::vector<Variable> state{first, second, velocity};
    Tensors start;
    for (const Variable& v : state) start.push_back(v.clone().value());
    Captured captured(
        step, state,
        {.disabled_passes = fused ? std::vector<std::string>{} : std::vector<std::string>{"fuse_epilogue"}});
    std::vector<double> got;
    for (int i = 0; i < 3; ++i) got.push_back(captured(batch)[0].item());
    for (const Variable& v : state) {
      for (double x : v.value().values()) got.push_back(x);
    }
    if (fused) {
      EXPECT_EQ(count(captured.report().graph, "finishes blocks"), 3)
          << captured.report().str();  // and tanh's gradient
      for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1e-4 * std::abs(expected[i]) + 1e-5);
    }
    expected = got;
    for (size_t i = 0; i < state.size(); ++i) state[i].assign(start[i]);
  }
}

TEST(Passes, HoistMovesWhatOnlyConstantsNeedToTheFront) {
  const Variable scale(wave({2, 3}));
  const Graph g =
      recorded([&](const Tensors& in) { return Tensors{exp(in[0]) * tanh(scale.value())}; }, {kRow}, {scale});
  EXPECT_EQ(count(g.str(), "tanh"), 1);
  const Graph hoisted = hoist_invariants(g);
  EXPECT_EQ(hoisted.invariant_nodes, 1);
  EXPECT_EQ(hoisted.str(),
            "%2 = tanh(%1) [2, 3] f32\n%3 = exp(%0) [2, 3] f32\n%4 = mul(%3, %2) [2, 3] f32\nreturn %4\n");
}

// ---- equal numbers -------------------------------------------------------------------------------

/// A network and its loss; its parameters and a random state are the state of the step.
struct Net {
  std::string name;
  Tensors batch;
  std::vector<Tensor> parameters;
  std::function<Tensor(const Tensors& p, const Tensors& batch)> loss;
};

Tensor cross_entropy(const Tensor& y, const Tensor& labels) { return mean(cross_entropy_rows(y, labels)); }

std::vector<Net> nets() {
  const Tensor labels = Tensor::from(std::vector<int64_t>{0, 2, 1, 2}, {4});
  return {
      {"multilayer perceptron",
       {wave({4, 20}), wave({4, 5}, 0.5, 1.3)},
       {wave({20, 16}, 0.3), wave({16}, 0.1), wave({16, 5}, 0.3, 1.1)},
       [](const Tensors& p, const Tensors& b) {
         return mean(square(matmul(tanh(matmul(b[0], p[0]) + p[1]), p[2]) - b[1]));
       }},
      {"residual block with batch normalization",
       {wave({4, 16, 6, 6}), labels},
       {wave({16, 16, 3, 3}, 0.1), wave({16}, 0.2), wave({16}, 0.1), wave({16, 3}, 0.4, 1.9)},
       [](const Tensors& p, const Tensors& b) {
         const Tensor y = batch_norm_train(conv(b[0], p[0], {}, {.padding = {1, 1}}), p[1], p[2], 1e-5).y;
         return cross_entropy(matmul(mean(relu(y + b[0]), {2, 3}), p[3]), b[1]);
       }},
      {"dropout",
       {wave({4, 24}), labels},
       {wave({24, 32}, 0.3), wave({32, 3}, 0.3, 1.7)},
       [](const Tensors& p, const Tensors& b) {
         return cross_entropy(matmul(dropout(relu(matmul(b[0], p[0])), 0.4), p[1]), b[1]);
       }},
      {"softmax and its logarithm",
       {wave({4, 12}), labels},
       {wave({12, 3}, 0.5)},
       [](const Tensors& p, const Tensors& b) {
         const Tensor logits = matmul(b[0], p[0]);
         return cross_entropy(logits, b[1]) + mean(square(softmax(logits, 1)));
       }},
  };
}

/// Losses of three steps of gradient descent, then all parameters.
std::vector<double> trained(const Net& net, const std::vector<std::string>& disabled, bool compile = true,
                            bool recompute = false) {
  Generator generator{5};
  std::vector<Variable> parameters, state;
  for (const Tensor& p : net.parameters) parameters.emplace_back(p, true);
  state = parameters;
  state.push_back(generator.state());
  Captured step(
      [&](const Tensors& batch) {
        const GeneratorScope random(generator);
        const auto [loss, grads] = value_and_grad(
            [&] {
              Tensors values;
              for (const Variable& p : parameters) values.push_back(p.value());
              return net.loss(values, batch);
            },
            parameters);
        const NoGrad off;
        for (size_t i = 0; i < parameters.size(); ++i) parameters[i].assign(parameters[i].value() - grads[i] * 0.1);
        return Tensors{loss};
      },
      state, {.disabled_passes = disabled, .recompute = recompute, .compile = compile});
  std::vector<double> result;
  for (int i = 0; i < 3; ++i) result.push_back(step(net.batch)[0].item());
  for (const Variable& p : parameters) {
    const std::vector<double> v = p.value().values();
    result.insert(result.end(), v.begin(), v.end());
  }
  return result;
}

TEST(Passes, EachLeavesTheNumbersAlone) {
  for (const Net& net : nets()) {
    const std::vector<double> expected = trained(net, {}), eager = trained(net, {}, false);
    EXPECT_NE(expected[0], expected[2]) << net.name;
    for (const std::string& pass : passes()) {
      const std::vector<double> without = trained(net, {pass});
      ASSERT_EQ(without.size(), expected.size());
      for (size_t i = 0; i < expected.size(); ++i) {
        ASSERT_NEAR(without[i], expected[i], 1e-5) << net.name << " without " << pass;
        ASSERT_NEAR(eager[i], expected[i], 1e-5) << net.name << ", eagerly";
      }
    }
  }
}

/// Another kernel may round otherwise; where the kernels stay the same, so do the bits.
TEST(Passes, ThoseThatChooseNoOtherKernelsLeaveTheBitsAlone) {
  for (const Net& net : nets()) {
    const std::vector<double> expected = trained(net, {"fuse_epilogue", "layout"});
    for (const char* pass : {"dce", "cse", "fuse_pointwise", "hoist_invariants"}) {
      EXPECT_EQ(trained(net, {"fuse_epilogue", "layout", pass}), expected) << net.name << " without " << pass;
    }
  }
}

TEST(Passes, RecomputeGivesTheSameBitsInLessMemory) {
  // A deep chain whose every value the backward pass reads.
  constexpr int kLayers = 12;
  const auto run = [&](bool recompute, Report& report) {
    std::vector<Variable> weights;
    for (int i = 0; i < kLayers; ++i) weights.emplace_back(wave({32, 32}, 0.2, 0.3 + 0.01 * i), true);
    Captured step(
        [&](const Tensors& in) {
          const auto [loss, grads] = value_and_grad(
              [&] {
                Tensor y = in[0];
                for (const Variable& w : weights) y = tanh(layer_norm(matmul(y, w.value()), {}, {}));
                return mean(square(y));
              },
              weights);
          const NoGrad off;
          for (int i = 0; i < kLayers; ++i) {
            const auto k = static_cast<size_t>(i);
            weights[k].assign(weights[k].value() - grads[k] * 0.1);
          }
          return Tensors{loss};
        },
        weights, {.recompute = recompute});
    std::vector<double> result;
    for (int i = 0; i < 3; ++i) result.push_back(step({wave({512, 32})})[0].item());
    for (const Variable& w : weights) {
      const std::vector<double> v = w.value().values();
      result.insert(result.end(), v.begin(), v.end());
    }
    report = step.report();
    return result;
  };
  Report kept, again;
  const std::vector<double> expected = run(false, kept);
  EXPECT_EQ(run(true, again), expected);
  EXPECT_LT(again.arena_bytes, 0.7 * static_cast<double>(kept.arena_bytes));
  EXPECT_LT(again.flops, 1.4 * kept.flops);
  EXPECT_GT(again.steps, kept.steps);
  EXPECT_TRUE(kept.decisions.empty());
  ASSERT_EQ(again.decisions.size(), 1u);
  EXPECT_NE(again.decisions[0].find("made again"), std::string::npos);
}

TEST(Passes, RecomputeLeavesEveryNetsBitsAlone) {
  for (const Net& net : nets()) EXPECT_EQ(trained(net, {}, true, true), trained(net, {})) << net.name;
}

TEST(Passes, AnUnknownNameIsAnErrorThatNamesTheNearest) {
  try {
    check_passes({"layout", "fuse_pointwize"}, "--disable-pass");
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("did you mean \"fuse_pointwise\""), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace lamina::graph
