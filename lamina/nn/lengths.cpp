#include "lamina/nn/lengths.h"

#include <utility>

#include "lamina/core/error.h"
#include "lamina/nn/layers/check.h"
#include "lamina/ops/create.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/pointwise.h"

namespace lamina::nn {

namespace {

thread_local Tensor current;
thread_local int64_t current_steps = 0;

}  // namespace

LengthsScope::LengthsScope(Tensor lengths, int64_t steps) : previous_lengths_(current), previous_steps_(current_steps) {
  if (lengths.defined()) {
    check_rank(lengths, 1, 1, "LengthsScope", "lengths [n]");
    if (!is_integral(lengths.dtype())) {
      throw Error("LengthsScope", "lengths must be integers, got " + lengths.meta().str());
    }
  }
  current = std::move(lengths);
  current_steps = steps;
}

LengthsScope::~LengthsScope() {
  current = std::move(previous_lengths_);
  current_steps = previous_steps_;
}

Tensor current_lengths(const Tensor& x, const char* layer, int steps_axis, int batch_axis) {
  if (!current.defined()) return {};
  const int64_t steps = x.size(steps_axis), n = x.size(batch_axis);
  if (steps == current_steps && n == current.size(0)) return current;
  throw Error(layer, "the batch has " + std::to_string(current.size(0)) + " sequences padded to " +
                         std::to_string(current_steps) + " steps, the input here " + std::to_string(n) + " of " +
                         std::to_string(steps))
      .detail("input " + x.meta().str())
      .hint("a module that changes the number of steps opens an nn::LengthsScope for the layers behind");
}

Tensor length_mask(const Tensor& lengths, int64_t places) {
  check_rank(lengths, 1, 1, "length_mask", "[n]");
  const Tensor place = reshape(arange(0, static_cast<double>(places), 1, DType::i64), {1, places});
  return lt(place, unsqueeze(cast(lengths, DType::i64), 1));
}

}  // namespace lamina::nn
