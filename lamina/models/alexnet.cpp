#include "lamina/models/alexnet.h"

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

constexpr const char* kPublishedInit = "normal(0.01)";

nn::MaxPool2d overlapping_pool() { return nn::MaxPool2d{{.kernel = 3, .stride = 2}}; }
/// The paper's α = 10⁻⁴ stands before the sum; the layer divides its alpha by the 5 neighbours.
nn::LocalResponseNorm response_norm() {
  return nn::LocalResponseNorm{{.size = 5, .alpha = 5e-4, .beta = 0.75, .k = 2}};
}

}  // namespace

Alexnet::Alexnet(const AlexnetOptions& o) : avgpool_{6} {
  nn::require_at_least(o.filters, 1, "alexnet", "filters");
  if (o.published) {
    add_published_features(o);
  } else {
    add_features(o);
  }
  const std::string init = o.published ? kPublishedInit : "default";
  const int64_t maps = o.published ? o.filters * 8 / 3 : o.filters * 4;
  classifier_.add(nn::Dropout{o.dropout}).add(nn::Linear{{.in = maps * 36, .out = o.hidden, .init = init}});
  classifier_.add(nn::Relu{}).add(nn::Dropout{o.dropout});
  classifier_.add(nn::Linear{{.in = o.hidden, .out = o.hidden, .init = init}}).add(nn::Relu{});
  classifier_.add(nn::Linear{{.in = o.hidden, .out = o.classes, .init = init}});
  if (!o.published) return;
  // Section 5: biases of the second, fourth and fifth convolution and of the hidden linear layers start at 1.
  for (const char* bias :
       {"features.4.bias", "features.10.bias", "features.12.bias", "classifier.1.bias", "classifier.4.bias"}) {
    fill(*this, bias, 1);
  }
}

void Alexnet::add_published_features(const AlexnetOptions& o) {
  const int64_t f = o.filters;  // 96; then 256, 384, 384, 256
  if (f % 6) throw Error("alexnet", "filters: as published a multiple of 6, got " + std::to_string(f));
  const int64_t second = f * 8 / 3, third = 4 * f;
  const auto conv = [](int64_t in, int64_t out, int64_t kernel, int64_t groups) {
    return nn::Conv2d{
        {.in = in, .out = out, .kernel = kernel, .padding = kernel / 2, .groups = groups, .init = kPublishedInit}};
  };
  features_.add(nn::Conv2d{{.in = o.channels, .out = f, .kernel = 11, .stride = 4, .init = kPublishedInit}});
  features_.add(nn::Relu{}).add(response_norm()).add(overlapping_pool());
  features_.add(conv(f, second, 5, 2)).add(nn::Relu{}).add(response_norm()).add(overlapping_pool());
  features_.add(conv(second, third, 3, 1)).add(nn::Relu{});
  features_.add(conv(third, third, 3, 2)).add(nn::Relu{});
  features_.add(conv(third, second, 3, 2)).add(nn::Relu{}).add(overlapping_pool());
}

void Alexnet::add_features(const AlexnetOptions& o) {
  const int64_t f = o.filters;  // 64; then 192, 384, 256, 256
  const auto conv = [](int64_t in, int64_t out, int64_t kernel) {
    return nn::Conv2d{{.in = in, .out = out, .kernel = kernel, .padding = kernel / 2}};
  };
  features_.add(nn::Conv2d{{.in = o.channels, .out = f, .kernel = 11, .stride = 4, .padding = 2}});
  features_.add(nn::Relu{}).add(overlapping_pool());
  features_.add(conv(f, 3 * f, 5)).add(nn::Relu{}).add(overlapping_pool());
  features_.add(conv(3 * f, 6 * f, 3)).add(nn::Relu{});
  features_.add(conv(6 * f, 4 * f, 3)).add(nn::Relu{});
  features_.add(conv(4 * f, 4 * f, 3)).add(nn::Relu{}).add(overlapping_pool());
}

Tensor Alexnet::forward(const Tensor& x) { return classifier_(flatten(avgpool_(features_(x)), 1)); }

nn::LayerPtr make_alexnet(FieldVisitor& visitor, const ModelInput& data) {
  return std::make_unique<Alexnet>(image_options<AlexnetOptions>(visitor, data, "alexnet"));
}

nn::LayerPtr make_alexnet_published(FieldVisitor& visitor, const ModelInput& data) {
  const AlexnetOptions published{.height = 227, .width = 227, .published = true, .filters = 96};
  return std::make_unique<Alexnet>(image_options(visitor, data, "alexnet_published", published));
}

}  // namespace lamina::models
