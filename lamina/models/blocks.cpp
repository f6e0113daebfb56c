#include "lamina/core/error.h"
#include "lamina/core/glob.h"
#include "lamina/models/blocks_internal.h"
#include "lamina/nn/init.h"
#include "lamina/nn/layers/conv.h"
#include "lamina/nn/layers/norm.h"
#include "lamina/ops/movement.h"

namespace lamina::models {

void require_all(const Dims& values, int64_t least, const char* model, const char* option) {
  if (values.empty()) throw Error(model, std::string(option) + ": expected at least one number");
  for (const int64_t v : values) nn::require_at_least(v, least, model, option);
}

void add_conv_block(nn::Sequential& layers, const ConvBlock& b) {
  layers.add(nn::Conv2d{
      {.in = b.in, .out = b.out, .kernel = 3, .padding = b.padding, .bias = !b.batch_norm, .init = "kaiming_normal"}});
  if (b.batch_norm) layers.add(nn::BatchNorm2d{b.out});
  layers.add(activation(b.activation));
}

void fill(nn::Module& net, std::string_view glob, double value) {
  for (const nn::NamedVariable& p : net.named_parameters()) {
    if (matches_glob(glob, p.name)) p.variable.assign(nn::init::constant(p.variable.value().shape(), value));
  }
}

Tensor fit(const Tensor& x, const Tensor& like) {
  Dims before, after;
  bool same = true;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const int64_t missing = axis < 2 ? 0 : like.size(axis) - x.size(axis);
    before.push_back(missing / 2);
    after.push_back(missing - missing / 2);
    same = same && missing == 0;
  }
  return same ? x : pad(x, before, after);
}

}  // namespace lamina::models
