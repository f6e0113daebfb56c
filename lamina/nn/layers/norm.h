// Normalization layers.
#pragma once

#include "lamina/nn/module.h"
#include "lamina/nn/options.h"

namespace lamina::nn {

struct BatchNormOptions {
  Required channels;
  double eps = 1e-5;
  double momentum = 0.1;    // running = (1 − momentum)·running + momentum·batch
  bool cumulative = false;  // instead: the plain average over all batches seen
  bool affine = true;       // weight and bias
  bool track = true;        // running statistics; without them evaluation uses the batch too
  LAMINA_OPTIONS(channels, eps, momentum, cumulative, affine, track)
};

/// x [n, channels, …] normalized per channel: by the batch's statistics in training (which also move the running
/// ones, with the unbiased variance), by the running ones in evaluation and where the weight is frozen. weight, bias,
/// running_mean, running_var [channels]; num_batches_tracked i64 []. (Ioffe and Szegedy 2015)
class BatchNormNd : public Layer {
 public:
  using Options = BatchNormOptions;
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }

 protected:
  BatchNormNd(int axes, const char* kind, BatchNormOptions options);
  int axes_;
  BatchNormOptions options_;
  Param weight_, bias_;
  Buffer running_mean_, running_var_, num_batches_tracked_;

 private:
  void track_statistics(const Tensor& mean, const Tensor& variance, int64_t count);
};

/// x [n, channels] or [n, channels, length].
class BatchNorm1d final : public BatchNormNd {
 public:
  explicit BatchNorm1d(int64_t channels) : BatchNorm1d(BatchNormOptions{.channels = channels}) {}
  explicit BatchNorm1d(BatchNormOptions options) : BatchNormNd(1, "BatchNorm1d", std::move(options)) {}
  LAMINA_FIELDS(weight_, bias_, running_mean_, running_var_, num_batches_tracked_)
};
class BatchNorm2d final : public BatchNormNd {
 public:
  explicit BatchNorm2d(int64_t channels) : BatchNorm2d(BatchNormOptions{.channels = channels}) {}
  explicit BatchNorm2d(BatchNormOptions options) : BatchNormNd(2, "BatchNorm2d", std::move(options)) {}
  LAMINA_FIELDS(weight_, bias_, running_mean_, running_var_, num_batches_tracked_)
};
class BatchNorm3d final : public BatchNormNd {
 public:
  explicit BatchNorm3d(int64_t channels) : BatchNorm3d(BatchNormOptions{.channels = channels}) {}
  explicit BatchNorm3d(BatchNormOptions options) : BatchNormNd(3, "BatchNorm3d", std::move(options)) {}
  LAMINA_FIELDS(weight_, bias_, running_mean_, running_var_, num_batches_tracked_)
};

struct LayerNormOptions {
  RequiredAxes shape;  // extents of the trailing axes that are normalized together
  double eps = 1e-5;
  LAMINA_OPTIONS(shape, eps)
};

/// Over the trailing axes; weight and bias [shape…]. (Ba, Kiros and Hinton 2016)
class LayerNorm final : public Layer {
 public:
  using Options = LayerNormOptions;
  explicit LayerNorm(int64_t features) : LayerNorm(LayerNormOptions{.shape = features}) {}
  explicit LayerNorm(LayerNormOptions options);
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }
  LAMINA_FIELDS(weight_, bias_)

 private:
  LayerNormOptions options_;
  Param weight_, bias_;
};

struct GroupNormOptions {
  Required groups, channels;
  double eps = 1e-5;
  bool affine = true;
  LAMINA_OPTIONS(groups, channels, eps, affine)
};

/// Over groups of channels and all that follows; weight and bias [channels]. (Wu and He 2018)
class GroupNorm final : public Layer {
 public:
  using Options = GroupNormOptions;
  explicit GroupNorm(GroupNormOptions options);
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }
  LAMINA_FIELDS(weight_, bias_)

 private:
  GroupNormOptions options_;
  Param weight_, bias_;
};

struct InstanceNormOptions {
  Required channels;
  double eps = 1e-5;
  bool affine = false;
  LAMINA_OPTIONS(channels, eps, affine)
};

/// Each channel of each sample by itself, x [n, channels, spatial…]. (Ulyanov et al. 2016)
class InstanceNorm final : public Layer {
 public:
  using Options = InstanceNormOptions;
  explicit InstanceNorm(int64_t channels) : InstanceNorm(InstanceNormOptions{.channels = channels}) {}
  explicit InstanceNorm(InstanceNormOptions options);
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }
  LAMINA_FIELDS(weight_, bias_)

 private:
  InstanceNormOptions options_;
  Param weight_, bias_;
};

struct LocalResponseNormOptions {
  Required size;  // neighbouring channels
  double alpha = 1e-4;
  double beta = 0.75;
  double k = 1;
  LAMINA_OPTIONS(size, alpha, beta, k)
};

/// x / (k + alpha/size · Σ x²)^beta over neighbouring channels. (Krizhevsky et al. 2012)
class LocalResponseNorm final : public Layer {
 public:
  using Options = LocalResponseNormOptions;
  explicit LocalResponseNorm(int64_t size) : LocalResponseNorm(LocalResponseNormOptions{.size = size}) {}
  explicit LocalResponseNorm(LocalResponseNormOptions options);
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }
  LAMINA_FIELDS()

 private:
  LocalResponseNormOptions options_;
};

}  // namespace lamina::nn
