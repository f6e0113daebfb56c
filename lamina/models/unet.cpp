#include "lamina/models/unet.h"

#include "lamina/core/error.h"
#include "lamina/models/blocks_internal.h"
#include "lamina/nn/layers/dropout.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/pool.h"

namespace lamina::models {

Unet::Unet(const UnetOptions& o)
    : head_{{.in = o.filters, .out = o.classes, .kernel = 1}}, output_(activation(o.output)) {
  nn::require_at_least(o.depth, 1, "unet", "depth");
  if (o.depth > 10) throw Error("unet", "depth: expected at most 10, got " + std::to_string(o.depth));
  const auto pair = [&](int64_t in, int64_t out) {
    nn::Sequential convolutions;
    add_conv_block(convolutions, {in, out, o.padding, o.batch_norm, o.activation});
    add_conv_block(convolutions, {out, out, o.padding, o.batch_norm, o.activation});
    return convolutions;
  };
  for (int64_t level = 0; level <= o.depth; ++level) {
    const int64_t out = o.filters << level;
    encoders_.push_back(pair(level == 0 ? o.channels : out / 2, out));
  }
  if (!(o.dropout >= 0)) throw Error("unet", "dropout: expected 0 or more, got " + std::to_string(o.dropout));
  if (o.dropout > 0) encoders_.back().add(nn::Dropout{o.dropout});
  for (int64_t level = o.depth; level-- > 0;) {
    const int64_t out = o.filters << level;
    ups_.emplace_back(nn::ConvTransposeLayerOptions{.in = 2 * out, .out = out, .kernel = 2, .stride = 2});
    decoders_.push_back(pair(2 * out, out));
  }
}

Tensor Unet::forward(const Tensor& x) {
  Tensors levels{encoders_[0](x)};
  for (size_t i = 1; i < encoders_.size(); ++i) levels.push_back(encoders_[i](max_pool(levels.back())));
  Tensor y = levels.back();
  for (size_t i = 0; i < ups_.size(); ++i) {
    const Tensor& fine = levels[levels.size() - 2 - i];
    const Tensor up = ups_[i](y);
    // Odd extents leave the upper level smaller by a pixel; without padding the finer one is larger.
    const bool larger = fine.size(2) >= up.size(2) + 2 || fine.size(3) >= up.size(3) + 2;
    y = decoders_[i](larger ? concat({fit(fine, up), up}, 1) : concat({fine, fit(up, fine)}, 1));
  }
  return output_(head_(y));
}

void Unet::visit(nn::ModuleVisitor& visitor) {
  for (size_t i = 0; i < encoders_.size(); ++i) visitor.field("encoder" + std::to_string(i + 1), encoders_[i]);
  for (size_t i = 0; i < ups_.size(); ++i) {
    visitor.field("up" + std::to_string(i + 1), ups_[i]);
    visitor.field("decoder" + std::to_string(i + 1), decoders_[i]);
  }
  visitor.field("head", head_);
  visitor.field("output", *output_);
}

nn::LayerPtr make_unet(FieldVisitor& visitor, const ModelInput& data) {
  return std::make_unique<Unet>(image_options<UnetOptions>(visitor, data, "unet"));
}

}  // namespace lamina::models
