// Runs one kernel of one backend on tensors laid out as a test wants them.
#pragma once

#include <string>

#include "lamina/engine/backend.h"
#include "lamina/tensor/tensor.h"

namespace lamina::testing {

/// Values of a pattern without symmetry, in [−1, 1], the same for every call with the same seed.
Tensor noise(const Shape& shape, int seed, DType dtype = DType::f32);

/// The same values with the axes stored in another order: order lists them from slowest to fastest.
Tensor stored_as(const Tensor& x, const Dims& order);
/// [n, c, …] stored channels-last.
Tensor channels_last(const Tensor& x);
Meta channels_last(const Meta& meta);

struct Outcome {
  Tensors outputs;
  std::string refusal;  // why there are none
  std::string description;
};

struct Call {
  OpId op;
  Tensors in;
  Metas out;
  Attrs attrs = {};
  const PointwiseProgram* epilogue = nullptr;
  bool first_only = false;  // pass null for the outputs beyond the first
  uint64_t constant_inputs = 0;
  int spread_bias = -1;  // this input [c] is broadcast to the shape of the first output, along axis 1
};

Outcome run(std::string_view backend, const Call& call);

/// Largest |a − b| / (1 + |b|).
double worst_error(const Tensor& a, const Tensor& b);
bool same_bits(const Tensor& a, const Tensor& b);

}  // namespace lamina::testing
