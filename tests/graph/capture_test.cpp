#include "lamina/graph/capture.h"

#include <gtest/gtest.h>

#include "lamina/core/error.h"
#include "lamina/engine/grad.h"
#include "lamina/ops/ops.h"
#include "lamina/tensor/storage.h"

namespace lamina::graph {
namespace {

Tensor ramp(const Shape& shape, double scale = 0.1) {
  std::vector<double> v(static_cast<size_t>(shape.numel()));
  for (size_t i = 0; i < v.size(); ++i) v[i] = scale * (static_cast<double>(i % 17) - 8);
  return Tensor::from(v, shape, DType::f32);
}

/// A two-layer network trained by momentum, as a step on state.
struct Net {
  Variable w1{ramp({4, 8}), true}, b1{ramp({8}), true}, w2{ramp({8, 3}), true};
  Variable m1{zeros({4, 8})}, m2{zeros({8})}, m3{zeros({8, 3})};

  std::vector<Variable> state() const { return {w1, b1, w2, m1, m2, m3}; }

  Tensors step(const Tensors& in) const {
    const auto [loss, grads] = value_and_grad(
        [&] { return mean(square(matmul(tanh(matmul(in[0], w1.value()) + b1.value()), w2.value()) - in[1])); },
        {w1, b1, w2});
    const Variable params[] = {w1, b1, w2}, moments[] = {m1, m2, m3};
    for (size_t i = 0; i < 3; ++i) {
      const Tensor v = moments[i].value() * 0.9 + grads[i];
      moments[i].assign(v);
      params[i].assign(params[i].value() - v * 0.1);
    }
    return {loss};
  }
};

std::vector<std::string> all_passes() { return passes(); }

TEST(Capture, GivesTheNumbersOfEagerCodeBitForBit) {
  Net eager, captured, unoptimised;
  Captured step([&](const Tensors& in) { return captured.step(in); }, captured.state(),
                {.disabled_passes = {"fuse_epilogue"}});
  Captured plain([&](const Tensors& in) { return unoptimised.step(in); }, unoptimised.state(),
                 {.disabled_passes = all_passes()});
  for (int i = 0; i < 5; ++i) {
    const Tensors batch{ramp({6, 4}, 0.05 * (i + 1)), ramp({6, 3}, 0.3)};
    const double expected = eager.step(batch)[0].item();
    EXPECT_EQ(step(batch)[0].item(), expected);
    EXPECT_EQ(plain(batch)[0].item(), expected);
  }
  for (size_t i = 0; i < eager.state().size(); ++i) {
    EXPECT_EQ(captured.state()[i].value().values(), eager.state()[i].value().values());
    EXPECT_EQ(unoptimised.state()[i].value().values(), eager.state()[i].value().values());
  }
  EXPECT_EQ(step.captures(), 1);
  EXPECT_GT(step.report().fused_groups, 0);
  EXPECT_LT(step.report().steps, plain.report().steps);
}

TEST(Capture, EpiloguesGiveTheNumbersOfEagerCodeButForRounding) {
  Net eager, captured;
  Captured step([&](const Tensors& in) { return captured.step(in); }, captured.state());
  for (int i = 0; i < 5; ++i) {
    const Tensors batch{ramp({6, 4}, 0.05 * (i + 1)), ramp({6, 3}, 0.3)};
    const double expected = eager.step(batch)[0].item();
    EXPECT_NEAR(step(batch)[0].item(), expected, 1e-6 * std::abs(expected));
  }
}

TEST(Capture, ReplaysWithoutAllocating) {
  Net net;
  Captured step([&](const Tensors& in) { return net.step(in); }, net.state());
  const Tensors batch{ramp({6, 4}), ramp({6, 3})};
  step(batch);
  step(batch);
  const int64_t before = memory_stats().allocations;
  for (int i = 0; i < 10; ++i) step(batch);
  EXPECT_EQ(memory_stats().allocations, before);
}

TEST(Capture, PlannedMemoryIsWhatIsUsed) {
  Net net;
  Captured step([&](const Tensors& in) { return net.step(in); }, net.state());
  const Tensors batch{ramp({6, 4}), ramp({6, 3})};
  step.prepare(batch);
  const int64_t planned = step.report().arena_bytes;
  const int64_t before = memory_stats().live_bytes;
  step(batch);
  EXPECT_EQ(memory_stats().live_bytes - before, planned + 4);  // and the loss
}

TEST(Capture, ANewShapeCapturesAnewWithinItsBound) {
  int runs = 0;
  Captured twice(
      [&](const Tensors& in) {
        ++runs;
        return Tensors{in[0] * 2.0};
      },
      {}, {.max_plans = 2});
  for (int64_t n : {3, 4, 3, 4}) EXPECT_EQ(twice({ones({n})})[0].numel(), n);
  EXPECT_EQ(runs, 2);
  twice({ones({5})});
  EXPECT_EQ(twice.plans(), 2);
  twice({ones({3})});
  EXPECT_EQ(runs, 4);
}

TEST(Capture, HoldersOfOldValuesKeepThem) {
  const Variable v(Tensor::from({1, 2}, {2}), true);
  Captured step(
      [&](const Tensors&) {
        v.assign(v.value() + 1.0);
        return Tensors{v.value() * 1.0};
      },
      {v});
  const Tensor before = v.value();
  const Tensor first = step({})[0];
  const Tensor second = step({})[0];
  EXPECT_EQ(before.values(), (std::vector<double>{1, 2}));
  EXPECT_EQ(first.values(), (std::vector<double>{2, 3}));
  EXPECT_EQ(second.values(), (std::vector<double>{3, 4}));
  EXPECT_EQ(v.value().values(), (std::vector<double>{3, 4}));
}

TEST(Capture, SwappingVariablesIsSafe) {
  const Variable a(ramp({5})), b(ramp({5}, 1));
  const std::vector<double> va = a.value().values(), vb = b.value().values();
  Captured swap(
      [&](const Tensors&) {
        const Tensor old = a.value();
        a.assign(b.value());
        b.assign(old);
        return Tensors{};
      },
      {a, b});
  swap({});
  EXPECT_EQ(a.value().values(), vb);
  EXPECT_EQ(b.value().values(), va);
  swap({});
  EXPECT_EQ(a.value().values(), va);
}

TEST(Capture, ATransposedUpdateDoesNotOverwriteWhatItReads) {
  const Variable a(ramp({3, 3}));
  const std::vector<double> expected = (transpose(a.value()) + a.value()).values();
  Captured step(
      [&](const Tensors&) {
        a.assign(transpose(a.value()) + a.value());
        return Tensors{};
      },
      {a});
  step({});
  EXPECT_EQ(a.value().values(), expected);
}

TEST(Capture, ReadingAValueIsAnError) {
  Captured branch([](const Tensors& in) { return in[0].item() > 0 ? in : Tensors{-in[0]}; }, {});
  EXPECT_THROW(branch({ones({})}), Error);
}

TEST(Capture, VariablesOutsideOfTheStateAreAnError) {
  const Variable w(ones({2}), true);
  Captured reads([&](const Tensors& in) { return Tensors{in[0] * w.value()}; }, {});
  EXPECT_THROW(reads({ones({2})}), Error);
  Captured writes(
      [&](const Tensors& in) {
        w.assign(in[0]);
        return Tensors{};
      },
      {});
  EXPECT_THROW(writes({ones({2})}), Error);
  EXPECT_EQ(w.value().values(), (std::vector<double>{1, 1}));
}

TEST(Capture, RandomNumbersGoOnWhereEagerCodeWould) {
  const Generator eager(3), captured(3);
  Captured draw([&](const Tensors&) { return Tensors{random_uniform({4}, 0, 1, captured)}; }, {captured.state()});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(draw({})[0].values(), random_uniform({4}, 0, 1, eager).values());
}

TEST(Capture, OutputsThatAreInputsOrConstantsAreCopied) {
  Captured same([](const Tensors& in) { return Tensors{in[0], in[0], ones({2})}; }, {});
  const Tensors& out = same({ramp({3})});
  EXPECT_EQ(out[0].values(), ramp({3}).values());
  EXPECT_EQ(out[1].values(), ramp({3}).values());
  EXPECT_EQ(out[2].values(), (std::vector<double>{1, 1}));
}

TEST(Capture, SecondOrderGradientsAreCapturedToo) {
  const auto f = [](const Tensors& in) {
    return grad(
        [](const Tensors& x) { return sum(grad([](const Tensors& y) { return sum(tanh(y[0]) * y[0]); }, x)[0]); }, in);
  };
  Captured second(f, {});
  const Tensor x = ramp({7});
  EXPECT_EQ(second({x})[0].values(), f({x})[0].values());
}

TEST(Capture, UnknownPassesAreNamed) {
  Captured step([](const Tensors& in) { return in; }, {}, {.disabled_passes = {"fuse"}});
  EXPECT_THROW(step({ones({1})}), Error);
}

}  // namespace
}  // namespace lamina::graph
