#include "kernel_runner.h"

#include <cmath>
#include <cstring>

#include "lamina/core/error.h"
#include "lamina/core/philox.h"
#include "lamina/tensor/storage.h"
#include "lamina/tensor/tensor_impl.h"

namespace lamina::testing {

namespace {

const Backend& find(std::string_view name) {
  for (const Backend* b : backends()) {
    if (b->name() == name) return *b;
  }
  throw Error("test", "no backend " + std::string(name));
}

/// Dense, of any strides. A tensor's bytes start at offset 0.
Tensor allocate(const Meta& meta) {
  Tensor t = Tensor::empty(meta.shape, meta.dtype);
  t.impl()->meta = meta;
  return t;
}

}  // namespace

Tensor noise(const Shape& shape, int seed, DType dtype) {
  Philox random(static_cast<uint64_t>(seed));
  std::vector<double> values(static_cast<size_t>(shape.numel()));
  for (double& v : values) v = random.uniform(-1, 1);
  return Tensor::from(values, shape, dtype);
}

Tensor stored_as(const Tensor& x, const Dims& order) {
  Meta meta = x.meta();
  int64_t step = 1;
  for (int i = meta.rank() - 1; i >= 0; --i) {
    meta.strides[static_cast<int>(order[i])] = step;
    step *= meta.shape[static_cast<int>(order[i])];
  }
  Tensor y = allocate(meta);
  const size_t size = size_of(x.dtype());
  const auto* from = static_cast<const std::byte*>(x.raw());
  auto* to = static_cast<std::byte*>(y.mutable_raw());
  for (int64_t flat = 0; flat < x.numel(); ++flat) {
    int64_t rest = flat, a = 0, b = 0;
    for (int i = meta.rank() - 1; i >= 0; --i) {
      const int64_t index = rest % meta.shape[i];
      rest /= meta.shape[i];
      a += index * x.strides()[i];
      b += index * meta.strides[i];
    }
    std::memcpy(to + static_cast<size_t>(b) * size, from + static_cast<size_t>(a) * size, size);
  }
  return y;
}

namespace {

Dims channels_last_order(int rank) {
  Dims order{0};
  for (int i = 2; i < rank; ++i) order.push_back(i);
  order.push_back(1);
  return order;
}

}  // namespace

Tensor channels_last(const Tensor& x) { return stored_as(x, channels_last_order(x.rank())); }

Meta channels_last(const Meta& meta) {
  Meta result = meta;
  const Dims order = channels_last_order(meta.rank());
  int64_t step = 1;
  for (int i = meta.rank() - 1; i >= 0; --i) {
    result.strides[static_cast<int>(order[i])] = step;
    step *= meta.shape[static_cast<int>(order[i])];
  }
  return result;
}

Outcome run(std::string_view backend, const Call& call) {
  Metas in;
  for (const Tensor& t : call.in) in.push_back(t.meta());
  if (call.spread_bias >= 0) {
    Meta& bias = in[static_cast<size_t>(call.spread_bias)];
    bias.shape = call.out[0].shape;
    bias.strides = Dims::filled(bias.rank(), 0);
    bias.strides[1] = 1;
  }
  KernelChoice choice = find(backend).prepare({.op = call.op,
                                               .in = in,
                                               .out = call.out,
                                               .attrs = call.attrs,
                                               .epilogue = call.epilogue,
                                               .constant_inputs = call.constant_inputs});
  Outcome result;
  if (auto* refusal = std::get_if<Refusal>(&choice)) {
    result.refusal = refusal->reason;
    return result;
  }
  Kernel& kernel = *std::get<std::unique_ptr<Kernel>>(choice);
  result.description = kernel.describe();
  std::vector<void*> from, to;
  for (const Tensor& t : call.in) from.push_back(t.mutable_raw());
  for (const Meta& m : call.out) {
    result.outputs.push_back(allocate(m));
    const bool wanted = to.empty() || !call.first_only;
    to.push_back(wanted ? result.outputs.back().mutable_raw() : nullptr);
    if (wanted) std::memset(to.back(), 0x7f, result.outputs.back().bytes());
  }
  const auto workspace = Storage::allocate(std::max<size_t>(kernel.workspace_bytes(), 1));
  std::memset(workspace->data(), 0x7f, workspace->bytes());
  kernel.refresh(from.data());
  kernel.run(from.data(), to.data(), workspace->data());
  kernel.run(from.data(), to.data(), workspace->data());
  return result;
}

double worst_error(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape()) return INFINITY;
  const std::vector<double> x = a.values(), y = b.values();
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double error = std::abs(x[i] - y[i]) / (1 + std::abs(y[i]));
    if (!(error <= worst)) worst = error;
  }
  return worst;
}

bool same_bits(const Tensor& a, const Tensor& b) { return std::memcmp(a.raw(), b.raw(), a.bytes()) == 0; }

}  // namespace lamina::testing
