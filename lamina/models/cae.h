// Convolutional autoencoder: convolutions of stride 2 down to maps or a short code, transposed convolutions back.
// Masci, Meier, Cireşan and Schmidhuber, "Stacked convolutional auto-encoders", 2011, with strides for pooling.
#pragma once

#include "lamina/models/registry.h"
#include "lamina/nn/layers/container.h"

namespace lamina::models {

struct CaeOptions {
  int64_t channels = 1;
  int64_t height = 28, width = 28;
  int64_t out_channels = 0;  // channels of the result; 0: those of the input
  Dims filters = {32, 64};   // of each convolution; each halves the image
  int64_t code = 0;          // units of a dense code between the two halves; 0: the last maps are the code
  bool batch_norm = false;   // before each activation
  std::string activation = "relu";
  std::string output = "identity";  // activation of the result: sigmoid keeps it in (0, 1)
  LAMINA_OPTIONS(channels, height, width, out_channels, filters, code, batch_norm, activation, output)
};

/// [n, channels, height, width] → [n, out_channels, height, width]. The code is what the layer "encoder" puts out:
/// [n, code], or [n, filters, height/2ᵏ, width/2ᵏ] (rounded up) without one.
class Cae final : public nn::Layer {
 public:
  explicit Cae(const CaeOptions& options);
  Tensor forward(const Tensor& x) override { return decoder_(encoder_(x)); }
  /// Each half by itself.
  Tensor encode(const Tensor& x) { return encoder_(x); }
  Tensor decode(const Tensor& code) { return decoder_(code); }
  LAMINA_FIELDS(encoder_, decoder_)

 private:
  nn::Sequential encoder_, decoder_;
};

nn::LayerPtr make_cae(FieldVisitor& visitor, const ModelInput& data);

}  // namespace lamina::models
