#include <gtest/gtest.h>

#include "kernel_runner.h"
#include "lamina/core/parallel.h"
#include "lamina/ops/norm_attrs.h"

namespace lamina::testing {
namespace {

const Shape kShapes[] = {{2, 3, 5, 7}, {4, 16, 8, 8},    {3, 1, 6, 6},  {17, 33},
                         {5, 40, 9},   {2, 70, 3, 4, 5}, {64, 6, 1, 1}, {3, 4, 70, 71}};

Tensor positive(const Shape& shape, int seed) {
  std::vector<double> v = noise(shape, seed).values();
  for (double& x : v) x = x * x + 0.1;
  return Tensor::from(v, shape, DType::f32);
}

/// The call with x, g and the first output channels-last.
Call last(Call call) {
  call.in[0] = channels_last(call.in[0]);
  if (call.in.size() == 5) call.in[4] = channels_last(call.in[4]);
  call.out[0] = channels_last(call.out[0]);
  return call;
}

void agree(const Call& call, const Outcome& expected, double tolerance) {
  const Outcome got = run("cpu", call);
  ASSERT_EQ(got.refusal, "");
  for (size_t i = 0; i < got.outputs.size(); ++i) {
    EXPECT_LE(worst_error(got.outputs[i], expected.outputs[i]), tolerance)
        << call.in[0].meta().str() << " output " << i << " " << got.description;
  }
}

Call batch_norm(const Shape& s) {
  const Meta y(DType::f32, s), c(DType::f32, {s[1]});
  return {.op = OpId::batch_norm,
          .in = {noise(s, 1), noise({s[1]}, 2), noise({s[1]}, 3)},
          .out = {y, c, c},
          .attrs = NormAttrs{}};
}

Call batch_norm_backward(const Shape& s) {
  const Meta y(DType::f32, s), c(DType::f32, {s[1]});
  return {.op = OpId::batch_norm_backward,
          .in = {noise(s, 1), noise({s[1]}, 2), noise({s[1]}, 3), positive({s[1]}, 4), noise(s, 5)},
          .out = {y, c, c},
          .attrs = NormAttrs{}};
}

TEST(CpuNorm, BatchNormAgreesWithTheReferenceInBothLayouts) {
  for (const Shape& s : kShapes) {
    const Call call = batch_norm(s);
    const Outcome expected = run("ref", call);
    agree(call, expected, 2e-5);
    agree(last(call), expected, 2e-5);
  }
}

TEST(CpuNorm, BatchNormBackwardAgreesWithTheReferenceInBothLayouts) {
  for (const Shape& s : kShapes) {
    const Call call = batch_norm_backward(s);
    const Outcome expected = run("ref", call);
    agree(call, expected, 5e-5);
    agree(last(call), expected, 5e-5);
  }
}

TEST(CpuNorm, VarianceSurvivesALargeMean) {
  const Shape s{4, 2, 50, 50};
  std::vector<double> v = noise(s, 1).values();
  for (double& x : v) x = 1000 + x;
  Call call = batch_norm(s);
  call.in[0] = Tensor::from(v, s, DType::f32);
  const Outcome expected = run("ref", call);
  for (const Call& c : {call, last(call)}) {
    const Outcome got = run("cpu", c);
    EXPECT_LE(worst_error(got.outputs[2], expected.outputs[2]), 1e-6);
    EXPECT_LE(worst_error(got.outputs[0], expected.outputs[0]), 2e-3);
  }
}

TEST(CpuNorm, LayerNormAgreesWithTheReference) {
  for (const auto& [shape, axes] :
       {std::pair<Shape, int>{{6, 5, 7}, 1}, {{6, 5, 7}, 2}, {{300, 512}, 1}, {{1, 3}, 1}, {{2, 5000}, 1}}) {
    Shape lead, tail;
    for (int i = 0; i < shape.rank(); ++i) (i < shape.rank() - axes ? lead : tail).push_back(shape[i]);
    const Meta y(DType::f32, shape), statistic(DType::f32, lead), parameter(DType::f32, tail);
    const NormAttrs attrs{.eps = 1e-5, .axes = axes};
    const Call forward{.op = OpId::layer_norm,
                       .in = {noise(shape, 1), noise(tail, 2), noise(tail, 3)},
                       .out = {y, statistic, statistic},
                       .attrs = attrs};
    agree(forward, run("ref", forward), 2e-5);
    const Call backward{.op = OpId::layer_norm_backward,
                        .in = {noise(shape, 1), noise(tail, 2), noise(lead, 3), positive(lead, 4), noise(shape, 5)},
                        .out = {y, parameter, parameter},
                        .attrs = attrs};
    agree(backward, run("ref", backward), 5e-5);
  }
}

TEST(CpuNorm, GivesTheSameBitsForAnyNumberOfThreadsAndWithoutUnwantedOutputs) {
  const int before = num_threads();
  for (const Shape& s : {Shape{4, 16, 40, 40}, Shape{64, 70}}) {
    for (const Call& plain : {batch_norm(s), batch_norm_backward(s)}) {
      for (const Call& call : {plain, last(plain)}) {
        set_num_threads(1);
        const Tensor one = run("cpu", call).outputs[0];
        set_num_threads(2);
        EXPECT_TRUE(same_bits(one, run("cpu", call).outputs[0]));
        Call partial = call;
        partial.first_only = true;
        EXPECT_TRUE(same_bits(one, run("cpu", partial).outputs[0]));
      }
    }
  }
  set_num_threads(before);
}

TEST(CpuNorm, ResponseNormAgreesWithTheReferenceInBothLayouts) {
  for (const Shape& s : {Shape{2, 19, 5, 7}, Shape{1, 8, 11}, Shape{3, 33, 2, 2}}) {
    for (const auto& [size, beta] : {std::pair{5, 0.75}, {4, 0.6}, {3, 0.5}, {2, 1.0}}) {
      const ResponseNormAttrs attrs{.size = size, .alpha = 0.7, .beta = beta, .k = 1.3};
      const Call call{
          .op = OpId::local_response_norm, .in = {noise(s, 3)}, .out = {Meta(DType::f32, s)}, .attrs = attrs};
      const Outcome expected = run("ref", call);
      agree(call, expected, 1e-6);
      agree(last(call), expected, 1e-6);
    }
  }
}

TEST(CpuNorm, RefusesWithAReason) {
  Call call = batch_norm({2, 3, 4, 4});
  call.out[0] = channels_last(call.out[0]);
  EXPECT_NE(run("cpu", call).refusal, "");
}

}  // namespace
}  // namespace lamina::testing
