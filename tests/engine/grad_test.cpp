#include "lamina/engine/grad.h"

#include <gtest/gtest.h>

#include "lamina/core/error.h"
#include "lamina/engine/tape.h"
#include "lamina/ops/ops.h"

namespace lamina {
namespace {

Tensor scalar(double v) { return Tensor::from({v}, {}, DType::f64); }

TEST(Grad, OfTheCoursesFirstGraph) {
  const Tensors at{scalar(2), scalar(3), scalar(-4)};
  const TensorFn f = [](const Tensors& in) { return (in[0] + in[1]) * in[2]; };
  EXPECT_EQ(f(at).item(), -20);
  const Tensors g = grad(f, at);
  EXPECT_EQ(g[0].item(), -4);
  EXPECT_EQ(g[1].item(), -4);
  EXPECT_EQ(g[2].item(), 5);
}

TEST(Grad, SharedInputsSumTheirContributions) {
  const Tensors g = grad([](const Tensors& in) { return in[0] * in[0] * in[0] + in[0]; }, {scalar(2)});
  EXPECT_EQ(g[0].item(), 13);
}

TEST(Grad, GoesToAnyOrder) {
  TensorFn f = [](const Tensors& in) { return in[0] * in[0] * in[0] * in[0]; };
  const double expected[] = {32, 48, 48, 24, 0};
  for (double e : expected) {
    f = [f](const Tensors& in) { return grad(f, in)[0]; };
    EXPECT_EQ(f({scalar(2)}).item(), e);
  }
}

TEST(Grad, OfIntermediateValues) {
  const Tensor x = tracked(scalar(3));
  const Tensor y = x * x;
  const Tensors g = grad(y * 5.0, {x, y});
  EXPECT_EQ(g[0].item(), 30);
  EXPECT_EQ(g[1].item(), 5);
}

TEST(Grad, RefusesWhatHasNoGradient) {
  const Tensor x = tracked(scalar(1)), unused = tracked(scalar(1));
  EXPECT_THROW(grad(x * 2.0, {unused}), Error);
  EXPECT_EQ(grad(x * 2.0, {unused}, {.grad_output = {}, .allow_unused = true})[0].item(), 0);
  EXPECT_THROW(grad(x * 2.0, {scalar(1)}), Error);
  EXPECT_THROW(grad(expand(x, {3}), {x}), Error);
}

TEST(Grad, StopsWhereTold) {
  const Tensors g = grad([](const Tensors& in) { return in[0] * stop_gradient(in[0]); }, {scalar(3)});
  EXPECT_EQ(g[0].item(), 3);
  const Tensor x = tracked(scalar(3));
  const NoGrad off;
  EXPECT_FALSE(is_tracked(x * x));
}

TEST(Grad, OfAGradientPenaltyReachesParameters) {
  // d/dw of (d/dx w·x²)² = d/dw (2wx)² = 8wx².
  const Variable w(scalar(3), true);
  const auto [value, grads] = value_and_grad(
      [&] {
        const Tensor g = grad([&](const Tensors& in) { return w.value() * in[0] * in[0]; }, {scalar(5)})[0];
        return g * g;
      },
      {w});
  EXPECT_EQ(value.item(), 900);
  EXPECT_EQ(grads[0].item(), 600);
}

TEST(Grad, LongChainsNeitherRecurseNorLeak) {
  const Tensor x = tracked(scalar(1));
  Tensor y = x;
  for (int i = 0; i < 200000; ++i) y = y + 0.0;
  EXPECT_EQ(grad(y, {x})[0].item(), 1);
}

TEST(Derivatives, HessianOfAQuadraticForm) {
  const Tensor a = Tensor::from({2, 1, 1, 6}, {2, 2}, DType::f64);
  const auto f = [&](const Tensor& x) { return sum(x * matmul(a, x)); };
  const Tensor x = Tensor::from({1, -2}, {2}, DType::f64);
  EXPECT_EQ(hessian(f, x).values(), (std::vector<double>{4, 2, 2, 12}));
  EXPECT_EQ(hvp(f, x, Tensor::from({1, 1}, {2}, DType::f64)).values(), (std::vector<double>{6, 14}));
}

TEST(Derivatives, JvpAndVjpAgreeWithTheJacobian) {
  const auto f = [](const Tensor& x) { return stack({x * x, sin(x)}); };
  const TensorFn fn = [&](const Tensors& in) { return f(in[0]); };
  const Tensor x = Tensor::from({0.5, -1.5}, {2}, DType::f64), t = Tensor::from({2, 3}, {2}, DType::f64);
  const Tensor v = Tensor::from({1, 2, 3, 4}, {2, 2}, DType::f64);
  const Tensor j = jacobian(f, x);
  ASSERT_EQ(j.shape(), (Shape{4, 2}));
  const std::vector<double> forward = matmul(j, t).values(), got = jvp(fn, {x}, {t}).values();
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(got[i], forward[i], 1e-12);
  const std::vector<double> back = matmul(reshape(v, {4}), j).values(), pulled = vjp(fn, {x}, v)[0].values();
  for (size_t i = 0; i < 2; ++i) EXPECT_NEAR(pulled[i], back[i], 1e-12);
}

TEST(CheckGradients, TellsRightFromWrong) {
  const Tensors at{Tensor::from({0.3, -0.7, 1.1}, {3}, DType::f64)};
  EXPECT_TRUE(check_gradients([](const Tensors& in) { return tanh(in[0]); }, at).ok);
  const TensorFn wrong = [](const Tensors& in) { return tanh(in[0]) + stop_gradient(in[0]); };
  const GradientCheck check = check_gradients(wrong, at);
  EXPECT_FALSE(check.ok);
  EXPECT_NE(check.report.find("input 0"), std::string::npos);
  EXPECT_TRUE(check_gradients([](const Tensors& in) { return exp(in[0]); }, at, {.second_order = true}).ok);
}

TEST(Variable, KeepsShapeAndSlot) {
  const Variable v(scalar(1), true);
  const Variable same = v, other = v.clone();
  v.assign(scalar(2));
  EXPECT_EQ(same.value().item(), 2);
  EXPECT_EQ(other.value().item(), 1);
  EXPECT_THROW(v.assign(Tensor::from({1, 2}, {2}, DType::f64)), Error);
}

}  // namespace
}  // namespace lamina
