#include "lamina/models/vgg.h"

#include <algorithm>

#include "lamina/core/error.h"
#include "lamina/models/blocks_internal.h"
#include "lamina/nn/layers/activation.h"
#include "lamina/nn/layers/conv.h"
#include "lamina/nn/layers/dropout.h"
#include "lamina/nn/layers/linear.h"
#include "lamina/nn/layers/norm.h"
#include "lamina/ops/movement.h"

namespace lamina::models {

namespace {

/// Convolutions of each block.
struct Depth {
  int64_t depth;
  int64_t convolutions[5];
};

constexpr Depth kDepths[] = {
    {11, {1, 1, 2, 2, 2}}, {13, {2, 2, 2, 2, 2}}, {16, {2, 2, 3, 3, 3}}, {19, {2, 2, 4, 4, 4}}};

const Depth& depth_of(const VggOptions& o) {
  for (const Depth& d : kDepths) {
    if (d.depth == o.depth) return d;
  }
  throw Error("vgg", "depth: expected 11, 13, 16 or 19, got " + std::to_string(o.depth));
}

constexpr const char* kLinearInit = "normal(0.01)";

}  // namespace

Vgg::Vgg(const VggOptions& o) : avgpool_{o.pool} {
  int64_t in = o.channels;
  for (int block = 0; block < 5; ++block) {
    const int64_t filters = o.filters << std::min(block, 3);
    for (int64_t i = 0; i < depth_of(o).convolutions[block]; ++i) {
      features_.add(
          nn::Conv2d{{.in = in, .out = filters, .kernel = 3, .padding = 1, .init = "kaiming_normal_fan_out"}});
      if (o.batch_norm) features_.add(nn::BatchNorm2d{filters});
      features_.add(nn::Relu{});
      in = filters;
    }
    features_.add(nn::MaxPool2d{2});
  }
  int64_t features = in * o.pool * o.pool;
  for (int i = 0; i < 2 && o.hidden > 0; ++i) {
    classifier_.add(nn::Linear{{.in = features, .out = o.hidden, .init = kLinearInit}});
    classifier_.add(nn::Relu{}).add(nn::Dropout{o.dropout});
    features = o.hidden;
  }
  classifier_.add(nn::Linear{{.in = features, .out = o.classes, .init = kLinearInit}});
}

Tensor Vgg::forward(const Tensor& x) { return classifier_(flatten(avgpool_(features_(x)), 1)); }

nn::LayerPtr make_vgg(FieldVisitor& visitor, const ModelInput& data, int64_t depth, bool batch_norm) {
  return std::make_unique<Vgg>(
      image_options<VggOptions>(visitor, data, "vgg", {.depth = depth, .batch_norm = batch_norm}));
}

}  // namespace lamina::models
