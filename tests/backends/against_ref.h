// Runs a kernel of the CPU backend and that of the reference on the same inputs.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <sstream>

#include "lamina/backends/cpu/cpu.h"
#include "lamina/backends/ref/ref.h"
#include "lamina/core/parallel.h"
#include "lamina/core/philox.h"
#include "lamina/engine/backend.h"

namespace lamina::testing_backends {

inline Metas metas_of(const Tensors& tensors) {
  Metas metas;
  for (const Tensor& t : tensors) metas.push_back(t.meta());
  return metas;
}

/// Prepares and runs; a refusal fails the test. Outputs have the given metas, or the inferred ones.
inline Tensors run_on(const Backend& backend, OpId op, const Tensors& in, const Attrs& attrs = {}, Metas out = {}) {
  const Metas metas = metas_of(in);
  if (out.empty()) out = op_def(op).infer(metas, attrs);
  KernelChoice choice = backend.prepare({op, metas, out, attrs});
  if (const auto* refusal = std::get_if<Refusal>(&choice)) {
    ADD_FAILURE() << backend.name() << " refuses " << name_of(op) << ": " << refusal->reason;
    return {};
  }
  Kernel& kernel = *std::get<std::unique_ptr<Kernel>>(choice);
  Tensors results;
  std::vector<void*> from, to;
  for (const Tensor& t : in) from.push_back(t.mutable_raw());
  for (const Meta& m : out) {
    results.push_back(Tensor::empty(m.shape, m.dtype));
    to.push_back(results.back().mutable_raw());
  }
  // A workspace full of NaN, as memory used before would be full of something.
  const Tensor workspace = Tensor::empty({static_cast<int64_t>(kernel.workspace_bytes())}, DType::u8);
  std::memset(workspace.mutable_raw(), 0xff, workspace.bytes());
  kernel.run(from.data(), to.data(), workspace.mutable_raw());
  return results;
}

/// Values around 0, of standard deviation 1 (0 … 99 for u8, ±100 for other integers).
inline Tensor random_tensor(const Shape& shape, uint64_t seed = 1, DType dtype = DType::f32) {
  Philox random(seed);
  std::vector<double> values(static_cast<size_t>(shape.numel()));
  for (double& v : values) {
    v = is_floating(dtype) ? random.normal() : dtype == DType::u8 ? random.uniform(0, 99) : random.uniform(-100, 100);
    if (!is_floating(dtype)) v = std::floor(v);
    if (dtype == DType::boolean) v = v > 0;
  }
  return Tensor::from(values, shape, dtype);
}

/// The CPU backend gives the reference's values within `tolerance` (absolute, and relative to the value), and
/// the same bits on one thread and on two.
inline void expect_like_ref(OpId op, const Tensors& in, const Attrs& attrs, double tolerance) {
  std::ostringstream what;
  what << name_of(op) << " " << attrs.json();
  for (const Tensor& t : in) what << " " << t.meta().str() << t.strides().str();
  SCOPED_TRACE(what.str());
  const Tensors expected = run_on(ref_backend(), op, in, attrs);
  set_num_threads(1);
  const Tensors got = run_on(cpu_backend(), op, in, attrs);
  set_num_threads(2);
  const Tensors again = run_on(cpu_backend(), op, in, attrs);
  ASSERT_EQ(got.size(), expected.size());
  for (size_t k = 0; k < got.size(); ++k) {
    EXPECT_EQ(std::memcmp(got[k].raw(), again[k].raw(), got[k].bytes()), 0) << "depends on the number of threads";
    const std::vector<double> a = got[k].values(), b = expected[k].values();
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) {
      const bool same = a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i])) ||
                        std::abs(a[i] - b[i]) <= tolerance * (1 + std::abs(b[i]));
      ASSERT_TRUE(same) << "output " << k << " element " << i << ": " << a[i] << ", expected " << b[i];
    }
  }
}

}  // namespace lamina::testing_backends
