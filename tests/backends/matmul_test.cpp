#include <gtest/gtest.h>

#include <cmath>

#include "kernel_runner.h"
#include "lamina/core/parallel.h"

namespace lamina::testing {
namespace {

/// By the definition, in double.
Tensor product(const Tensor& a, const Tensor& b) {
  const int r = a.rank();
  Shape shape = a.shape();
  shape[r - 1] = b.shape()[r - 1];
  const int64_t m = a.shape()[r - 2], k = a.shape()[r - 1], n = shape[r - 1];
  const std::vector<double> x = a.values(), y = b.values();
  std::vector<double> z(static_cast<size_t>(shape.numel()));
  const int64_t batch = m * n > 0 ? shape.numel() / (m * n) : 0;
  for (int64_t item = 0; item < batch; ++item) {
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (int64_t p = 0; p < k; ++p) {
          sum += x[static_cast<size_t>((item * m + i) * k + p)] * y[static_cast<size_t>((item * k + p) * n + j)];
        }
        z[static_cast<size_t>((item * m + i) * n + j)] = sum;
      }
    }
  }
  return Tensor::from(z, shape, DType::f64);
}

struct Extents {
  int64_t m, k, n;
};

constexpr Extents kExtents[] = {{1, 1, 1},      {4, 2, 8},      {4, 8, 1},    {1, 300, 70},   {3, 40, 5},
                                {5, 17, 33},    {6, 16, 16},    {64, 64, 64}, {64, 784, 300}, {70, 513, 90},
                                {300, 64, 784}, {33, 1000, 10}, {7, 0, 5},    {200, 30, 10},  {10, 700, 4},
                                {40, 300, 512}, {1, 90, 600},   {2, 300, 90}, {16, 40, 2048}};

double tolerance(DType dtype, int64_t k) { return (dtype == DType::f32 ? 2e-7 : 1e-15) * static_cast<double>(k + 10); }

TEST(CpuMatmul, AgreesWithTheDefinitionForEveryOrderOfStorage) {
  for (const auto& [m, k, n] : kExtents) {
    for (DType dtype : {DType::f32, DType::f64}) {
      const Tensor a = noise({m, k}, 1, dtype), b = noise({k, n}, 2, dtype);
      const Tensor expected = product(a, b);
      for (int storage = 0; storage < 8; ++storage) {
        const Tensor left = storage & 1 ? stored_as(a, {1, 0}) : a, right = storage & 2 ? stored_as(b, {1, 0}) : b;
        Meta out(dtype, {m, n});
        if (storage & 4) out.strides = {1, m};
        const Outcome r = run("cpu", {.op = OpId::matmul, .in = {left, right}, .out = {out}});
        ASSERT_EQ(r.refusal, "");
        EXPECT_LE(worst_error(r.outputs[0], expected), tolerance(dtype, k))
            << m << "x" << k << "x" << n << " storage " << storage << " " << r.description;
      }
    }
  }
}

TEST(CpuMatmul, RunsBatchesAndBroadcastOperands) {
  for (const auto& [m, k, n] : {Extents{3, 5, 4}, Extents{40, 33, 50}}) {
    const Tensor a = noise({2, 3, m, k}, 1), b = noise({2, 3, k, n}, 2);
    const Outcome r = run("cpu", {.op = OpId::matmul, .in = {a, b}, .out = {Meta(DType::f32, {2, 3, m, n})}});
    EXPECT_LE(worst_error(r.outputs[0], product(a, b)), tolerance(DType::f32, k));
  }
}

TEST(CpuMatmul, GivesTheSameBitsForAnyNumberOfThreads) {
  const int before = num_threads();
  for (const auto& [m, k, n] : kExtents) {
    const Call call{.op = OpId::matmul, .in = {noise({m, k}, 1), noise({k, n}, 2)}, .out = {Meta(DType::f32, {m, n})}};
    set_num_threads(1);
    const Tensor one = run("cpu", call).outputs[0];
    set_num_threads(2);
    EXPECT_TRUE(same_bits(one, run("cpu", call).outputs[0])) << m << "x" << k << "x" << n;
  }
  set_num_threads(before);
}

TEST(CpuMatmul, PacksConstantOperandsOnce) {
  const Tensor a = noise({64, 100}, 1), b = stored_as(noise({100, 70}, 2), {1, 0});
  const Outcome r =
      run("cpu", {.op = OpId::matmul, .in = {a, b}, .out = {Meta(DType::f32, {64, 70})}, .constant_inputs = 3});
  EXPECT_LE(worst_error(r.outputs[0], product(a, b)), tolerance(DType::f32, 100));
  EXPECT_NE(r.description.find("once"), std::string::npos) << r.description;
}

