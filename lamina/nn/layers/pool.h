// Pooling over the spatial axes of [n, channels, spatial…].
#pragma once

#include "lamina/nn/module.h"
#include "lamina/nn/options.h"

namespace lamina::nn {

struct MaxPoolOptions {
  RequiredAxes kernel;
  PerAxis stride = {};  // default: the kernel
  PerAxis padding = 0;
  PerAxis dilation = 1;
  bool ceil_mode = false;  // round the output extent up
  LAMINA_OPTIONS(kernel, stride, padding, dilation, ceil_mode)
};

class MaxPoolNd : public Layer {
 public:
  using Options = MaxPoolOptions;
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }

 protected:
  MaxPoolNd(int axes, const char* kind, MaxPoolOptions options);
  int axes_;
  MaxPoolOptions options_;
};

class MaxPool1d final : public MaxPoolNd {
 public:
  explicit MaxPool1d(int64_t kernel) : MaxPool1d(MaxPoolOptions{.kernel = kernel}) {}
  explicit MaxPool1d(MaxPoolOptions options) : MaxPoolNd(1, "MaxPool1d", std::move(options)) {}
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS()
};
class MaxPool2d final : public MaxPoolNd {
 public:
  explicit MaxPool2d(int64_t kernel) : MaxPool2d(MaxPoolOptions{.kernel = kernel}) {}
  explicit MaxPool2d(MaxPoolOptions options) : MaxPoolNd(2, "MaxPool2d", std::move(options)) {}
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS()
};
class MaxPool3d final : public MaxPoolNd {
 public:
  explicit MaxPool3d(int64_t kernel) : MaxPool3d(MaxPoolOptions{.kernel = kernel}) {}
  explicit MaxPool3d(MaxPoolOptions options) : MaxPoolNd(3, "MaxPool3d", std::move(options)) {}
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS()
};

struct AvgPoolOptions {
  RequiredAxes kernel;
  PerAxis stride = {};  // default: the kernel
  PerAxis padding = 0;
  bool ceil_mode = false;         // round the output extent up
  bool count_include_pad = true;  // padding counts in the divisor
  LAMINA_OPTIONS(kernel, stride, padding, ceil_mode, count_include_pad)
};

class AvgPoolNd : public Layer {
 public:
  using Options = AvgPoolOptions;
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }

 protected:
  AvgPoolNd(int axes, const char* kind, AvgPoolOptions options);
  int axes_;
  AvgPoolOptions options_;
};

class AvgPool1d final : public AvgPoolNd {
 public:
  explicit AvgPool1d(int64_t kernel) : AvgPool1d(AvgPoolOptions{.kernel = kernel}) {}
  explicit AvgPool1d(AvgPoolOptions options) : AvgPoolNd(1, "AvgPool1d", std::move(options)) {}
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS()
};
class AvgPool2d final : public AvgPoolNd {
 public:
  explicit AvgPool2d(int64_t kernel) : AvgPool2d(AvgPoolOptions{.kernel = kernel}) {}
  explicit AvgPool2d(AvgPoolOptions options) : AvgPoolNd(2, "AvgPool2d", std::move(options)) {}
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS()
};
class AvgPool3d final : public AvgPoolNd {
 public:
  explicit AvgPool3d(int64_t kernel) : AvgPool3d(AvgPoolOptions{.kernel = kernel}) {}
  explicit AvgPool3d(AvgPoolOptions options) : AvgPoolNd(3, "AvgPool3d", std::move(options)) {}
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS()
};

struct AdaptivePoolOptions {
  RequiredAxes out;  // spatial extents of the result; one number stands for every axis
  LAMINA_OPTIONS(out)
};

/// Windows chosen such that the result has the given spatial extents; any number of spatial axes.
class AdaptiveAvgPool final : public Layer {
 public:
  using Options = AdaptivePoolOptions;
  explicit AdaptiveAvgPool(int64_t out) : AdaptiveAvgPool(AdaptivePoolOptions{.out = out}) {}
  explicit AdaptiveAvgPool(AdaptivePoolOptions options);
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }
  LAMINA_FIELDS()

 private:
  AdaptivePoolOptions options_;
};

class AdaptiveMaxPool final : public Layer {
 public:
  using Options = AdaptivePoolOptions;
  explicit AdaptiveMaxPool(int64_t out) : AdaptiveMaxPool(AdaptivePoolOptions{.out = out}) {}
  explicit AdaptiveMaxPool(AdaptivePoolOptions options);
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }
  LAMINA_FIELDS()

 private:
  AdaptivePoolOptions options_;
};

/// Mean over the spatial axes → [n, channels].
class GlobalAvgPool final : public Layer {
 public:
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS()
};
/// Maximum over the spatial axes → [n, channels].
class GlobalMaxPool final : public Layer {
 public:
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS()
};

}  // namespace lamina::nn
