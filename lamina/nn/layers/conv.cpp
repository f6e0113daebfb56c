#include "lamina/nn/layers/conv.h"

#include "lamina/core/error.h"
#include "lamina/nn/init.h"
#include "lamina/nn/layers/check.h"
#include "lamina/ops/conv.h"

namespace lamina::nn {

namespace {

constexpr const char* kForms[] = {"", "[n, channels, length]", "[n, channels, height, width]",
                                  "[n, channels, depth, height, width]"};

/// Checks what both families share and completes the per-axis options.
template <class Options>
void complete(Options& o, int axes, const char* kind) {
  require_at_least(o.in, 1, kind, "in");
  require_at_least(o.out, 1, kind, "out");
  require_at_least(o.groups, 1, kind, "groups");
  if (o.in % o.groups || o.out % o.groups) {
    throw Error(kind, "groups must divide in and out")
        .detail("in " + std::to_string(o.in) + ", out " + std::to_string(o.out) + ", groups " +
                std::to_string(o.groups));
  }
  o.kernel = per_axis(o.kernel, axes, 1, kind, "kernel");
  o.stride = per_axis(o.stride, axes, 1, kind, "stride");
  o.padding = per_axis(o.padding, axes, 0, kind, "padding");
  o.dilation = per_axis(o.dilation, axes, 1, kind, "dilation");
}

Shape weight_shape(int64_t first, int64_t second, const Dims& kernel) {
  Shape shape{first, second};
  for (int64_t k : kernel) shape.push_back(k);
  return shape;
}

}  // namespace

ConvNd::ConvNd(int axes, const char* kind, ConvLayerOptions options) : axes_(axes), options_(std::move(options)) {
  complete(options_, axes, kind);
  const Shape shape = weight_shape(options_.out, options_.in / options_.groups, options_.kernel);
  weight_ = Param(init::by_name(options_.init, shape));
  if (options_.bias) bias_ = Param(init::bias(options_.init, options_.out, shape));
}

Tensor ConvNd::forward(const Tensor& x) {
  check_rank(x, axes_ + 2, axes_ + 2, kind(), kForms[axes_]);
  check_extent(x, 1, options_.in, kind(), "input channels", weight_);
  return conv(x, weight_, bias_,
              {.stride = options_.stride,
               .padding = options_.padding,
               .dilation = options_.dilation,
               .groups = options_.groups});
}

ConvTransposeNd::ConvTransposeNd(int axes, const char* kind, ConvTransposeLayerOptions options)
    : axes_(axes), options_(std::move(options)) {
  complete(options_, axes, kind);
  options_.output_padding = per_axis(options_.output_padding, axes, 0, kind, "output_padding");
  const Shape shape = weight_shape(options_.in, options_.out / options_.groups, options_.kernel);
  weight_ = Param(init::by_name(options_.init, shape));
  if (options_.bias) bias_ = Param(init::bias(options_.init, options_.out, shape));
}

Tensor ConvTransposeNd::forward(const Tensor& x) {
  check_rank(x, axes_ + 2, axes_ + 2, kind(), kForms[axes_]);
  check_extent(x, 1, options_.in, kind(), "input channels", weight_);
  return conv_transpose(x, weight_, bias_,
                        {.stride = options_.stride,
                         .padding = options_.padding,
                         .output_padding = options_.output_padding,
                         .dilation = options_.dilation,
                         .groups = options_.groups});
}

// Defined here so that the classes' tables of functions are in the library, not in each program that uses them.
Tensor Conv1d::forward(const Tensor& x) { return ConvNd::forward(x); }
Tensor Conv2d::forward(const Tensor& x) { return ConvNd::forward(x); }
Tensor Conv3d::forward(const Tensor& x) { return ConvNd::forward(x); }
Tensor ConvTranspose1d::forward(const Tensor& x) { return ConvTransposeNd::forward(x); }
Tensor ConvTranspose2d::forward(const Tensor& x) { return ConvTransposeNd::forward(x); }
Tensor ConvTranspose3d::forward(const Tensor& x) { return ConvTransposeNd::forward(x); }

}  // namespace lamina::nn
