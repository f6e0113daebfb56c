#include "lamina/models/small_cnn.h"

#include "lamina/core/error.h"
#include "lamina/models/blocks_internal.h"
#include "lamina/nn/layers/conv.h"
#include "lamina/nn/layers/dropout.h"
#include "lamina/nn/layers/linear.h"
#include "lamina/nn/layers/norm.h"

namespace lamina::models {

SmallCnn::SmallCnn(const SmallCnnOptions& o) {
  nn::require_at_least(o.convolutions, 1, "small_cnn", "convolutions");
  nn::require_at_least(o.hidden, 0, "small_cnn", "hidden");
  int64_t in = o.channels, height = o.height, width = o.width;
  for (const int64_t filters : o.filters) {
    for (int64_t i = 0; i < o.convolutions; ++i) {
      features_.add(
          nn::Conv2d{{.in = in, .out = filters, .kernel = 3, .padding = 1, .bias = !o.batch_norm, .init = o.init}});
      if (o.batch_norm) features_.add(nn::BatchNorm2d{filters});
      features_.add(activation(o.activation));
      in = filters;
    }
    features_.add(pooling(o.pooling));
    height /= 2;
    width /= 2;
  }
  if (height < 1 || width < 1) {
    throw Error("small_cnn", "images of " + std::to_string(o.height) + "×" + std::to_string(o.width) +
                                 " pixels are too small for " + std::to_string(o.filters.rank()) + " poolings")
        .hint("give fewer filters");
  }
  classifier_.add(nn::Flatten{});
  if (o.dropout != 0) classifier_.add(nn::Dropout{o.dropout});
  int64_t features = in * height * width;
  if (o.hidden > 0) {
    classifier_.add(nn::Linear{{.in = features, .out = o.hidden, .init = o.init}}).add(activation(o.activation));
    if (o.dropout != 0) classifier_.add(nn::Dropout{o.dropout});
    features = o.hidden;
  }
  classifier_.add(nn::Linear{{.in = features, .out = o.classes, .init = o.init}});
}

nn::LayerPtr make_small_cnn(FieldVisitor& visitor, const ModelInput& data) {
  return std::make_unique<SmallCnn>(image_options<SmallCnnOptions>(visitor, data, "small_cnn"));
}

}  // namespace lamina::models
