// Pointwise kernels of the CPU backend: accuracy against the C library in f64, fused programs against
// the same ops one by one, layouts, special values.
#include "lamina/ops/pointwise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>

#include "lamina/backends/cpu/cpu.h"
#include "lamina/core/parallel.h"
#include "lamina/core/philox.h"
#include "lamina/engine/backend.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/pointwise_attrs.h"

namespace lamina {
namespace {

constexpr float kInf = INFINITY;

Tensor run_one(OpId op, const Tensors& in, const Metas& out, const Attrs& attrs = {}) {
  Metas metas;
  std::vector<void*> pointers;
  for (const Tensor& t : in) {
    metas.push_back(t.meta());
    pointers.push_back(t.mutable_raw());
  }
  KernelChoice choice = cpu_backend().prepare({op, metas, out, attrs});
  if (const auto* refusal = std::get_if<Refusal>(&choice)) {
    ADD_FAILURE() << name_of(op) << ": " << refusal->reason;
    return Tensor();
  }
  Tensor result = Tensor::empty(out[0].shape, out[0].dtype);
  void* to = result.mutable_raw();
  std::get<std::unique_ptr<Kernel>>(choice)->run(pointers.data(), &to, nullptr);
  return result;
}

Tensors run_fused(const PointwiseProgram& program, const Tensors& in, const Metas& out) {
  Metas metas;
  std::vector<void*> pointers, to;
  for (const Tensor& t : in) {
    metas.push_back(t.meta());
    pointers.push_back(t.mutable_raw());
  }
  KernelChoice choice = cpu_backend().prepare_fused(program, metas, out);
  if (const auto* refusal = std::get_if<Refusal>(&choice)) {
    ADD_FAILURE() << refusal->reason;
    return {};
  }
  Tensors results;
  for (const Meta& m : out) {
    results.push_back(Tensor::empty(m.shape, m.dtype));
    to.push_back(results.back().mutable_raw());
  }
  std::get<std::unique_ptr<Kernel>>(choice)->run(pointers.data(), to.data(), nullptr);
  return results;
}

Tensor random_tensor(const Shape& shape, uint64_t seed, DType dtype = DType::f32) {
  Philox random(seed);
  std::vector<double> values(static_cast<size_t>(shape.numel()));
  for (double& v : values) v = random.normal();
  return Tensor::from(values, shape, dtype);
}

void expect_same_bits(const Tensor& a, const Tensor& b) {
  ASSERT_EQ(a.meta(), b.meta());
  EXPECT_EQ(std::memcmp(a.raw(), b.raw(), a.bytes()), 0);
}

struct Function {
  OpId op;
  double (*exact)(double);
  float low, high;
  double ulps;
};

/// Distance in units of the last place of the exact result.
double error_in_ulps(float got, double exact) {
  const auto nearest = static_cast<float>(exact);
  if (std::isnan(nearest) || std::isnan(got)) return std::isnan(nearest) == std::isnan(got) ? 0 : INFINITY;
  if (std::isinf(nearest) || std::isinf(got)) return nearest == got ? 0 : INFINITY;
  const double ulp = std::max(0x1p-149, std::ldexp(1.0, std::ilogb(exact == 0 ? 0x1p-149 : exact) - 23));
  return std::abs(static_cast<double>(got) - exact) / ulp;
}

class Accuracy : public testing::TestWithParam<Function> {};

TEST_P(Accuracy, IsWithinAFewUlps) {
  const Function f = GetParam();
  std::vector<float> x;
  Philox random(1);
  for (int i = 0; i < 200000; ++i) x.push_back(static_cast<float>(random.uniform(f.low, f.high)));
  // Every exponent, both signs.
  for (int e = -149; e < 128; ++e) {
    for (int k = 0; k < 40; ++k) {
      const auto v = static_cast<float>(std::ldexp(random.uniform(1, 2), e));
      for (float s : {v, -v}) {
        if (s >= f.low && s <= f.high) x.push_back(s);
      }
    }
  }
  for (float special : {0.0F, -0.0F, kInf, -kInf, NAN, 1.0F, -1.0F, 3.4e38F, -3.4e38F, 1e-45F, -1e-45F, 88.7F, 88.8F,
                        -103.9F, -104.1F}) {
    x.push_back(special);
  }
  const Tensor in = Tensor::from(std::span<const float>(x), {static_cast<int64_t>(x.size())});
  const std::vector<float> got = run_one(f.op, {in}, {in.meta()}).floats();
  double worst = 0;
  float at = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double error = error_in_ulps(got[i], f.exact(x[i]));
    if (!(error <= worst)) {
      worst = error;
      at = x[i];
    }
  }
  RecordProperty("ulps", std::to_string(worst));
  EXPECT_LE(worst, f.ulps) << name_of(f.op) << "(" << at << ")";
}

#define EXACT(expression) [](double x) -> double { return expression; }
INSTANTIATE_TEST_SUITE_P(
    Functions, Accuracy,
    testing::Values(
        Function{OpId::exp, EXACT(std::exp(x)), -110, 90, 1.1}, Function{OpId::expm1, EXACT(std::expm1(x)), -90, 90, 2},
        Function{OpId::log, EXACT(std::log(x)), 0, 1e38F, 1.1},
        Function{OpId::log1p, EXACT(std::log1p(x)), -1, 1e38F, 2},
        Function{OpId::tanh, EXACT(std::tanh(x)), -12, 12, 2},
        Function{OpId::sigmoid, EXACT(1 / (1 + std::exp(-x))), -87, 90, 2.5},
        Function{OpId::softplus, EXACT((x > 0 ? x : 0) + std::log1p(std::exp(-std::abs(x)))), -80, 90, 3},
        Function{OpId::erf, EXACT(std::erf(x)), -5, 5, 2}, Function{OpId::sin, EXACT(std::sin(x)), -50, 50, 3},
        Function{OpId::cos, EXACT(std::cos(x)), -50, 50, 3}, Function{OpId::sqrt, EXACT(std::sqrt(x)), 0, 1e38F, 0.5},
        Function{OpId::rsqrt, EXACT(1 / std::sqrt(x)), 0, 1e38F, 1.5},
        Function{OpId::tan, EXACT(std::tan(x)), -50, 50, 2}, Function{OpId::atan, EXACT(std::atan(x)), -50, 50, 2},
        Function{OpId::asinh, EXACT(std::asinh(x)), -50, 50, 2},
        Function{OpId::floor, EXACT(std::floor(x)), -1e9F, 1e9F, 0},
        Function{OpId::round, EXACT(std::nearbyint(x)), -1e9F, 1e9F, 0},
        Function{OpId::relu, EXACT(x <= 0 ? 0 : x), -9, 9, 0}),
    [](const auto& info) { return std::string(name_of(info.param.op)); });

// Values beyond the range of the vector form go through the C library; their neighbours must not notice.
TEST(Periodic, FarValuesLeaveTheirNeighboursAlone) {
  std::vector<float> near(64), mixed;
  for (size_t i = 0; i < near.size(); ++i) near[i] = 0.1F * static_cast<float>(i);
  mixed = near;
  mixed[5] = 1e30F;
  mixed[40] = kInf;
  const std::vector<float> a = run_one(OpId::sin, {Tensor::from(near, {64})}, {Meta(DType::f32, {64})}).floats();
  const std::vector<float> b = run_one(OpId::sin, {Tensor::from(mixed, {64})}, {Meta(DType::f32, {64})}).floats();
  EXPECT_FLOAT_EQ(b[5], std::sin(1e30F));
  EXPECT_TRUE(std::isnan(b[40]));
  for (size_t i = 0; i < near.size(); ++i) {
    if (i != 5 && i != 40) EXPECT_EQ(a[i], b[i]);
  }
}

/// x, y, row [c], column [n, 1], scalar, all seen as [n, c] → relu(x·row + y) and
/// tanh(that)·column − scalar where that > 0.5, else x.
struct Case {
  PointwiseProgram program;
  Tensors in;
  std::vector<OpId> ops;
};

PointwiseProgram mixed_program(DType d) {
  PointwiseProgram p;
  p.inputs = {d, d, d, d, d};
  p.instructions = {{OpId::mul, {0, 2}, {}, d},                              // 5
                    {OpId::add, {5, 1}, {}, d},                              // 6
                    {OpId::relu, {6}, {}, d},                                // 7: stored
                    {OpId::tanh, {7}, {}, d},                                // 8
                    {OpId::mul, {8, 3}, {}, d},                              // 9
                    {OpId::sub, {9, 4}, {}, d},                              // 10
                    {OpId::full, {}, FullAttrs{{}, 0.5, d}, d},              // 11
                    {OpId::gt, {7, 11}, {}, DType::boolean},                 // 12
                    {OpId::where, {12, 10, 0}, {}, d},                       // 13: stored
                    {OpId::cast, {12}, CastAttrs{DType::f32}, DType::f32}};  // 14: stored
  p.outputs = {7, 13, 14};
  return p;
}

Tensors run_program_op_by_op(const PointwiseProgram& p, const Tensors& in) {
  Tensors registers = in;
  for (const auto& i : p.instructions) {
    Tensors operands;
    for (int r : i.in) operands.push_back(registers[static_cast<size_t>(r)]);
    const Shape shape = i.in.empty() ? Shape{} : in[0].shape();
    Tensor result = run_one(i.op, operands, {Meta(i.dtype, shape)}, i.attrs);
    registers.push_back(i.in.empty() ? expand(result, in[0].shape()) : result);
  }
  Tensors out;
  for (int r : p.outputs) out.push_back(registers[static_cast<size_t>(r)]);
  return out;
}

class FusedShapes : public testing::TestWithParam<std::pair<int64_t, int64_t>> {};

TEST_P(FusedShapes, GivesTheBitsOfTheOpsOneByOne) {
  const auto [n, c] = GetParam();
  for (DType d : {DType::f32, DType::f64, DType::bf16}) {
    const Shape shape{n, c};
    const Tensors in{random_tensor(shape, 1, d), random_tensor({c, n}, 2, d), random_tensor({c}, 3, d),
                     random_tensor({n, 1}, 4, d), random_tensor({}, 5, d)};
    const Tensors seen{in[0], transpose(in[1]), expand(in[2], shape), expand(in[3], shape), expand(in[4], shape)};
    const PointwiseProgram program = mixed_program(d);
    const Metas out{Meta(d, shape), Meta(d, shape), Meta(DType::f32, shape)};
    const Tensors expected = run_program_op_by_op(program, seen);
    for (int threads : {1, 2}) {
      set_num_threads(threads);
      const Tensors got = run_fused(program, seen, out);
      for (size_t k = 0; k < got.size(); ++k) expect_same_bits(got[k], expected[k]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, FusedShapes,
                         testing::Values(std::pair{1, 1}, std::pair{1, 8}, std::pair{8, 1}, std::pair{3, 5},
                                         std::pair{64, 10}, std::pair{10, 64}, std::pair{7, 1023}, std::pair{5, 1025},
                                         std::pair{1025, 5}, std::pair{300, 700}, std::pair{2, 20000}, std::pair{0, 4}),
                         [](const auto& info) {
                           return std::to_string(info.param.first) + "x" + std::to_string(info.param.second);
                         });

TEST(Fused, ChannelsOfImagesInBothLayouts) {
  const Shape shape{3, 5, 4, 6};
  const Tensor x = random_tensor(shape, 1), channel = random_tensor({5}, 2);
  const Tensor last = permute(contiguous(permute(x, {0, 2, 3, 1})), {0, 3, 1, 2});
  const Tensor bias = expand(reshape(channel, {5, 1, 1}), shape);
  PointwiseProgram p;
  p.inputs = {DType::f32, DType::f32};
  p.instructions = {{OpId::add, {0, 1}, {}, DType::f32}, {OpId::relu, {2}, {}, DType::f32}};
  p.outputs = {3};
  std::vector<float> expected;
  for (int64_t i = 0; i < x.numel(); ++i) {
    expected.push_back(
        std::max(0.0F, x.floats()[static_cast<size_t>(i)] + channel.floats()[static_cast<size_t>(i / 24 % 5)]));
  }
  EXPECT_EQ(run_fused(p, {x, bias}, {Meta(DType::f32, shape)})[0].floats(), expected);
  EXPECT_EQ(run_fused(p, {last, bias}, {Meta(DType::f32, shape)})[0].floats(), expected);
  Meta channels_last(DType::f32, shape);
  channels_last.strides = last.strides();
  const Tensor result = run_fused(p, {last, bias}, {channels_last})[0];
  for (int64_t n = 0; n < 3; ++n) {
    for (int64_t c = 0; c < 5; ++c) {
      for (int64_t s = 0; s < 24; ++s) {
        EXPECT_EQ(result.floats()[static_cast<size_t>((n * 24 + s) * 5 + c)],
                  expected[static_cast<size_t>((n * 5 + c) * 24 + s)]);
      }
    }
  }
}

// An output may be given the memory of an input of the same shape that dies in the group.
TEST(Fused, WritesOverAnInputThatIsReadLater) {
  const int64_t n = 3000;
  const Tensor x = random_tensor({n}, 1), y = random_tensor({n}, 2);
  PointwiseProgram p;
  p.inputs = {DType::f32, DType::f32};
  p.instructions = {{OpId::mul, {0, 1}, {}, DType::f32}, {OpId::add, {2, 0}, {}, DType::f32}};
  p.outputs = {2, 3};
  const Tensors expected = run_program_op_by_op(p, {x, y});
  const Metas in{x.meta(), y.meta()}, out{x.meta(), x.meta()};
  KernelChoice choice = cpu_backend().prepare_fused(p, in, out);
  const Tensor other = Tensor::empty({n});
  void* from[] = {x.mutable_raw(), y.mutable_raw()};
  void* to[] = {x.mutable_raw(), other.mutable_raw()};
  std::get<std::unique_ptr<Kernel>>(choice)->run(from, to, nullptr);
  expect_same_bits(x, expected[0]);
  expect_same_bits(other, expected[1]);
}

TEST(Fused, StoresInputsNumbersAndTheSameRegisterTwice) {
  const Tensor x = random_tensor({40, 30}, 1), s = random_tensor({}, 2);
  PointwiseProgram p;
  p.inputs = {DType::f32, DType::f32};
  p.instructions = {{OpId::neg, {0}, {}, DType::f32}, {OpId::full, {}, FullAttrs{{}, 3, DType::i64}, DType::i64}};
  p.outputs = {0, 1, 2, 2, 3};
  const Metas out{x.meta(), x.meta(), x.meta(), x.meta(), Meta(DType::i64, x.shape())};
  const Tensors got = run_fused(p, {x, expand(s, x.shape())}, out);
  expect_same_bits(got[0], x);
  EXPECT_EQ(got[1].floats(), std::vector<float>(1200, s.floats()[0]));
  EXPECT_EQ(got[2].floats()[7], -x.floats()[7]);
  expect_same_bits(got[2], got[3]);
  EXPECT_EQ(got[4].ints(), std::vector<int64_t>(1200, 3));
}

TEST(Integers, WrapCompareAndConvert) {
  const Tensor a = Tensor::from({250, 3, 0, 7}, {4}, DType::u8), b = Tensor::from({10, 5, 1, 7}, {4}, DType::u8);
  EXPECT_EQ(run_one(OpId::add, {a, b}, {a.meta()}).ints(), (std::vector<int64_t>{4, 8, 1, 14}));
  EXPECT_EQ(run_one(OpId::lt, {a, b}, {Meta(DType::boolean, {4})}).ints(), (std::vector<int64_t>{0, 1, 1, 0}));
  const Tensor f = Tensor::from({-1.7, 2.9, 1e30, NAN}, {4});
  EXPECT_EQ(run_one(OpId::cast, {f}, {Meta(DType::i32, {4})}, CastAttrs{DType::i32}).ints(),
            (std::vector<int64_t>{-1, 2, INT32_MAX, 0}));
  const Tensor i = Tensor::from({-3, 2, 0, 5}, {4}, DType::i64), e = Tensor::from({3, 10, 0, 1}, {4}, DType::i64);
  EXPECT_EQ(run_one(OpId::pow, {i, e}, {i.meta()}).ints(), (std::vector<int64_t>{-27, 1024, 1, 5}));
}

// Every two arithmetic ops in a row, in either place, run as one.
TEST(Fused, PairsGiveTheBitsOfTheOpsOneByOne) {
  const OpId arithmetic[] = {OpId::add, OpId::sub, OpId::mul, OpId::div};
  const Shape shape{3, 37};
  const Tensors in{random_tensor(shape, 1), random_tensor(shape, 2), expand(random_tensor({37}, 3), shape)};
  for (OpId first : arithmetic) {
    for (OpId second : {OpId::add, OpId::sub, OpId::mul, OpId::div, OpId::relu}) {
      for (bool turned : {false, true}) {
        PointwiseProgram p;
        p.inputs = {DType::f32, DType::f32, DType::f32};
        std::vector<int> operands = turned ? std::vector<int>{2, 3} : std::vector<int>{3, 2};
        if (second == OpId::relu) operands = {3};
        p.instructions = {{first, {0, 1}, {}, DType::f32},
                          {second, operands, {}, DType::f32},
                          {OpId::mul, {4, 4}, {}, DType::f32},
                          {OpId::sub, {0, 5}, {}, DType::f32}};
        p.outputs = {6, 4};
        const Tensors expected = run_program_op_by_op(p, in), got = run_fused(p, in, {in[0].meta(), in[0].meta()});
        for (size_t k = 0; k < got.size(); ++k) expect_same_bits(got[k], expected[k]);
      }
    }
  }
}

TEST(Integers, RemaindersTakeTheSignOfTheDividend) {
  const Tensor a = Tensor::from({-7, 7, 7, 9}, {4}, DType::i32), b = Tensor::from({3, -3, -1, 255}, {4}, DType::i32);
  EXPECT_EQ(run_one(OpId::fmod, {a, b}, {a.meta()}).ints(), (std::vector<int64_t>{-1, 1, 0, 9}));
  const Tensor u = Tensor::from({9}, {1}, DType::u8), v = Tensor::from({255}, {1}, DType::u8);
  EXPECT_EQ(run_one(OpId::fmod, {u, v}, {u.meta()}).ints(), (std::vector<int64_t>{9}));
}

TEST(Extremes, NanWins) {
  const Tensor a = Tensor::from({NAN, 1, 2}, {3}), b = Tensor::from({1, NAN, 3}, {3});
  for (OpId op : {OpId::maximum, OpId::minimum}) {
    const std::vector<float> y = run_one(op, {a, b}, {a.meta()}).floats();
    EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1]));
    EXPECT_EQ(y[2], op == OpId::maximum ? 3 : 2);
  }
}

}  // namespace
}  // namespace lamina
