#include "lamina/models/resnet_cifar.h"

#include "lamina/core/error.h"
#include "lamina/models/blocks_internal.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/pointwise.h"
#include "lamina/ops/pool.h"

namespace lamina::models {

namespace {

nn::Conv2d conv3x3(int64_t in, int64_t out, int64_t stride = 1) {
  return nn::Conv2d{
      {.in = in, .out = out, .kernel = 3, .stride = stride, .padding = 1, .bias = false, .init = "kaiming_normal"}};
}

/// relu(bn(conv(relu(bn(conv(x))))) + shortcut(x)).
class BasicBlock final : public nn::Layer {
 public:
  BasicBlock(int64_t in, int64_t out, int64_t stride)
      : conv1_(conv3x3(in, out, stride)),
        bn1_(out),
        conv2_(conv3x3(out, out)),
        bn2_(out),
        stride_(stride),
        added_channels_(out - in) {}

  Tensor forward(const Tensor& x) override { return relu(bn2_(conv2_(relu(bn1_(conv1_(x))))) + shortcut(x)); }
  LAMINA_FIELDS(conv1_, bn1_, conv2_, bn2_)

 private:
  /// Every stride-th pixel, with channels of zeros on both sides (option A of the paper).
  Tensor shortcut(const Tensor& x) const {
    Tensor y = x;
    for (int axis = 2; axis < 4 && stride_ > 1; ++axis) y = slice(y, axis, 0, y.size(axis), stride_);
    if (added_channels_ == 0) return y;
    const int64_t before = added_channels_ / 2;
    return pad(y, {0, before, 0, 0}, {0, added_channels_ - before, 0, 0});
  }

  nn::Conv2d conv1_;
  nn::BatchNorm2d bn1_;
  nn::Conv2d conv2_;
  nn::BatchNorm2d bn2_;
  int64_t stride_, added_channels_;
};

nn::Sequential stage(int64_t blocks, int64_t in, int64_t out, int64_t stride) {
  nn::Sequential s;
  for (int64_t i = 0; i < blocks; ++i) s.add(BasicBlock(i == 0 ? in : out, out, i == 0 ? stride : 1));
  return s;
}

int64_t blocks_of(int64_t depth) {
  if (depth >= 8 && (depth - 2) % 6 == 0) return (depth - 2) / 6;
  throw Error("resnet_cifar", "the depth must be 6n + 2 (20, 32, 44, 56, 110), got " + std::to_string(depth));
}

}  // namespace

ResnetCifar::ResnetCifar(const ResnetCifarOptions& o)
    : conv1_(conv3x3(o.channels, o.filters)),
      bn1_(o.filters),
      layer1_(stage(blocks_of(o.depth), o.filters, o.filters, 1)),
      layer2_(stage(blocks_of(o.depth), o.filters, 2 * o.filters, 2)),
      layer3_(stage(blocks_of(o.depth), 2 * o.filters, 4 * o.filters, 2)),
      fc_{{.in = 4 * o.filters, .out = o.classes}} {
  if (o.zero_init_residual) fill(*this, "layer*.bn2.weight", 0);
}

Tensor ResnetCifar::forward(const Tensor& x) {
  return fc_(global_avg_pool(layer3_(layer2_(layer1_(relu(bn1_(conv1_(x))))))));
}

nn::LayerPtr make_resnet_cifar(FieldVisitor& visitor, const ModelInput& data, int64_t depth) {
  return std::make_unique<ResnetCifar>(
      image_options<ResnetCifarOptions>(visitor, data, "resnet_cifar", {.depth = depth}));
}

}  // namespace lamina::models