TEST(CpuMatmul, AppliesEpilogues) {
  for (const auto& [m, k, n] : {Extents{3, 5, 4}, Extents{1, 300, 70}, Extents{70, 513, 90}}) {
    const Tensor a = noise({m, k}, 1), b = noise({k, n}, 2), row = noise({n}, 3), block = noise({m, n}, 4);
    Tensor bias = stored_as(row, {0});
    Meta wide(DType::f32, {m, n});
    wide.strides = {0, 1};
    PointwiseProgram program;
    program.inputs = {DType::f32, DType::f32, DType::f32};
    program.instructions = {
        {OpId::add, {0, 1}, {}, DType::f32}, {OpId::add, {2, 3}, {}, DType::f32}, {OpId::tanh, {4}, {}, DType::f32}};
    program.outputs = {5};
    const Metas in{a.meta(), b.meta(), wide, block.meta()}, out{Meta(DType::f32, {m, n})};
    KernelChoice choice =
        backends()[0]->prepare({.op = OpId::matmul, .in = in, .out = out, .attrs = {}, .epilogue = &program});
    ASSERT_TRUE(std::holds_alternative<std::unique_ptr<Kernel>>(choice));
    Kernel& kernel = *std::get<std::unique_ptr<Kernel>>(choice);
    const Tensor result = Tensor::empty({m, n});
    void* from[] = {a.mutable_raw(), b.mutable_raw(), bias.mutable_raw(), block.mutable_raw()};
    void* to[] = {result.mutable_raw()};
    std::vector<std::byte> workspace(kernel.workspace_bytes() + 64);
    kernel.run(from, to, workspace.data());
    const std::vector<double> plain = product(a, b).values(), x = row.values(), y = block.values(), z = result.values();
    for (size_t i = 0; i < z.size(); ++i) {
      EXPECT_NEAR(z[i], std::tanh(plain[i] + x[i % static_cast<size_t>(n)] + y[i]), 1e-5);
    }
  }
}

/// The update of a parameter by momentum: v ← v + g, w ← w − rate·v, over the old values. g is the product.
TEST(CpuMatmul, EndsInAProgramThatOverwritesItsOperands) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const auto& [m, k, n] :
         {Extents{8, 20, 4}, Extents{96, 300, 512}, Extents{97, 30, 513}, Extents{250, 64, 784}}) {
      const Tensor a = stored_as(noise({m, k}, 1, dtype), {1, 0}), b = noise({k, n}, 2, dtype);
      const Tensor w = noise({m, n}, 3, dtype), v = noise({m, n}, 4, dtype);
      const Tensor rate = Tensor::from({0.1}, {}, dtype);
      const std::vector<double> g = product(a, b).values(), old_w = w.values(), old_v = v.values();
      Meta everywhere(dtype, {m, n});
      everywhere.strides = {0, 0};
      PointwiseProgram program;  // registers: 0 product, 1 w, 2 v, 3 rate
      program.inputs = {dtype, dtype, dtype, dtype};
      program.instructions = {{OpId::add, {2, 0}, {}, dtype},  // 4: the new v
                              {OpId::mul, {3, 4}, {}, dtype},
                              {OpId::sub, {1, 5}, {}, dtype}};
      program.outputs = {4, 6};
      const Metas in{a.meta(), b.meta(), w.meta(), v.meta(), everywhere}, out{v.meta(), w.meta()};
      KernelChoice choice = backends()[0]->prepare(
          {.op = OpId::matmul, .in = in, .out = out, .attrs = {}, .epilogue = &program, .overwrites = true});
      ASSERT_TRUE(std::holds_alternative<std::unique_ptr<Kernel>>(choice)) << std::get<Refusal>(choice).reason;
      Kernel& kernel = *std::get<std::unique_ptr<Kernel>>(choice);
      void* from[] = {a.mutable_raw(), b.mutable_raw(), w.mutable_raw(), v.mutable_raw(), rate.mutable_raw()};
      void* to[] = {v.mutable_raw(), w.mutable_raw()};
      std::vector<std::byte> workspace(kernel.workspace_bytes() + 64);
      kernel.run(from, to, workspace.data());
      const std::vector<double> new_w = w.values(), new_v = v.values();
      for (size_t i = 0; i < g.size(); ++i) {
        ASSERT_NEAR(new_v[i], old_v[i] + g[i], 1e-4) << m << "×" << n << " at " << i;
        ASSERT_NEAR(new_w[i], old_w[i] - 0.1 * (old_v[i] + g[i]), 1e-4) << m << "×" << n << " at " << i;
      }
    }
  }
}

TEST(CpuMatmul, RefusesIntegersWithAReason) {
  const Tensor a = Tensor::from({1, 2}, {1, 2}, DType::i64), b = Tensor::from({1, 2}, {2, 1}, DType::i64);
  EXPECT_NE(run("cpu", {.op = OpId::matmul, .in = {a, b}, .out = {Meta(DType::i64, {1, 1})}}).refusal, "");
}

}  // namespace
}  // namespace lamina::testing
