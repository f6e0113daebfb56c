#include <string>

#include "lamina/core/error.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/spatial_internal.h"

namespace lamina {

int spatial_axes(const Tensor& x, const char* op) {
  if (x.rank() < 3 || x.rank() > 5) {
    throw Error(op, "expected [n, channels, spatial…] with 1 to 3 spatial axes, got " + x.meta().str())
        .hint("a single image [channels, height, width] becomes a batch of one with unsqueeze(x, 0)");
  }
  return x.rank() - 2;
}

Dims per_axis(const Dims& option, int axes, int64_t otherwise, const char* op, const char* name) {
  if (option.empty()) return Dims::filled(axes, otherwise);
  if (option.rank() == 1) return Dims::filled(axes, option[0]);
  if (option.rank() != axes) {
    throw Error(op, std::string(name) + " " + option.str() + " for " + std::to_string(axes) + " spatial axes")
        .hint("give one number for all of them, or one for each");
  }
  return option;
}

Tensor per_channel(const Tensor& values, const Tensor& x, const char* op, const char* name) {
  if (values.rank() != 1 || values.numel() != x.size(1)) {
    throw Error(op, std::string(name) + " needs one element per channel")
        .detail("input " + x.meta().str())
        .detail(std::string(name) + " " + values.meta().str());
  }
  Shape shape = Dims::filled(x.rank(), 1);
  shape[1] = values.numel();
  return reshape(values, shape);
}

}  // namespace lamina
