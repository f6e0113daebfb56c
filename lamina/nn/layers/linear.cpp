#include "lamina/nn/layers/linear.h"

#include "lamina/nn/init.h"
#include "lamina/nn/layers/check.h"
#include "lamina/ops/matmul.h"

namespace lamina::nn {

Linear::Linear(LinearOptions options) : options_(std::move(options)) {
  require_at_least(options_.in, 1, "Linear", "in");
  require_at_least(options_.out, 1, "Linear", "out");
  const Shape shape{options_.out, options_.in};
  weight_ = Param(init::by_name(options_.init, shape));
  if (options_.bias) bias_ = Param(init::bias(options_.init, options_.out, shape));
}

Tensor Linear::forward(const Tensor& x) {
  check_rank(x, 1, Dims::kMaxRank, "Linear", "[.., in]");
  check_extent(x, -1, options_.in, "Linear", "inputs on the last axis", weight_);
  return linear(x, weight_, bias_);
}

}  // namespace lamina::nn
