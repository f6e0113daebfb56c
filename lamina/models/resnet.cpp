#include "lamina/models/resnet.h"

#include <span>
#include <vector>

#include "lamina/core/error.h"
#include "lamina/models/blocks_internal.h"
#include "lamina/ops/pointwise.h"

namespace lamina::models {

namespace {

nn::Conv2d conv(int64_t in, int64_t out, int64_t kernel, int64_t stride = 1) {
  return nn::Conv2d{{.in = in,
                     .out = out,
                     .kernel = kernel,
                     .stride = stride,
                     .padding = kernel / 2,
                     .bias = false,
                     .init = "kaiming_normal_fan_out"}};
}

/// What gives the shortcut the body's shape; nothing where it has it already.
nn::AnyLayer projection(int64_t in, int64_t out, int64_t stride) {
  if (in == out && stride == 1) return {};
  return nn::Sequential{conv(in, out, 1, stride), nn::BatchNorm2d{out}};
}

/// 3×3, 3×3.
class BasicBlock final : public nn::Layer {
 public:
  static constexpr int64_t kExpansion = 1;
  BasicBlock(int64_t in, int64_t filters, int64_t stride)
      : conv1_(conv(in, filters, 3, stride)),
        bn1_(filters),
        conv2_(conv(filters, filters, 3)),
        bn2_(filters),
        downsample_(projection(in, filters, stride)) {}
  Tensor forward(const Tensor& x) override { return relu(bn2_(conv2_(relu(bn1_(conv1_(x))))) + downsample_(x)); }
  LAMINA_FIELDS(conv1_, bn1_, conv2_, bn2_, downsample_)

 private:
  nn::Conv2d conv1_;
  nn::BatchNorm2d bn1_;
  nn::Conv2d conv2_;
  nn::BatchNorm2d bn2_;
  nn::AnyLayer downsample_;
};

/// 1×1 down, 3×3, 1×1 up.
class Bottleneck final : public nn::Layer {
 public:
  static constexpr int64_t kExpansion = 4;
  Bottleneck(int64_t in, int64_t filters, int64_t stride)
      : conv1_(conv(in, filters, 1)),
        bn1_(filters),
        conv2_(conv(filters, filters, 3, stride)),
        bn2_(filters),
        conv3_(conv(filters, kExpansion * filters, 1)),
        bn3_(kExpansion * filters),
        downsample_(projection(in, kExpansion * filters, stride)) {}
  Tensor forward(const Tensor& x) override {
    const Tensor y = relu(bn2_(conv2_(relu(bn1_(conv1_(x))))));
    return relu(bn3_(conv3_(y)) + downsample_(x));
  }
  LAMINA_FIELDS(conv1_, bn1_, conv2_, bn2_, conv3_, bn3_, downsample_)

 private:
  nn::Conv2d conv1_;
  nn::BatchNorm2d bn1_;
  nn::Conv2d conv2_;
  nn::BatchNorm2d bn2_;
  nn::Conv2d conv3_;
  nn::BatchNorm2d bn3_;
  nn::AnyLayer downsample_;
};

/// Blocks of each stage.
struct Depth {
  int64_t depth;
  int64_t blocks[4];
  bool bottleneck;
};

constexpr Depth kDepths[] = {{18, {2, 2, 2, 2}, false},
                             {34, {3, 4, 6, 3}, false},
                             {50, {3, 4, 6, 3}, true},
                             {101, {3, 4, 23, 3}, true},
                             {152, {3, 8, 36, 3}, true}};

const Depth& depth_of(const ResnetOptions& o) {
  for (const Depth& d : kDepths) {
    if (d.depth == o.depth) return d;
  }
  throw Error("resnet", "depth: expected 18, 34, 50, 101 or 152, got " + std::to_string(o.depth));
}

int64_t expansion(const ResnetOptions& o) {
  return depth_of(o).bottleneck ? Bottleneck::kExpansion : BasicBlock::kExpansion;
}

template <class Block>
nn::Sequential blocks(int64_t count, int64_t in, int64_t filters, int64_t stride) {
  nn::Sequential made{Block(in, filters, stride)};
  for (int64_t i = 1; i < count; ++i) made.add(Block(Block::kExpansion * filters, filters, 1));
  return made;
}

/// Stage 0 to 3: twice the filters and half the extents of the one before.
nn::Sequential stage(const ResnetOptions& o, int index) {
  const Depth& depth = depth_of(o);
  const int64_t filters = o.filters << index, stride = index == 0 ? 1 : 2;
  const int64_t in = index == 0 ? o.filters : expansion(o) * filters / 2;
  return depth.bottleneck ? blocks<Bottleneck>(depth.blocks[index], in, filters, stride)
                          : blocks<BasicBlock>(depth.blocks[index], in, filters, stride);
}

nn::AnyLayer stem_pool(const ResnetOptions& o) {
  if (o.small_stem) return {};
  return nn::MaxPool2d{{.kernel = 3, .stride = 2, .padding = 1}};
}

}  // namespace

Resnet::Resnet(const ResnetOptions& o)
    : conv1_(conv(o.channels, o.filters, o.small_stem ? 3 : 7, o.small_stem ? 1 : 2)),
      bn1_(o.filters),
      maxpool_(stem_pool(o)),
      layer1_(stage(o, 0)),
      layer2_(stage(o, 1)),
      layer3_(stage(o, 2)),
      layer4_(stage(o, 3)),
      fc_{{.in = expansion(o) * o.filters * 8, .out = o.classes}} {
  if (o.zero_init_residual) fill(*this, depth_of(o).bottleneck ? "layer*.bn3.weight" : "layer*.bn2.weight", 0);
}

Tensor Resnet::forward(const Tensor& x) {
  const Tensor y = maxpool_(relu(bn1_(conv1_(x))));
  return fc_(avgpool_(layer4_(layer3_(layer2_(layer1_(y))))));
}

nn::LayerPtr make_resnet(FieldVisitor& visitor, const ModelInput& data, int64_t depth) {
  return std::make_unique<Resnet>(image_options<ResnetOptions>(visitor, data, "resnet", {.depth = depth}));
}

}  // namespace lamina::models
