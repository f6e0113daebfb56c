#include "lamina/models/all_cnn.h"

#include <iterator>

#include "lamina/models/blocks_internal.h"
#include "lamina/nn/layers/activation.h"
#include "lamina/nn/layers/conv.h"
#include "lamina/nn/layers/dropout.h"
#include "lamina/nn/layers/norm.h"
#include "lamina/nn/layers/pool.h"

namespace lamina::models {

AllCnn::AllCnn(const AllCnnOptions& o) {
  struct Layer {
    int64_t out, kernel, stride, padding;
  };
  const int64_t f = o.filters;
  const Layer layers[] = {{f, 3, 1, 1},     {f, 3, 1, 1},     {f, 3, 2, 1},     {2 * f, 3, 1, 1},    {2 * f, 3, 1, 1},
                          {2 * f, 3, 2, 1}, {2 * f, 3, 1, 0}, {2 * f, 1, 1, 0}, {o.classes, 1, 1, 0}};
  if (o.dropout) features_.add(nn::Dropout{0.2});
  int64_t in = o.channels;
  for (const Layer& l : layers) {
    features_.add(nn::Conv2d{{.in = in,
                              .out = l.out,
                              .kernel = l.kernel,
                              .stride = l.stride,
                              .padding = l.padding,
                              .bias = !o.batch_norm || &l == std::end(layers) - 1,
                              .init = "kaiming_normal"}});
    in = l.out;
    if (&l == std::end(layers) - 1) break;
    if (o.batch_norm) features_.add(nn::BatchNorm2d{l.out});
    features_.add(nn::Relu{});
    if (o.dropout && l.stride == 2) features_.add(nn::Dropout{0.5});
  }
  features_.add(nn::GlobalAvgPool{});
}

nn::LayerPtr make_all_cnn(FieldVisitor& visitor, const ModelInput& data) {
  return std::make_unique<AllCnn>(image_options<AllCnnOptions>(visitor, data, "all_cnn"));
}

}  // namespace lamina::models
