#include <gtest/gtest.h>

#include <cmath>

#include "kernel_runner.h"
#include "lamina/core/parallel.h"
#include "lamina/ops/pool_attrs.h"

namespace lamina::testing {
namespace {

struct Case {
  Shape x, y;
  PoolAttrs attrs;
};

PoolAttrs attrs_of(Dims kernel, Dims stride, Dims padding, Dims dilation, bool count = true) {
  return {.kernel = kernel,
          .stride = stride,
          .padding = padding,
          .dilation = dilation,
          .ceil_mode = false,
          .count_include_pad = count,
          .input = {}};
}

const std::vector<Case>& cases() {
  static const std::vector<Case> list = {
      {{2, 3, 8, 10}, {2, 3, 4, 5}, attrs_of({2, 2}, {2, 2}, {0, 0}, {1, 1})},
      {{2, 17, 9, 7}, {2, 17, 5, 4}, attrs_of({3, 3}, {2, 2}, {1, 1}, {1, 1}, false)},
      {{1, 8, 6, 6}, {1, 8, 4, 4}, attrs_of({3, 3}, {1, 1}, {0, 0}, {1, 1})},
      {{3, 5, 11}, {3, 5, 5}, attrs_of({3}, {2}, {0}, {1})},
      {{2, 9, 4, 5, 6}, {2, 9, 2, 3, 3}, attrs_of({2, 3, 2}, {2, 2, 2}, {0, 1, 0}, {1, 1, 1})}};
  return list;
}

Call last(Call call) {
  for (Tensor& t : call.in) t = channels_last(t);
  for (Meta& m : call.out) m = channels_last(m);
  return call;
}

/// cpu, plain and channels-last, against ref; returns the outputs of ref.
Tensors agree(const Call& call) {
  const Outcome expected = run("ref", call);
  EXPECT_EQ(expected.refusal, "");
  for (const Call& c : {call, last(call)}) {
    const Outcome got = run("cpu", c);
    EXPECT_EQ(got.refusal, "");
    for (size_t i = 0; i < got.outputs.size(); ++i) {
      EXPECT_LE(worst_error(got.outputs[i], expected.outputs[i]), i == 0 ? 1e-6 : 0.0)
          << name_of(call.op) << call.in[0].meta().str() << " output " << i << " " << got.description;
    }
  }
  return expected.outputs;
}

TEST(CpuPool, AgreesWithTheReferenceInBothLayouts) {
  for (const auto& [x, y, attrs] : cases()) {
    const Meta value(DType::f32, y), position(DType::i32, y);
    const Tensors maxima = agree({.op = OpId::max_pool, .in = {noise(x, 1)}, .out = {value, position}, .attrs = attrs});
    PoolAttrs backward = attrs;
    backward.input = x;
    agree({.op = OpId::max_pool_backward,
           .in = {noise(y, 2), maxima[1]},
           .out = {Meta(DType::f32, x)},
           .attrs = backward});
    agree({.op = OpId::avg_pool, .in = {noise(x, 1)}, .out = {value}, .attrs = attrs});
    agree({.op = OpId::avg_pool_backward, .in = {noise(y, 2)}, .out = {Meta(DType::f32, x)}, .attrs = backward});
  }
}

TEST(CpuPool, DilatedMaximaAgreeWithTheReference) {
  const Shape x{2, 5, 9, 9}, y{2, 5, 5, 5};
  PoolAttrs attrs = attrs_of({3, 3}, {1, 1}, {0, 0}, {2, 2});
  const Tensors maxima = agree(
      {.op = OpId::max_pool, .in = {noise(x, 1)}, .out = {Meta(DType::f32, y), Meta(DType::i32, y)}, .attrs = attrs});
  attrs.input = x;
  agree({.op = OpId::max_pool_backward, .in = {noise(y, 2), maxima[1]}, .out = {Meta(DType::f32, x)}, .attrs = attrs});
}

TEST(CpuPool, AdaptiveWindowsAgreeWithTheReference) {
  for (const auto& [x, y] : {std::pair<Shape, Shape>{{2, 9, 7, 10}, {2, 9, 3, 4}},
                             {{2, 3, 4, 4}, {2, 3, 1, 1}},
                             {{1, 8, 3, 5}, {1, 8, 6, 7}}}) {
    AdaptivePoolAttrs attrs;
    for (int i = 2; i < y.rank(); ++i) attrs.output.push_back(y[i]);
    const Tensors maxima = agree({.op = OpId::adaptive_max_pool,
                                  .in = {noise(x, 1)},
                                  .out = {Meta(DType::f32, y), Meta(DType::i32, y)},
                                  .attrs = attrs});
    PoolAttrs positions;
    positions.input = x;
    agree({.op = OpId::max_pool_backward,
           .in = {noise(y, 2), maxima[1]},
           .out = {Meta(DType::f32, x)},
           .attrs = positions});
    agree({.op = OpId::adaptive_avg_pool, .in = {noise(x, 1)}, .out = {Meta(DType::f32, y)}, .attrs = attrs});
    attrs.input = x;
    agree({.op = OpId::adaptive_avg_pool_backward, .in = {noise(y, 2)}, .out = {Meta(DType::f32, x)}, .attrs = attrs});
  }
}

TEST(CpuPool, TheFirstOfEqualsWinsAndNanIsAboveAll) {
  const Shape x{1, 1, 2, 4}, y{1, 1, 1, 2};
  const Call call{.op = OpId::max_pool,
                  .in = {Tensor::from({1, 3, 2, NAN, 3, 0, 5, 9}, x)},
                  .out = {Meta(DType::f32, y), Meta(DType::i32, y)},
                  .attrs = attrs_of({2, 2}, {2, 2}, {0, 0}, {1, 1})};
  for (const Call& c : {call, last(call)}) {
    const Tensors out = run("cpu", c).outputs;
    EXPECT_EQ(out[0].values()[0], 3);
    EXPECT_TRUE(std::isnan(out[0].values()[1]));
    EXPECT_EQ(out[1].ints(), (std::vector<int64_t>{1, 3}));
  }
}

TEST(CpuPool, RunsWithoutPositionsAndForAnyNumberOfThreads) {
  const int before = num_threads();
  const Shape x{4, 16, 40, 40}, y{4, 16, 20, 20};
  Call call{.op = OpId::max_pool,
            .in = {noise(x, 1)},
            .out = {Meta(DType::f32, y), Meta(DType::i32, y)},
            .attrs = attrs_of({2, 2}, {2, 2}, {0, 0}, {1, 1})};
  for (Call c : {call, last(call)}) {
    set_num_threads(1);
    const Tensor one = run("cpu", c).outputs[0];
    set_num_threads(2);
    c.first_only = true;
    EXPECT_TRUE(same_bits(one, run("cpu", c).outputs[0]));
  }
  set_num_threads(before);
}

}  // namespace
}  // namespace lamina::testing
