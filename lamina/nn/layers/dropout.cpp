#include "lamina/nn/layers/dropout.h"

#include "lamina/core/error.h"
#include "lamina/nn/layers/check.h"
#include "lamina/ops/pointwise.h"
#include "lamina/ops/random.h"

namespace lamina::nn {

namespace {

void check_probability(double p, const char* kind) {
  if (!(p >= 0 && p < 1)) throw Error(kind, "p must lie in [0, 1), got " + std::to_string(p));
}

}  // namespace

Dropout::Dropout(DropoutOptions options) : options_(options) { check_probability(options_.p, "Dropout"); }

Tensor Dropout::forward(const Tensor& x) { return is_training() ? dropout(x, options_.p) : x; }

SpatialDropout::SpatialDropout(DropoutOptions options) : options_(options) {
  check_probability(options_.p, "SpatialDropout");
}

Tensor SpatialDropout::forward(const Tensor& x) {
  check_rank(x, 2, Dims::kMaxRank, kind(), "[n, channels, …]");
  if (!is_training() || options_.p == 0) return x;
  Shape channels = Dims::filled(x.rank(), 1);
  channels[0] = x.size(0);
  channels[1] = x.size(1);
  return where(random_bernoulli(channels, 1 - options_.p), x * (1 / (1 - options_.p)), 0.0);
}

}  // namespace lamina::nn
