#include "lamina/nn/layers/check.h"

#include "lamina/core/error.h"

namespace lamina::nn {

void check_rank(const Tensor& x, int least, int most, const std::string& kind, const char* form) {
  if (x.rank() >= least && x.rank() <= most) return;
  throw Error(kind, std::string("expects ") + form + ", input has " + std::to_string(x.rank()) + " axes")
      .detail("input " + x.meta().str())
      .hint(x.rank() + 1 == least ? "is the batch axis missing?" : "look at the result of the layer before");
}

void check_extent(const Tensor& x, int axis, int64_t expected, const std::string& kind, const char* what,
                  const Tensor& weight) {
  if (x.size(axis) == expected) return;
  Error error(kind, "expects " + std::to_string(expected) + " " + what + ", input has " + std::to_string(x.size(axis)));
  error.detail("input  " + x.meta().str());
  if (weight.defined()) error.detail("weight " + weight.meta().str());
  throw error.hint("look at the result of the layer before");
}

}  // namespace lamina::nn
