// What the image architectures share: options that the data fill in, and blocks of layers.
#pragma once

#include "lamina/models/options.h"
#include "lamina/nn/layers/container.h"

namespace lamina::models {

/// Throws Error naming the option where one of `values` is below `least`.
void require_all(const Dims& values, int64_t least, const char* model, const char* option);

/// Channels, height and width of the data's images, where they are known.
template <class Options>
void take_image(Options& o, const ModelInput& data, const char* model) {
  const Shape image = input_or(data, {o.channels, o.height, o.width}, model);
  o.channels = image[0];
  o.height = image[1];
  o.width = image[2];
}

/// What the visitor gives: throws Error where an image would be empty.
template <class Options>
void visit_image(Options& o, FieldVisitor& visitor, const char* model) {
  o.visit(visitor);
  require_all({o.channels}, 1, model, "channels");
  require_all({o.height}, 1, model, "height");
  require_all({o.width}, 1, model, "width");
}

/// `standard` with the data's images and as many classes as it has, then what the visitor gives.
template <class Options>
Options image_options(FieldVisitor& visitor, const ModelInput& data, const char* model, Options standard = {}) {
  take_image(standard, data, model);
  standard.classes = outputs_or(data, standard.classes);
  visit_image(standard, visitor, model);
  return standard;
}

/// convolution 3×3, normalization unless off, activation.
struct ConvBlock {
  int64_t in, out;
  int64_t padding = 1;
  bool batch_norm = true;
  const std::string& activation;
};
void add_conv_block(nn::Sequential& layers, const ConvBlock& block);

/// Gives every parameter whose path matches the glob this value.
void fill(nn::Module& net, std::string_view glob, double value);

/// Cuts or fills up with zeros, on both sides alike, x [n, channels, …] to the spatial extents of `like`.
Tensor fit(const Tensor& x, const Tensor& like);

}  // namespace lamina::models
