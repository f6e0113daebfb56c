#include "lamina/nn/layers/shape.h"

#include "lamina/core/error.h"
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

}  // namespace lamina::nn
