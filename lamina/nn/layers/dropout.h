// Dropout: noise in training, the identity in evaluation.
#pragma once

#include "lamina/nn/module.h"
#include "lamina/nn/options.h"

namespace lamina::nn {

struct DropoutOptions {
  double p = 0.5;  // probability of zero, in [0, 1)
  LAMINA_OPTIONS(p)
};

/// Zeroes each element with probability p and scales the others by 1/(1 − p). (Srivastava et al. 2014)
class Dropout final : public Layer {
 public:
  using Options = DropoutOptions;
  explicit Dropout(double p) : Dropout(DropoutOptions{.p = p}) {}
  explicit Dropout(DropoutOptions options = {});
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }
  LAMINA_FIELDS()

 private:
  DropoutOptions options_;
};

/// Zeroes whole channels of [n, channels, …]. (Tompson et al. 2015)
class SpatialDropout final : public Layer {
 public:
  using Options = DropoutOptions;
  explicit SpatialDropout(double p) : SpatialDropout(DropoutOptions{.p = p}) {}
  explicit SpatialDropout(DropoutOptions options = {});
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }
  LAMINA_FIELDS()

 private:
  DropoutOptions options_;
};

}  // namespace lamina::nn
