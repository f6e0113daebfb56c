#include "lamina/models/lenet5_parts_internal.h"
#include "lamina/nn/init.h"
#include "lamina/nn/layers/check.h"
#include "lamina/ops/ops.h"

namespace lamina::models {

Subsampling::Subsampling(int64_t channels)
    : weight_(nn::init::uniform({channels}, -1, 1)), bias_(nn::init::zeros({channels})) {}

Tensor Subsampling::forward(const Tensor& x) {
  const Shape per_map{weight_.value().size(0), 1, 1};
  const Tensor sums = avg_pool(x, {.kernel = {2}}) * 4.0;
  return sums * reshape(weight_, per_map) + reshape(bias_, per_map);
}

namespace {

constexpr int64_t kIn = 6, kOut = 16, kKernel = 5, kConnections = 60;
// Bit i of row j: map j of C3 sees map i of S2.
constexpr unsigned kTable[kOut] = {0b000111, 0b001110, 0b011100, 0b111000, 0b110001, 0b100011, 0b001111, 0b011110,
                                   0b111100, 0b111001, 0b110011, 0b100111, 0b011011, 0b110110, 0b101101, 0b111111};

}  // namespace

TableConv::TableConv(const std::string& init) {
  // The fan-in of a map: 3 to 6 kernels of 25; drawn as for 4, their mean.
  const Shape as_conv{kOut, 4, kKernel, kKernel};
  weight_ =
      nn::Param(reshape(slice(reshape(nn::init::by_name(init, as_conv), {-1, kKernel, kKernel}), 0, 0, kConnections),
                        {kConnections, kKernel, kKernel}));
  bias_ = nn::Param(nn::init::bias(init, kOut, as_conv));
  std::vector<int64_t> places;
  int64_t next = 0;
  for (const unsigned row : kTable) {
    for (int64_t i = 0; i < kIn; ++i) places.push_back(row >> i & 1 ? next++ : kConnections);
  }
  places_ = Tensor::from(places, {kOut * kIn});
}

Tensor TableConv::forward(const Tensor& x) {
  nn::check_rank(x, 4, 4, kind(), "[n, channels, height, width]");
  nn::check_extent(x, 1, kIn, kind(), "input channels", weight_);
  const Tensor& kernels = weight_.value();
  const Tensor all = concat({kernels, zeros({1, kKernel, kKernel}, kernels.dtype())}, 0);
  const Tensor dense = reshape(index_select(all, 0, places_), {kOut, kIn, kKernel, kKernel});
  return conv(x, dense, bias_);
}

namespace {

constexpr int64_t kPixels = 84;
// A row of 7 pixels each, the highest bit on the left.
constexpr unsigned char kDigits[10][12] = {
    {0x00, 0x1c, 0x1c, 0x22, 0x26, 0x26, 0x2a, 0x32, 0x32, 0x22, 0x1c, 0x00},
    {0x00, 0x08, 0x08, 0x18, 0x08, 0x08, 0x08, 0x08, 0x08, 0x08, 0x1c, 0x00},
    {0x00, 0x1c, 0x1c, 0x22, 0x02, 0x02, 0x0c, 0x10, 0x10, 0x20, 0x3e, 0x00},
    {0x00, 0x1c, 0x1c, 0x22, 0x02, 0x02, 0x0c, 0x02, 0x02, 0x22, 0x1c, 0x00},
    {0x00, 0x04, 0x04, 0x0c, 0x14, 0x14, 0x24, 0x3e, 0x3e, 0x04, 0x04, 0x00},
    {0x00, 0x3e, 0x3e, 0x20, 0x3c, 0x3c, 0x02, 0x02, 0x02, 0x22, 0x1c, 0x00},
    {0x00, 0x0c, 0x0c, 0x10, 0x20, 0x20, 0x3c, 0x22, 0x22, 0x22, 0x1c, 0x00},
    {0x00, 0x3e, 0x3e, 0x02, 0x04, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10, 0x00},
    {0x00, 0x1c, 0x1c, 0x22, 0x22, 0x22, 0x1c, 0x22, 0x22, 0x22, 0x1c, 0x00},
    {0x00, 0x1c, 0x1c, 0x22, 0x22, 0x22, 0x1e, 0x02, 0x02, 0x04, 0x18, 0x00},
};

Tensor centers(int64_t classes) {
  if (classes != 10) return sign(nn::init::uniform({classes, kPixels}, -1, 1));
  std::vector<double> pixels;
  for (const auto& digit : kDigits) {
    for (const unsigned char row : digit) {
      for (int column = 6; column >= 0; --column) pixels.push_back(row >> column & 1 ? 1 : -1);
    }
  }
  return Tensor::from(pixels, {10, kPixels}, DType::f32);
}

}  // namespace

RbfOutput::RbfOutput(int64_t classes) : centers_(centers(classes)) {}

Tensor RbfOutput::forward(const Tensor& x) {
  nn::check_rank(x, 2, 2, kind(), "[n, 84]");
  nn::check_extent(x, 1, kPixels, kind(), "units", centers_);
  const Tensor& c = centers_.value();
  return matmul(x, transpose(c)) * 2.0 - sum(x * x, {1}, true) - sum(c * c, {1});
}

}  // namespace lamina::models
