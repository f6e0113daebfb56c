#include "lamina/models/googlenet.h"

#include <algorithm>
#include <cmath>

#include "lamina/core/error.h"
#include "lamina/models/blocks_internal.h"
#include "lamina/nn/layers/conv.h"
#include "lamina/nn/layers/dropout.h"
#include "lamina/nn/layers/norm.h"
#include "lamina/nn/layers/pool.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/pointwise.h"

namespace lamina::models {

namespace {

std::string init_of(const GooglenetOptions& o) { return o.published ? "xavier_uniform" : "truncated_normal(0.01)"; }

struct ConvShape {
  int64_t in, out, kernel, stride = 1;
};

/// Convolution, batch norm unless as published, ReLU.
class BasicConv2d final : public nn::Layer {
 public:
  BasicConv2d(const GooglenetOptions& o, const ConvShape& s)
      : conv_{{.in = s.in,
               .out = s.out,
               .kernel = s.kernel,
               .stride = s.stride,
               .padding = s.kernel / 2,
               .bias = o.published,
               .init = init_of(o)}} {
    if (!o.published) bn_ = nn::BatchNorm2d{{.channels = s.out, .eps = 1e-3}};
  }
  Tensor forward(const Tensor& x) override { return relu(bn_(conv_(x))); }
  LAMINA_FIELDS(conv_, bn_)

 private:
  nn::Conv2d conv_;
  nn::AnyLayer bn_;
};

/// Filters of an inception module, in the order of the paper's table 1.
struct Filters {
  int64_t in, one, reduce3, three, reduce5, five, pooled;
};

/// 1×1, 3×3 and 5×5 convolutions and a pooling side by side, all but the first behind 1×1 convolutions.
class Inception final : public nn::Layer {
 public:
  Inception(const GooglenetOptions& o, const Filters& f)
      : branch1_(o, {f.in, f.one, 1}),
        branch2_(BasicConv2d(o, {f.in, f.reduce3, 1}), BasicConv2d(o, {f.reduce3, f.three, 3})),
        branch3_(BasicConv2d(o, {f.in, f.reduce5, 1}), BasicConv2d(o, {f.reduce5, f.five, o.published ? 5 : 3})),
        branch4_(nn::MaxPool2d{{.kernel = 3, .stride = 1, .padding = 1}}, BasicConv2d(o, {f.in, f.pooled, 1})) {}
  Tensor forward(const Tensor& x) override { return concat({branch1_(x), branch2_(x), branch3_(x), branch4_(x)}, 1); }
  LAMINA_FIELDS(branch1_, branch2_, branch3_, branch4_)

 private:
  BasicConv2d branch1_;
  nn::Sequential branch2_, branch3_, branch4_;
};

/// Pooling to 4×4, 1×1 convolution, two linear layers.
class Auxiliary final : public nn::Layer {
 public:
  Auxiliary(const GooglenetOptions& o, int64_t in, int64_t filters)
      : conv_(o, {in, filters, 1}),
        fc1_{{.in = 16 * filters, .out = 8 * filters, .init = init_of(o)}},
        fc2_{{.in = 8 * filters, .out = o.classes, .init = init_of(o)}},
        dropout_{o.auxiliary_dropout} {
    if (o.published) pool_.add(nn::AvgPool2d{{.kernel = 5, .stride = 3}});
    pool_.add(nn::AdaptiveAvgPool{4});  // as published, of 224 pixels, the identity
  }
  Tensor forward(const Tensor& x) override {
    const Tensor y = flatten(conv_(pool_(x)), 1);
    return fc2_(dropout_(relu(fc1_(y))));
  }
  LAMINA_FIELDS(pool_, conv_, fc1_, fc2_, dropout_)

