#include "lamina/nn/layers/shape.h"

#include "lamina/core/error.h"
#include "lamina/nn/layers/check.h"
#include "lamina/ops/movement.h"

namespace lamina::nn {

Tensor Flatten::forward(const Tensor& x) {
  return flatten(x, static_cast<int>(options_.start), static_cast<int>(options_.end));
}

Tensor Reshape::forward(const Tensor& x) {
  if (x.rank() == 0) throw Error("Reshape", "expects [n, …], input has no axes");
  Shape shape{x.size(0)};
  for (int64_t extent : options_.shape) shape.push_back(extent);
  return reshape(x, shape);
}

PixelShuffle::PixelShuffle(PixelShuffleOptions options) : options_(options) {
  require_at_least(options_.factor, 1, "PixelShuffle", "factor");
}

Tensor PixelShuffle::forward(const Tensor& x) {
  check_rank(x, 4, 4, "PixelShuffle", "[n, channels, height, width]");
  const int64_t n = x.size(0), f = options_.factor, h = x.size(2), w = x.size(3);
  if (x.size(1) % (f * f)) {
    throw Error("PixelShuffle", "expects channels in multiples of " + std::to_string(f * f) + ", input has " +
                                    std::to_string(x.size(1)))
        .detail("input " + x.meta().str());
  }
  const int64_t channels = x.size(1) / (f * f);
  const Tensor squares = permute(reshape(x, {n, channels, f, f, h, w}), {0, 1, 4, 2, 5, 3});
  return reshape(squares, {n, channels, h * f, w * f});
}

}  // namespace lamina::nn
