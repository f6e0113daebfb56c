#include "lamina/inspect/curvature.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lamina/inspect/expression.h"
#include "lamina/ops/movement.h"
#include "tests/support/files.h"

namespace lamina::inspect {
namespace {

Curvature at(const std::string& text, const std::vector<double>& point) {
  const Expression e = Expression::parse(text);
  const auto f = [&](const Tensor& x) {
    Tensors values;
    for (size_t i = 0; i < point.size(); ++i) values.push_back(select(x, 0, static_cast<int64_t>(i)));
    return e(values);
  };
  return curvature(f, point);
}

TEST(Curvature, HessianOfTheWorkedExample) {
  const Curvature c = at("(x+y)*z", {2, 3, -4});
  EXPECT_EQ(c.value, -20);
  EXPECT_EQ(c.gradient, (std::vector<double>{-4, -4, 5}));
  EXPECT_EQ(c.hessian, (std::vector<std::vector<double>>{{0, 0, 1}, {0, 0, 1}, {1, 1, 0}}));
  EXPECT_NEAR(c.eigenvalues[0], -std::sqrt(2), 1e-12);
  EXPECT_NEAR(c.eigenvalues[2], std::sqrt(2), 1e-12);
  EXPECT_EQ(c.convexity, Convexity::neither);
  EXPECT_EQ(c.stationary, Stationary::no);
  EXPECT_NEAR(c.along_gradient, 2 * (-4 - 4) * 5 / 57.0, 1e-12);  // gᵀHg = 2·(gx + gy)·gz
}

TEST(Curvature, KindsOfPoints) {
  EXPECT_EQ(at("x^2 + y^2", {0, 0}).stationary, Stationary::minimum);
  EXPECT_EQ(at("-x^2 - 3*y^2", {0, 0}).stationary, Stationary::maximum);
  EXPECT_EQ(at("x^2 - y^2", {0, 0}).stationary, Stationary::saddle);
  EXPECT_EQ(at("x^4", {0}).stationary, Stationary::undetermined);
  EXPECT_EQ(at("x^2 + y^2", {1, 0}).stationary, Stationary::no);
  // The minimum of Rosenbrock's function, and a point where it is not convex.
  EXPECT_EQ(at("(1-x)^2 + 100*(y-x^2)^2", {1, 1}).stationary, Stationary::minimum);
  EXPECT_EQ(at("(1-x)^2 + 100*(y-x^2)^2", {0, 1}).convexity, Convexity::neither);
}

TEST(Curvature, KindsOfConvexity) {
  EXPECT_EQ(at("exp(x)", {1}).convexity, Convexity::strictly_convex);
  EXPECT_EQ(at("log(x)", {1}).convexity, Convexity::strictly_concave);
  EXPECT_EQ(at("(x+y)^2", {1, 2}).convexity, Convexity::convex);
  EXPECT_EQ(at("-(x+y)^2", {1, 2}).convexity, Convexity::concave);
  EXPECT_EQ(at("3*x - y", {1, 2}).convexity, Convexity::flat);
}

TEST(Curvature, OfGraphs) {
  // A circle of radius 2 seen from below, and a sphere: curvature 1/2, and 1/4.
  EXPECT_NEAR(at("-sqrt(4 - x^2)", {0.6}).graph, 0.5, 1e-12);
  EXPECT_NEAR(at("-sqrt(4 - x^2 - y^2)", {0.6, -0.3}).graph, 0.25, 1e-12);
}

TEST(Curvature, WhereThereIsNone) {
  EXPECT_CONTAINS(testing::error_of([] { at("x^1.5", {0}); }), "not finite");
  EXPECT_CONTAINS(testing::error_of([] { curvature([](const Tensor& x) { return x; }, {}); }), "no variables");
}

}  // namespace
}  // namespace lamina::inspect