 private:
  nn::Sequential pool_;
  BasicConv2d conv_;
  nn::Linear fc1_, fc2_;
  nn::Dropout dropout_;
};

nn::MaxPool2d halve(int64_t kernel) { return nn::MaxPool2d{{.kernel = kernel, .stride = 2, .ceil_mode = true}}; }

}  // namespace

Googlenet::Googlenet(const GooglenetOptions& o) : auxiliary_(o.auxiliary), auxiliary_weight_(o.auxiliary_weight) {
  nn::require_at_least(o.filters, 1, "googlenet", "filters");
  if (!(o.auxiliary_weight >= 0 && std::isfinite(o.auxiliary_weight))) {
    throw Error("googlenet", "auxiliary_weight must be 0 or more, got " + std::to_string(o.auxiliary_weight));
  }
  for (const auto& [option, p] : {std::pair{"dropout", o.dropout}, {"auxiliary_dropout", o.auxiliary_dropout}}) {
    if (!(p >= 0 && p < 1))
      throw Error("googlenet", std::string(option) + " must lie in [0, 1), got " + std::to_string(p));
  }
  const auto scaled = [&](int64_t filters) { return std::max<int64_t>(1, filters * o.filters / 64); };
  const int64_t f = o.filters;
  conv1_ = BasicConv2d(o, {o.channels, f, 7, 2});
  conv2_ = BasicConv2d(o, {f, f, 1});
  conv3_ = BasicConv2d(o, {f, 3 * f, 3});
  const nn::LocalResponseNorm norm{{.size = 5}};
  maxpool1_ = o.published ? nn::AnyLayer(nn::Sequential{halve(3), norm}) : nn::AnyLayer(halve(3));
  maxpool2_ = o.published ? nn::AnyLayer(nn::Sequential{norm, halve(3)}) : nn::AnyLayer(halve(3));

  int64_t in = 3 * f;
  const auto module = [&](int64_t one, int64_t reduce3, int64_t three, int64_t reduce5, int64_t five, int64_t pooled) {
    const Filters filters{in,           scaled(one),   scaled(reduce3), scaled(three), scaled(reduce5),
                          scaled(five), scaled(pooled)};
    in = filters.one + filters.three + filters.five + filters.pooled;
    return Inception(o, filters);
  };
  inception3a_ = module(64, 96, 128, 16, 32, 32);
  inception3b_ = module(128, 128, 192, 32, 96, 64);
  maxpool3_ = halve(3);
  inception4a_ = module(192, 96, 208, 16, 48, 64);
  if (o.auxiliary) aux1_ = Auxiliary(o, in, 2 * f);
  inception4b_ = module(160, 112, 224, 24, 64, 64);
  inception4c_ = module(128, 128, 256, 24, 64, 64);
  inception4d_ = module(112, 144, 288, 32, 64, 64);
  if (o.auxiliary) aux2_ = Auxiliary(o, in, 2 * f);
  inception4e_ = module(256, 160, 320, 32, 128, 128);
  maxpool4_ = halve(o.published ? 3 : 2);
  inception5a_ = module(256, 160, 320, 32, 128, 128);
  inception5b_ = module(384, 192, 384, 48, 128, 128);
  avgpool_ = nn::GlobalAvgPool{};
  dropout_ = nn::Dropout{o.dropout};
  fc_ = nn::Linear{{.in = in, .out = o.classes, .init = init_of(o)}};
  if (o.published) fill(*this, "*.conv.bias", 0.2);
}

nn::Outputs Googlenet::forward_all(const Tensor& x) {
  const bool several = auxiliary_ && nn::is_training();
  nn::Outputs outputs;
  const auto predict = [&](nn::AnyLayer& classifier, const Tensor& y) {
    if (several) outputs.auxiliary.push_back({classifier(y), auxiliary_weight_});
  };
  Tensor y = maxpool1_(conv1_(x));
  y = maxpool2_(conv3_(conv2_(y)));
  y = maxpool3_(inception3b_(inception3a_(y)));
  y = inception4a_(y);
  predict(aux1_, y);
  y = inception4d_(inception4c_(inception4b_(y)));
  predict(aux2_, y);
  y = maxpool4_(inception4e_(y));
  outputs.main = fc_(dropout_(avgpool_(inception5b_(inception5a_(y)))));
  return outputs;
}

nn::LayerPtr make_googlenet(FieldVisitor& visitor, const ModelInput& data) {
  return std::make_unique<Googlenet>(image_options<GooglenetOptions>(visitor, data, "googlenet"));
}

nn::LayerPtr make_googlenet_published(FieldVisitor& visitor, const ModelInput& data) {
  const GooglenetOptions published{.published = true, .auxiliary = true, .dropout = 0.4};
  return std::make_unique<Googlenet>(image_options(visitor, data, "googlenet_published", published));
}

}  // namespace lamina::models
