#include <gtest/gtest.h>

#include <cmath>

#include "lamina/engine/grad.h"
#include "lamina/graph/capture.h"
#include "lamina/ops/ops.h"

namespace lamina::graph {
namespace {

Tensor wave(const Shape& shape, double scale) {
  std::vector<double> v(static_cast<size_t>(shape.numel()));
  for (size_t i = 0; i < v.size(); ++i) v[i] = scale * std::sin(0.7 * static_cast<double>(i) + 0.1);
  return Tensor::from(v, shape, DType::f32);
}

/// Everything that stands between convolutions: normalization, activations, poolings, a residual, a join, a
/// slice, a transposed convolution, and the way out to a product.
struct ConvNet {
  Variable first{wave({16, 3, 3, 3}, 0.3), true}, scale{ones({16}), true}, shift{zeros({16}), true};
  Variable second{wave({16, 16, 3, 3}, 0.1), true}, up{wave({32, 16, 2, 2}, 0.1), true}, bias{wave({16}, 0.1), true};
  Variable out{wave({16, 5}, 0.3), true};

  std::vector<Variable> all() const { return {first, scale, shift, second, up, bias, out}; }

  Tensor logits(const Tensor& x) const {
    Tensor h = conv(x, first.value(), {}, {.padding = {1}});
    h = relu(batch_norm_train(h, scale.value(), shift.value()).y);
    h = local_response_norm(h, 5, 0.5, 0.6, 1.5);
    h = max_pool(h, {.kernel = {3}, .stride = {2}, .padding = {1}});
    const Tensor body = conv(h, second.value(), bias.value(), {.padding = {1}});
    const Tensor joined = relu(batch_norm_train(body, scale.value(), shift.value()).y + h);
    const Tensor wide = concat({joined, avg_pool(h, {.kernel = {1}})}, 1);
    const Tensor large = tanh(conv_transpose(wide, up.value(), bias.value(), {.stride = {2}}));
    return matmul(global_avg_pool(large), out.value()) + sum(slice(large, 1, 0, 8)) * 1e-3;
  }

  Tensors step(const Tensors& in) const {
    const auto [loss, grads] = value_and_grad([&] { return mean(cross_entropy_rows(logits(in[0]), in[1])); }, all());
    Tensors results{loss};
    results.insert(results.end(), grads.begin(), grads.end());
    return results;
  }
};

double largest_difference(const Tensor& a, const Tensor& b) {
  return amax(abs(a - b)).item() / (1e-6 + amax(abs(b)).item());
}

TEST(Layout, BlocksOfChannelsGiveTheNumbersOfRowMajorImages) {
  const ConvNet net;
  const Tensors batch{wave({4, 3, 10, 12}, 1), Tensor::from({0, 1, 2, 4}, {4}, DType::i64)};
  const Tensors eager = net.step(batch);
  Captured blocked([&](const Tensors& in) { return net.step(in); }, net.all());
  Captured plain([&](const Tensors& in) { return net.step(in); }, net.all(), {.disabled_passes = {"layout"}});
  const Tensors got = blocked(batch), expected = plain(batch);
  for (size_t i = 0; i < eager.size(); ++i) {
    EXPECT_LT(largest_difference(expected[i], eager[i]), 2e-4) << "result " << i << ", row-major";
    EXPECT_LT(largest_difference(got[i], eager[i]), 2e-4) << "result " << i << ", in blocks";
  }
  EXPECT_NE(blocked.report().graph.find("in blocks of"), std::string::npos);
  EXPECT_EQ(plain.report().graph.find("in blocks of"), std::string::npos);
}

TEST(Layout, ResultsThatUsersSeeAreRowMajor) {
  const Variable w(wave({16, 16, 3, 3}, 0.1), true);
  const Tensor x = wave({2, 16, 6, 6}, 1);
  Captured step([&](const Tensors& in) { return Tensors{conv(in[0], w.value(), {}, {.padding = {1}})}; }, {w});
  const Tensor y = step({x})[0];
  EXPECT_TRUE(y.is_contiguous());
  EXPECT_LT(largest_difference(y, conv(x, w.value(), {}, {.padding = {1}})), 1e-5);
}

}  // namespace
}  // namespace lamina::graph
