// The parts of LeNet-5 as published that no other network has. LeCun, Bottou, Bengio and Haffner, 1998, section II.
#pragma once

#include "lamina/nn/module.h"

namespace lamina::models {

/// x [n, c, h, w] → [n, c, h/2, w/2]: the sum of each 2×2 square times a weight of the map, plus a bias of the map.
class Subsampling final : public nn::Layer {
 public:
  explicit Subsampling(int64_t channels);
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS(weight_, bias_)

 private:
  nn::Param weight_, bias_;  // [channels]
};

/// Layer C3, a 5×5 convolution of 6 maps to 16 that sees only the maps of the paper's table I: weight [60, 5, 5], a
/// kernel for each cross of the table, row by row of the 16 maps; bias [16].
class TableConv final : public nn::Layer {
 public:
  explicit TableConv(const std::string& init);
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS(weight_, bias_)

 private:
  nn::Param weight_, bias_;
  Tensor places_;  // i64 [96]: the kernel of each pair of maps; 60, a kernel of zeros, where there is none
};

/// x [n, 84] → −‖x − center‖² [n, classes]: the paper's distances with their sign changed, so that the greatest is the
/// class, and cross-entropy of them its equation 9. The centers are constant: pictures of 7×12 pixels, 1 and −1, of
/// the ten digits; where there are more or fewer classes, drawn at random.
class RbfOutput final : public nn::Layer {
 public:
  explicit RbfOutput(int64_t classes);
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS(centers_)

 private:
  nn::Buffer centers_;  // [classes, 84]
};

}  // namespace lamina::models
