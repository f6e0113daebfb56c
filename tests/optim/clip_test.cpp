#include "lamina/optim/clip.h"

#include <gtest/gtest.h>

#include "lamina/core/error.h"
#include "lamina/engine/grad.h"
#include "lamina/graph/capture.h"
#include "lamina/ops/ops.h"

namespace lamina::optim {
namespace {

TEST(Clip, ByValueClampsEachElement) {
  const Tensors clipped = clip_value({Tensor::from({-3, 0.5, 2}, {3}), Tensor()}, 1);
  EXPECT_EQ(clipped[0].values(), (std::vector<double>{-1, 0.5, 1}));
  EXPECT_FALSE(clipped[1].defined());
  EXPECT_THROW(clip_value({}, 0), Error);
}

TEST(Clip, ByNormScalesAllGradientsTogether) {
  const Tensors grads{Tensor::from({3}, {1}), Tensor(), Tensor::from({0, 4}, {2})};
  EXPECT_FLOAT_EQ(global_norm(grads).item(), 5);
  EXPECT_NEAR(global_norm(clip_norm(grads, 1)).item(), 1, 1e-5);
  EXPECT_NEAR(clip_norm(grads, 1)[2].at({1}), 0.8, 1e-5);
  EXPECT_EQ(clip_norm(grads, 10)[0].item(), 3);
  EXPECT_EQ(clip_norm({zeros({2})}, 1)[0].values(), (std::vector<double>{0, 0}));
}

TEST(Penalty, CountsWeightsAndLeavesBiasesAlone) {
  const Variable weight(Tensor::from({1, -2}, {1, 2}), true), bias(Tensor::from({7}, {1}), true);
  const std::vector<nn::NamedVariable> named{{"fc.weight", weight}, {"fc.bias", bias}};
  EXPECT_FLOAT_EQ(penalty(named, 0.5, 0).item(), 1.5);
  EXPECT_FLOAT_EQ(penalty(named, 0, 0.1).item(), 0.5);
  EXPECT_FLOAT_EQ(penalty(named, 0.5, 0.1).item(), 2);
  EXPECT_EQ(penalty(named, 1, 1, "other.*").item(), 0);
  const auto [value, grads] = value_and_grad([&] { return penalty(named, 0.5, 0.1); }, {weight});
  EXPECT_NEAR(grads[0].at({0, 1}), -0.5 - 0.4, 1e-6);
  EXPECT_THROW(penalty(named, -1, 0), Error);
}

TEST(Ema, FollowsTheWeightsAndChangesPlacesWithThem) {
  const Variable w(Tensor::from({1}, {1}), true);
  const Ema ema({{"w", w}}, 0.9);
  graph::Captured step(
      [&](const Tensors& in) {
        w.assign(in[0]);
        ema.update();
        return Tensors{};
      },
      {w, ema.state()[0].variable});
  step({Tensor::from({2}, {1})});
  EXPECT_EQ(ema.state()[0].name, "ema.w");
  EXPECT_FLOAT_EQ(ema.state()[0].variable.value().item(), 1.1F);
  ema.swap();
  EXPECT_FLOAT_EQ(w.value().item(), 1.1F);
  EXPECT_TRUE(w.trainable());
  ema.swap();
  EXPECT_EQ(w.value().item(), 2);
  EXPECT_THROW(Ema({}, 1), Error);
}

}  // namespace
}  // namespace lamina::optim
