#include <gtest/gtest.h>

#include <cmath>

#include "kernel_runner.h"
#include "lamina/core/parallel.h"
#include "lamina/ops/conv_attrs.h"

namespace lamina::testing {
namespace {

struct Case {
  Shape x, w;
  ConvAttrs attrs;
};

ConvAttrs attrs_of(Dims stride, Dims before, Dims after, Dims dilation, int64_t groups = 1) {
  return {
      .stride = stride, .pad_before = before, .pad_after = after, .dilation = dilation, .groups = groups, .result = {}};
}

ConvAttrs square(int64_t stride, int64_t padding, int64_t dilation = 1, int64_t groups = 1) {
  const auto both = [](int64_t v) { return Dims{v, v}; };
  return attrs_of(both(stride), both(padding), both(padding), both(dilation), groups);
}

const std::vector<Case>& cases() {
  static const std::vector<Case> list = {
      {{4, 1, 28, 28}, {6, 1, 5, 5}, square(1, 2)},
      {{4, 6, 14, 14}, {16, 6, 5, 5}, square(1, 0)},
      {{2, 3, 17, 19}, {8, 3, 7, 7}, square(2, 3)},
      {{2, 32, 10, 9}, {40, 32, 3, 3}, square(1, 1)},
      {{2, 16, 9, 9}, {24, 16, 3, 3}, square(2, 1)},
      {{3, 20, 7, 7}, {33, 20, 1, 1}, square(1, 0)},
      {{3, 20, 8, 8}, {33, 20, 1, 1}, square(2, 0)},
      {{2, 8, 11, 11}, {12, 4, 3, 3}, square(1, 2, 2, 2)},
      {{2, 12, 8, 8}, {12, 1, 3, 3}, square(1, 1, 1, 12)},
      {{2, 5, 9, 8}, {7, 5, 3, 2}, attrs_of({1, 2}, {0, 1}, {2, 0}, {1, 1})},
      {{3, 10, 21}, {9, 10, 4}, attrs_of({2}, {1}, {2}, {1})},
      {{2, 3, 6, 7, 8}, {5, 3, 2, 3, 3}, attrs_of({1, 2, 1}, {0, 1, 1}, {0, 1, 1}, {1, 1, 1})},
      {{2, 64, 8, 8}, {64, 64, 3, 3}, square(1, 1)},
      {{1, 2, 5, 5}, {3, 2, 5, 5}, square(1, 0)},
      {{33, 4, 6, 6}, {70, 4, 3, 3}, square(1, 1)}};
  return list;
}

Shape result_shape(const Case& c) {
  Shape y{c.x[0], c.w[0]};
  for (int i = 0; i < c.attrs.stride.rank(); ++i) {
    const int64_t room =
        c.x[2 + i] + c.attrs.pad_before[i] + c.attrs.pad_after[i] - c.attrs.dilation[i] * (c.w[2 + i] - 1) - 1;
    y.push_back(room / c.attrs.stride[i] + 1);
  }
  return y;
}

Call forward(const Case& c) {
  return {.op = OpId::conv,
          .in = {noise(c.x, 1), noise(c.w, 2), noise({c.w[0]}, 3)},
          .out = {Meta(DType::f32, result_shape(c))},
          .attrs = c.attrs};
}

Call input_grad(Case c) {
  const Shape y = result_shape(c);
  c.attrs.result = c.x;
  return {.op = OpId::conv_input_grad,
          .in = {noise(y, 1), noise(c.w, 2)},
          .out = {Meta(DType::f32, c.x)},
          .attrs = c.attrs};
}

Call weight_grad(Case c) {
  const Shape y = result_shape(c);
  c.attrs.result = c.w;
  return {.op = OpId::conv_weight_grad,
          .in = {noise(c.x, 1), noise(y, 2)},
          .out = {Meta(DType::f32, c.w)},
          .attrs = c.attrs};
}

/// Bits of `which`: input 0, input 1, output stored channels-last.
Call stored(Call call, int which) {
  if (which & 1) call.in[0] = channels_last(call.in[0]);
  if (which & 2) call.in[1] = channels_last(call.in[1]);
  if (which & 4) call.out[0] = channels_last(call.out[0]);
  return call;
}

void agree_in_all_layouts(const Call& call) {
  const Outcome expected = run("ref", call);
  ASSERT_EQ(expected.refusal, "");
  const double terms = static_cast<double>(call.in[0].numel()) / 100 + 300;
  for (int which = 0; which < 8; ++which) {
    const Outcome got = run("cpu", stored(call, which));
    ASSERT_EQ(got.refusal, "");
    EXPECT_LE(worst_error(got.outputs[0], expected.outputs[0]), 2e-7 * terms)
        << name_of(call.op) << " " << call.in[0].meta().str() << call.in[1].meta().str() << " layouts " << which << " "
        << got.description;
  }
}

TEST(CpuConv, ForwardAgreesWithTheReferenceInAllLayouts) {
  for (const Case& c : cases()) agree_in_all_layouts(forward(c));
}
TEST(CpuConv, InputGradientAgreesWithTheReferenceInAllLayouts) {
  for (const Case& c : cases()) agree_in_all_layouts(input_grad(c));
}
TEST(CpuConv, WeightGradientAgreesWithTheReferenceInAllLayouts) {
  for (const Case& c : cases()) agree_in_all_layouts(weight_grad(c));
}

TEST(CpuConv, GivesTheSameBitsForAnyNumberOfThreads) {
  const int before = num_threads();
  for (const Case& c : cases()) {
    if (c.attrs.groups > 1) continue;  // oneDNN's sums over the batch follow the threads
    for (const Call& plain : {forward(c), input_grad(c), weight_grad(c)}) {
      for (int which : {0, 7}) {
        const Call call = stored(plain, which);
        set_num_threads(1);
        const Outcome one = run("cpu", call);
        set_num_threads(2);
        EXPECT_TRUE(same_bits(one.outputs[0], run("cpu", call).outputs[0]))
            << name_of(call.op) << " " << call.in[0].meta().str() << " " << one.description;
      }
    }
  }
  set_num_threads(before);
}

TEST(CpuConv, ReordersConstantWeightsOnce) {
  Call call = forward(cases()[3]);
  call.constant_inputs = 2;
  EXPECT_LE(worst_error(run("cpu", call).outputs[0], run("ref", call).outputs[0]), 1e-4);
}

/// conv, then + bias, + residual, relu, as one kernel.
TEST(CpuConv, AppliesEpilogues) {
  for (const Case& c : cases()) {
    for (OpId activation : {OpId::relu, OpId::tanh, OpId::sigmoid}) {
      for (int which : {0, 7}) {
        Call call = stored(forward(c), which);
        call.in.pop_back();
        const Tensor plain = run("cpu", call).outputs[0];
        const Tensor residual = noise(call.out[0].shape, 4), bias = noise({c.w[0]}, 5);
        call.in.push_back(bias);
        call.in.push_back(which ? channels_last(residual) : residual);
        PointwiseProgram program;
        program.inputs = {DType::f32, DType::f32, DType::f32};
        program.instructions = {{OpId::add, {0, 1}, {}, DType::f32},
                                {OpId::add, {2, 3}, {}, DType::f32},
                                {activation, {4}, {}, DType::f32}};
        program.outputs = {5};
        call.epilogue = &program;
        call.spread_bias = 2;
        const Outcome got = run("cpu", call);
        // oneDNN's activations are too coarse: what it runs is refused.
        if (!got.refusal.empty() && activation != OpId::relu && (c.attrs.groups > 1 || which == 0)) continue;
        ASSERT_EQ(got.refusal, "") << call.in[0].meta().str() << call.in[1].meta().str() << which;
        const std::vector<double> x = plain.values(), r = residual.values(), b = bias.values(),
                                  z = got.outputs[0].values();
        const size_t plane = x.size() / static_cast<size_t>(c.x[0] * c.w[0]);
        for (size_t i = 0; i < z.size(); ++i) {
          const double v = x[i] + b[i / plane % b.size()] + r[i];
          const double expected = activation == OpId::relu   ? std::max(v, 0.0)
                                  : activation == OpId::tanh ? std::tanh(v)
                                                             : 1 / (1 + std::exp(-v));
          ASSERT_NEAR(z[i], expected, 1e-5 * (1 + std::abs(v))) << got.description;
        }
      }
    }
  }
}

TEST(CpuConv, RefusesWithAReason) {
  Call call = forward(cases()[3]);
  for (Tensor& t : call.in) t = noise(t.shape(), 1, DType::f64);
  call.out[0].dtype = DType::f64;
  EXPECT_NE(run("cpu", call).refusal, "");
}

}  // namespace
}  // namespace lamina::testing
