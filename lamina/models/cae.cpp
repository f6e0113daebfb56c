#include "lamina/models/cae.h"

#include <vector>

#include "lamina/models/blocks_internal.h"
#include "lamina/nn/layers/conv.h"
#include "lamina/nn/layers/linear.h"
#include "lamina/nn/layers/norm.h"

namespace lamina::models {

Cae::Cae(const CaeOptions& o) {
  require_all(o.filters, 1, "cae", "filters");
  nn::require_at_least(o.code, 0, "cae", "code");
  struct Stage {
    int64_t channels, height, width;  // of what enters it
  };
  std::vector<Stage> stages;
  Stage at{o.channels, o.height, o.width};
  for (const int64_t filters : o.filters) {
    stages.push_back(at);
    encoder_.add(
        nn::Conv2d{{.in = at.channels, .out = filters, .kernel = 3, .stride = 2, .padding = 1, .bias = !o.batch_norm}});
    if (o.batch_norm) encoder_.add(nn::BatchNorm2d{filters});
    encoder_.add(activation(o.activation));
    at = {filters, (at.height + 1) / 2, (at.width + 1) / 2};
  }
  if (o.code > 0) {
    const int64_t features = at.channels * at.height * at.width;
    encoder_.add(nn::Flatten{}).add(nn::Linear{{.in = features, .out = o.code}});
    decoder_.add(nn::Linear{{.in = o.code, .out = features}}).add(activation(o.activation));
    decoder_.add(nn::Reshape{{.shape = {at.channels, at.height, at.width}}});
  }
  for (size_t i = stages.size(); i-- > 0;) {
    const bool last = i == 0;
    const Stage& to = stages[i];
    const int64_t out = last && o.out_channels > 0 ? o.out_channels : to.channels;
    decoder_.add(nn::ConvTranspose2d{{.in = at.channels,
                                      .out = out,
                                      .kernel = 3,
                                      .stride = 2,
                                      .padding = 1,
                                      .output_padding = {(to.height + 1) % 2, (to.width + 1) % 2},
                                      .bias = last || !o.batch_norm}});
    if (o.batch_norm && !last) decoder_.add(nn::BatchNorm2d{out});
    decoder_.add(activation(last ? o.output : o.activation));
    at = to;
  }
}

nn::LayerPtr make_cae(FieldVisitor& visitor, const ModelInput& data) {
  CaeOptions o;
  take_image(o, data, "cae");
  o.out_channels = outputs_or(data, o.out_channels);
  visit_image(o, visitor, "cae");
  require_all({o.out_channels}, 0, "cae", "out_channels");
  return std::make_unique<Cae>(o);
}

}  // namespace lamina::models
