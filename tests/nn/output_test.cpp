#include <gtest/gtest.h>

#include <cmath>

#include "lamina/core/error.h"
#include "lamina/nn/init.h"
#include "lamina/nn/layers.h"
#include "lamina/nn/loss.h"
#include "lamina/ops/ops.h"

namespace lamina::nn {
namespace {

double distance(const Tensor& a, const Tensor& b) { return amax(abs(a - b)).item(); }

TEST(HierarchicalSoftmax, IsADistributionWhoseLossIsItsLogarithm) {
  seed(1);
  for (const int64_t classes : {2, 3, 7, 16}) {
    for (const char* tree : {"balanced", "huffman"}) {
      std::vector<int64_t> counts;
      for (int64_t i = 0; i < classes; ++i) counts.push_back(1 + i * i);
      HierarchicalSoftmax layer({.in = 4, .classes = classes, .tree = tree}, counts);
      const Tensor x = init::normal({classes, 4}, 0, 2),
                   target = arange(0, static_cast<double>(classes), 1, DType::i64);
      const Tensor log_p = layer(x);
      EXPECT_LT(distance(sum(exp(log_p), {1}), ones({classes})), 1e-5) << tree << " " << classes;
      const Tensor picked = gather(log_p, 1, unsqueeze(target, 1));
      EXPECT_NEAR(layer.loss(x, target).item(), -mean(picked).item(), 1e-5);
      EXPECT_NEAR(loss::cross_entropy(log_p, target).item(), -mean(picked).item(), 1e-5);
    }
  }
}

TEST(HierarchicalSoftmax, TreesAreAsDeepAsTheyMustBe) {
  EXPECT_EQ(HierarchicalSoftmax({.in = 1, .classes = 1024}).depth(), 10);
  EXPECT_EQ(HierarchicalSoftmax({.in = 1, .classes = 1025}).depth(), 11);
  // Counts 1, 1, 2, 4, 8: each joins all before it, and the two rarest lie deepest.
  HierarchicalSoftmax layer({.in = 1, .classes = 5, .tree = "huffman"}, {1, 1, 2, 4, 8});
  const Tensor signs = layer.named_buffers()[1].variable.value();
  EXPECT_EQ(sum(abs(signs), {1}).values(), (std::vector<double>{4, 4, 3, 2, 1}));
}

TEST(HierarchicalSoftmax, LossHasTheGradientsOfFiniteDifferences) {
  seed(2);
  HierarchicalSoftmax layer({.in = 3, .classes = 5});
  convert(layer, DType::f64);
  const Tensor target = Tensor::from({4, 0, 2}, {3}, DType::i64);
  std::vector<NamedVariable> parameters = layer.named_parameters();
  const auto f = [&](const Tensors& xs) {
    for (size_t i = 0; i < parameters.size(); ++i) parameters[i].variable.replace(xs[i + 1]);
    return layer.loss(xs[0], target);
  };
  const GradientCheck check = check_gradients(
      f, {cast(init::normal({3, 3}), DType::f64), parameters[0].variable.value(), parameters[1].variable.value()});
  EXPECT_TRUE(check.ok) << check.report;
}

TEST(SampledSoftmax, InTheMeanOverSamplesComesNearTheWholeSoftmax) {
  seed(3);
  SampledSoftmax layer{{.in = 4, .classes = 50, .samples = 200}};
  const Tensor x = init::normal({8, 4}, 0, 2), target = Tensor::from({0, 3, 49, 7, 7, 20, 1, 30}, {8}, DType::i64);
  const double whole = layer.loss(x, target).item();
  EXPECT_NEAR(whole, loss::cross_entropy(layer(x), target).item(), 1e-6);
  const ModeScope mode(Mode::train);
  double total = 0;
  for (int i = 0; i < 50; ++i) total += layer.loss(x, target).item() / 50;
  EXPECT_NEAR(total, whole, 0.05);
}

TEST(OutputLayers, MistakesNameWhatIsWrong) {
  EXPECT_THROW(HierarchicalSoftmax({.in = 2, .classes = 1}), Error);
  EXPECT_THROW(HierarchicalSoftmax({.in = 2, .classes = 3, .tree = "huffman"}, {1, 2}), Error);
  EXPECT_THROW(HierarchicalSoftmax({.in = 2, .classes = 3, .tree = "oak"}), Error);
  EXPECT_THROW((AdaptiveSoftmax{{.in = 2, .classes = 9, .cutoffs = {4, 4}}}), Error);
  EXPECT_THROW((AdaptiveSoftmax{{.in = 2, .classes = 9, .cutoffs = {9}}}), Error);
  EXPECT_THROW((AdaptiveSoftmax{{.in = 2, .classes = 9}}), Error);
  SampledSoftmax layer{{.in = 2, .classes = 9}};
  EXPECT_THROW(layer.loss(ones({3, 2}), ones({3})), Error);
  EXPECT_THROW(layer(ones({3, 3})), Error);
}

}  // namespace
}  // namespace lamina::nn
