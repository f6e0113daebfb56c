#include "lamina/models/super_resolution.h"

#include "lamina/core/error.h"
#include "lamina/models/blocks_internal.h"
#include "lamina/nn/layers/conv.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/pointwise.h"

namespace lamina::models {

namespace {

/// Each pixel `factor` times in both directions.
Tensor repeat_pixels(const Tensor& x, int64_t factor) {
  const int64_t n = x.size(0), c = x.size(1), h = x.size(2), w = x.size(3);
  const Tensor squares = expand(reshape(x, {n, c, h, 1, w, 1}), {n, c, h, factor, w, factor});
  return reshape(squares, {n, c, h * factor, w * factor});
}

}  // namespace

SuperResolution::SuperResolution(const SuperResolutionOptions& o) : factor_(o.factor), residual_(o.residual) {
  nn::require_at_least(o.factor, 1, "super_resolution", "factor");
  require_all(o.filters, 1, "super_resolution", "filters");
  const int64_t out = o.out_channels > 0 ? o.out_channels : o.channels;
  if (o.residual && out != o.channels) {
    throw Error("super_resolution", "residual: needs as many channels out as in, got " + std::to_string(o.channels) +
                                        " in and " + std::to_string(out) + " out")
        .hint("set residual: false");
  }
  int64_t in = o.channels;
  for (const int64_t filters : o.filters) {
    const int64_t kernel = in == o.channels && features_.size() == 0 ? 5 : 3;
    features_.add(nn::Conv2d{{.in = in, .out = filters, .kernel = kernel, .padding = kernel / 2}});
    features_.add(activation(o.activation));
    in = filters;
  }
  if (o.upsampling == "subpixel") {
    upsample_.add(nn::Conv2d{{.in = in, .out = out * o.factor * o.factor, .kernel = 3, .padding = 1}});
    upsample_.add(nn::PixelShuffle{o.factor});
  } else if (o.upsampling == "transposed") {
    upsample_.add(
        nn::ConvTranspose2d{{.in = in, .out = out, .kernel = 3 * o.factor, .stride = o.factor, .padding = o.factor}});
  } else {
    throw Error("super_resolution", "upsampling: expected subpixel or transposed, got \"" + o.upsampling + "\"");
  }
}

Tensor SuperResolution::forward(const Tensor& x) {
  const Tensor y = upsample_(features_(x));
  return residual_ ? y + repeat_pixels(x, factor_) : y;
}

nn::LayerPtr make_super_resolution(FieldVisitor& visitor, const ModelInput& data) {
  SuperResolutionOptions o;
  take_image(o, data, "super_resolution");
  o.out_channels = outputs_or(data, o.out_channels);
  visit_image(o, visitor, "super_resolution");
  require_all({o.out_channels}, 0, "super_resolution", "out_channels");
  return std::make_unique<SuperResolution>(o);
}

}  // namespace lamina::models
