// Activations as layers. The formulas are those of lamina/ops/pointwise.h and softmax.h.
#pragma once

#include "lamina/nn/module.h"
#include "lamina/nn/options.h"

namespace lamina::nn {

/// max(0, x).
class Relu final : public Layer {
 public:
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS()
};
/// 1.0507·elu(x, 1.6733). (Klambauer et al. 2017)
class Selu final : public Layer {
 public:
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS()
};
/// x·sigmoid(x).
class Silu final : public Layer {
 public:
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS()
};
/// log(1 + eˣ).
class Softplus final : public Layer {
 public:
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS()
};
/// 1/(1 + e⁻ˣ).
class Sigmoid final : public Layer {
 public:
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS()
};
/// log sigmoid(x).
class LogSigmoid final : public Layer {
 public:
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS()
};
class Tanh final : public Layer {
 public:
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS()
};
/// clamp(x/6 + 1/2, 0, 1).
class HardSigmoid final : public Layer {
 public:
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS()
};
/// x·clamp(x/6 + 1/2, 0, 1). (Howard et al. 2019)
class HardSwish final : public Layer {
 public:
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS()
};

struct LeakyReluOptions {
  double slope = 0.01;
  LAMINA_OPTIONS(slope)
};

/// x for x > 0, else slope·x.
class LeakyRelu final : public Layer {
 public:
  using Options = LeakyReluOptions;
  explicit LeakyRelu(double slope) : LeakyRelu(LeakyReluOptions{.slope = slope}) {}
  explicit LeakyRelu(LeakyReluOptions options = {}) : options_(options) {}
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }
  LAMINA_FIELDS()

 private:
  LeakyReluOptions options_;
};

struct PreluOptions {
  int64_t channels = 1;
  double slope = 0.25;  // at the start
  LAMINA_OPTIONS(channels, slope)
};

/// leaky_relu with a learned slope: weight [channels], one for all or one per channel (axis 1). (He et al. 2015)
class Prelu final : public Layer {
 public:
  using Options = PreluOptions;
  explicit Prelu(PreluOptions options = {});
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }
  LAMINA_FIELDS(weight_)

 private:
  PreluOptions options_;
  Param weight_;
};

struct EluOptions {
  double alpha = 1;
  LAMINA_OPTIONS(alpha)
};

/// x for x > 0, else alpha·(eˣ − 1). (Clevert et al. 2016)
class Elu final : public Layer {
 public:
  using Options = EluOptions;
  explicit Elu(double alpha) : Elu(EluOptions{.alpha = alpha}) {}
  explicit Elu(EluOptions options = {}) : options_(options) {}
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }
  LAMINA_FIELDS()

 private:
  EluOptions options_;
};

struct GeluOptions {
  bool tanh_form = false;  // the approximation by tanh
  LAMINA_OPTIONS(tanh_form)
};

/// x·Φ(x). (Hendrycks and Gimpel 2016)
class Gelu final : public Layer {
 public:
  using Options = GeluOptions;
  explicit Gelu(GeluOptions options = {}) : options_(options) {}
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }
  LAMINA_FIELDS()

 private:
  GeluOptions options_;
};

struct HardtanhOptions {
  double low = -1, high = 1;
  LAMINA_OPTIONS(low, high)
};

/// clamp(x, low, high).
class Hardtanh final : public Layer {
 public:
  using Options = HardtanhOptions;
  explicit Hardtanh(HardtanhOptions options = {});
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }
  LAMINA_FIELDS()

 private:
  HardtanhOptions options_;
};

struct SoftmaxOptions {
  int64_t axis = -1;
  LAMINA_OPTIONS(axis)
};

/// e^xᵢ / Σ e^xⱼ along an axis.
class Softmax final : public Layer {
 public:
  using Options = SoftmaxOptions;
  explicit Softmax(int64_t axis) : Softmax(SoftmaxOptions{.axis = axis}) {}
  explicit Softmax(SoftmaxOptions options = {}) : options_(options) {}
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }
  LAMINA_FIELDS()

 private:
  SoftmaxOptions options_;
};

/// log softmax(x) along an axis.
class LogSoftmax final : public Layer {
 public:
  using Options = SoftmaxOptions;
  explicit LogSoftmax(int64_t axis) : LogSoftmax(SoftmaxOptions{.axis = axis}) {}
  explicit LogSoftmax(SoftmaxOptions options = {}) : options_(options) {}
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }
  LAMINA_FIELDS()

 private:
  SoftmaxOptions options_;
};

}  // namespace lamina::nn
