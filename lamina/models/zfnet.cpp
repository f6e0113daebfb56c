#include "lamina/models/zfnet.h"

#include "lamina/core/error.h"
#include "lamina/models/blocks_internal.h"
#include "lamina/nn/layers/activation.h"
#include "lamina/nn/layers/conv.h"
#include "lamina/nn/layers/dropout.h"
#include "lamina/nn/layers/linear.h"
#include "lamina/nn/layers/norm.h"
#include "lamina/ops/movement.h"

namespace lamina::models {

Zfnet::Zfnet(const ZfnetOptions& o) : avgpool_{6} {
  const int64_t f = o.filters, second = f * 8 / 3, third = 4 * f;  // 96, 256, 384
  if (f < 3 || f % 3) throw Error("zfnet", "filters: expected a multiple of 3, got " + std::to_string(f));
  const auto add = [&](int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t padding) {
    features_.add(
        nn::Conv2d{{.in = in, .out = out, .kernel = kernel, .stride = stride, .padding = padding, .init = o.init}});
    features_.add(nn::Relu{});
  };
  // The contrast normalization after the first two poolings is AlexNet's.
  const nn::LocalResponseNorm contrast{{.size = 5, .alpha = 5e-4, .beta = 0.75, .k = 2}};
  add(o.channels, f, 7, 2, 1);
  features_.add(nn::MaxPool2d{{.kernel = 3, .stride = 2, .padding = 1}}).add(contrast);
  add(f, second, 5, 2, 0);
  features_.add(nn::MaxPool2d{{.kernel = 3, .stride = 2, .padding = 1}}).add(contrast);
  add(second, third, 3, 1, 1);
  add(third, third, 3, 1, 1);
  add(third, second, 3, 1, 1);
  features_.add(nn::MaxPool2d{{.kernel = 3, .stride = 2}});
  classifier_.add(nn::Dropout{o.dropout}).add(nn::Linear{{.in = second * 36, .out = o.hidden, .init = o.init}});
  classifier_.add(nn::Relu{}).add(nn::Dropout{o.dropout});
  classifier_.add(nn::Linear{{.in = o.hidden, .out = o.hidden, .init = o.init}}).add(nn::Relu{});
  classifier_.add(nn::Linear{{.in = o.hidden, .out = o.classes, .init = o.init}});
}

Tensor Zfnet::forward(const Tensor& x) { return classifier_(flatten(avgpool_(features_(x)), 1)); }

nn::LayerPtr make_zfnet(FieldVisitor& visitor, const ModelInput& data) {
  return std::make_unique<Zfnet>(image_options<ZfnetOptions>(visitor, data, "zfnet"));
}

}  // namespace lamina::models
