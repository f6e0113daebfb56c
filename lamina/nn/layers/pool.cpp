#include "lamina/nn/layers/pool.h"

#include "lamina/nn/layers/check.h"
#include "lamina/ops/pool.h"

namespace lamina::nn {

namespace {

constexpr const char* kAnyForm = "[n, channels, spatial…] with 1 to 3 spatial axes";
constexpr const char* kForms[] = {"", "[n, channels, length]", "[n, channels, height, width]",
                                  "[n, channels, depth, height, width]"};

template <class Options>
void complete(Options& o, int axes, const char* kind) {
  o.kernel = per_axis(o.kernel, axes, 1, kind, "kernel");
  o.stride = o.stride.empty() ? PerAxis(o.kernel) : PerAxis(per_axis(o.stride, axes, 1, kind, "stride"));
  o.padding = per_axis(o.padding, axes, 0, kind, "padding");
}

Dims adaptive_extents(const Dims& out, const Tensor& x, const std::string& kind) {
  check_rank(x, 3, 5, kind, kAnyForm);
  return per_axis(out, x.rank() - 2, 1, kind.c_str(), "out");
}

}  // namespace

MaxPoolNd::MaxPoolNd(int axes, const char* kind, MaxPoolOptions options) : axes_(axes), options_(std::move(options)) {
  complete(options_, axes, kind);
  options_.dilation = per_axis(options_.dilation, axes, 1, kind, "dilation");
}

Tensor MaxPoolNd::forward(const Tensor& x) {
  check_rank(x, axes_ + 2, axes_ + 2, kind(), kForms[axes_]);
  return max_pool(x, {.kernel = options_.kernel,
                      .stride = options_.stride,
                      .padding = options_.padding,
                      .dilation = options_.dilation,
                      .ceil_mode = options_.ceil_mode});
}

AvgPoolNd::AvgPoolNd(int axes, const char* kind, AvgPoolOptions options) : axes_(axes), options_(std::move(options)) {
  complete(options_, axes, kind);
}

Tensor AvgPoolNd::forward(const Tensor& x) {
  check_rank(x, axes_ + 2, axes_ + 2, kind(), kForms[axes_]);
  return avg_pool(x, {.kernel = options_.kernel,
                      .stride = options_.stride,
                      .padding = options_.padding,
                      .ceil_mode = options_.ceil_mode,
                      .count_include_pad = options_.count_include_pad});
}

AdaptiveAvgPool::AdaptiveAvgPool(AdaptivePoolOptions options) : options_(std::move(options)) {
  per_axis(options_.out, options_.out.rank(), 1, "AdaptiveAvgPool", "out");
}

Tensor AdaptiveAvgPool::forward(const Tensor& x) {
  return adaptive_avg_pool(x, adaptive_extents(options_.out, x, kind()));
}

AdaptiveMaxPool::AdaptiveMaxPool(AdaptivePoolOptions options) : options_(std::move(options)) {
  per_axis(options_.out, options_.out.rank(), 1, "AdaptiveMaxPool", "out");
}

Tensor AdaptiveMaxPool::forward(const Tensor& x) {
  return adaptive_max_pool(x, adaptive_extents(options_.out, x, kind()));
}

Tensor GlobalAvgPool::forward(const Tensor& x) {
  check_rank(x, 3, 5, kind(), kAnyForm);
  return global_avg_pool(x);
}

Tensor GlobalMaxPool::forward(const Tensor& x) {
  check_rank(x, 3, 5, kind(), kAnyForm);
  return global_max_pool(x);
}

// Defined here so that the classes' tables of functions are in the library, not in each program that uses them.
Tensor MaxPool1d::forward(const Tensor& x) { return MaxPoolNd::forward(x); }
Tensor MaxPool2d::forward(const Tensor& x) { return MaxPoolNd::forward(x); }
Tensor MaxPool3d::forward(const Tensor& x) { return MaxPoolNd::forward(x); }
Tensor AvgPool1d::forward(const Tensor& x) { return AvgPoolNd::forward(x); }
Tensor AvgPool2d::forward(const Tensor& x) { return AvgPoolNd::forward(x); }
Tensor AvgPool3d::forward(const Tensor& x) { return AvgPoolNd::forward(x); }

}  // namespace lamina::nn
