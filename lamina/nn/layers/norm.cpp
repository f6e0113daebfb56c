#include "lamina/nn/layers/norm.h"

#include "lamina/core/error.h"
#include "lamina/engine/tape.h"
#include "lamina/nn/init.h"
#include "lamina/nn/layers/check.h"
#include "lamina/ops/norm.h"
#include "lamina/ops/pointwise.h"

namespace lamina::nn {

namespace {

constexpr const char* kForms[] = {"", "[n, channels] or [n, channels, length]", "[n, channels, height, width]",
                                  "[n, channels, depth, height, width]"};

void check_eps(double eps, const char* kind) {
  if (!(eps >= 0)) throw Error(kind, "eps must be 0 or more, got " + std::to_string(eps));
}

void make_affine(bool affine, const Shape& shape, Param& weight, Param& bias) {
  if (!affine) return;
  weight = Param(init::constant(shape, 1));
  bias = Param(init::zeros(shape));
}

}  // namespace

BatchNormNd::BatchNormNd(int axes, const char* kind, BatchNormOptions options) : axes_(axes), options_(options) {
  require_at_least(options_.channels, 1, kind, "channels");
  check_eps(options_.eps, kind);
  if (!(options_.momentum >= 0 && options_.momentum <= 1)) {
    throw Error(kind, "momentum must lie in [0, 1], got " + std::to_string(options_.momentum));
  }
  const Shape shape{options_.channels};
  make_affine(options_.affine, shape, weight_, bias_);
  if (!options_.track) return;
  running_mean_ = Buffer(init::zeros(shape));
  running_var_ = Buffer(init::constant(shape, 1));
  num_batches_tracked_ = Buffer(Tensor::from({0}, {}, DType::i64));
}

Tensor BatchNormNd::forward(const Tensor& x) {
  check_rank(x, axes_ == 1 ? 2 : axes_ + 2, axes_ + 2, kind(), kForms[axes_]);
  check_extent(x, 1, options_.channels, kind(), "channels", weight_);
  const bool frozen = options_.track && weight_.defined() && !weight_.variable().trainable();
  const bool learns = is_training() && !frozen;
  if (!learns && options_.track) {
    return batch_norm_eval(x, weight_, bias_, running_mean_, running_var_, options_.eps);
  }
  const int64_t count = x.numel() / options_.channels;
  if (learns && count < 2) {
    throw Error(kind(), "needs more than one value per channel to train")
        .detail("input " + x.meta().str())
        .hint("use a larger batch, or drop the last, incomplete one");
  }
  const BatchNormResult result = batch_norm_train(x, weight_, bias_, options_.eps);
  if (learns && options_.track) track_statistics(result.mean, result.variance, count);
  return result.y;
}

void BatchNormNd::track_statistics(const Tensor& mean, const Tensor& variance, int64_t count) {
  const NoGrad off;
  num_batches_tracked_.assign(num_batches_tracked_.value() + 1.0);
  const double n = static_cast<double>(count);
  const Tensor unbiased = variance * (n / (n - 1));
  const auto move = [&](const Buffer& running, const Tensor& now) {
    const Tensor& old = running.value();
    if (options_.cumulative) {
      running.assign(cast(old + (now - old) / num_batches_tracked_.value(), old.dtype()));
    } else {
      running.assign(cast(old * (1 - options_.momentum) + now * options_.momentum, old.dtype()));
    }
  };
  move(running_mean_, mean);
  move(running_var_, unbiased);
}

LayerNorm::LayerNorm(LayerNormOptions options) : options_(std::move(options)) {
  for (int64_t extent : options_.shape) require_at_least(extent, 1, "LayerNorm", "shape");
  check_eps(options_.eps, "LayerNorm");
  weight_ = Param(init::constant(options_.shape, 1));
  bias_ = Param(init::zeros(options_.shape));
}

Tensor LayerNorm::forward(const Tensor& x) {
  const int axes = options_.shape.rank();
  check_rank(x, axes, Dims::kMaxRank, kind(), ("[.., " + options_.shape.str().substr(1)).c_str());
  for (int i = 0; i < axes; ++i) {
    check_extent(x, x.rank() - axes + i, options_.shape[i], kind(),
                 ("elements on axis " + std::to_string(x.rank() - axes + i)).c_str(), weight_);
  }
  return layer_norm(x, weight_, bias_, options_.eps);
}

GroupNorm::GroupNorm(GroupNormOptions options) : options_(options) {
  require_at_least(options_.channels, 1, "GroupNorm", "channels");
  require_at_least(options_.groups, 1, "GroupNorm", "groups");
  check_eps(options_.eps, "GroupNorm");
  if (options_.channels % options_.groups) {
    throw Error("GroupNorm", "groups must divide channels")
        .detail("channels " + std::to_string(options_.channels) + ", groups " + std::to_string(options_.groups));
  }
  make_affine(options_.affine, {options_.channels}, weight_, bias_);
}

Tensor GroupNorm::forward(const Tensor& x) {
  check_rank(x, 2, Dims::kMaxRank, kind(), "[n, channels, …]");
  check_extent(x, 1, options_.channels, kind(), "channels", weight_);
  return group_norm(x, options_.groups, weight_, bias_, options_.eps);
}

InstanceNorm::InstanceNorm(InstanceNormOptions options) : options_(options) {
  require_at_least(options_.channels, 1, "InstanceNorm", "channels");
  check_eps(options_.eps, "InstanceNorm");
  make_affine(options_.affine, {options_.channels}, weight_, bias_);
}

Tensor InstanceNorm::forward(const Tensor& x) {
  check_rank(x, 3, Dims::kMaxRank, kind(), "[n, channels, spatial…]");
  check_extent(x, 1, options_.channels, kind(), "channels", weight_);
  return instance_norm(x, weight_, bias_, options_.eps);
}

LocalResponseNorm::LocalResponseNorm(LocalResponseNormOptions options) : options_(options) {
  require_at_least(options_.size, 1, "LocalResponseNorm", "size");
}

Tensor LocalResponseNorm::forward(const Tensor& x) {
  check_rank(x, 3, 5, kind(), "[n, channels, spatial…]");
  return local_response_norm(x, options_.size, options_.alpha, options_.beta, options_.k);
}

}  // namespace lamina::nn
