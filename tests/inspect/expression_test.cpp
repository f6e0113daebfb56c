#include "lamina/inspect/expression.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "lamina/engine/op.h"
#include "lamina/inspect/expression_graph.h"
#include "lamina/ops/derivatives.h"
#include "tests/support/files.h"

namespace lamina::inspect {
namespace {

using testing::error_of;

double value_of(const std::string& text, const std::string& at = "") {
  const Expression e = Expression::parse(text);
  return expression_graph(e, parse_point(e, at)).value();
}

TEST(Expression, FollowsTheRulesOfArithmetic) {
  EXPECT_EQ(value_of("2 + 3*4"), 14);
  EXPECT_EQ(value_of("(2 + 3)*4"), 20);
  EXPECT_EQ(value_of("10 - 4 - 3"), 3);
  EXPECT_EQ(value_of("24 / 4 / 2"), 3);
  EXPECT_EQ(value_of("2^3^2"), 512);
  EXPECT_EQ(value_of("2**3"), 8);
  EXPECT_EQ(value_of("-x^2", "x=3"), -9);
  EXPECT_EQ(value_of("2^-1"), 0.5);
  EXPECT_EQ(value_of("--x - +x", "x=3"), 0);
  EXPECT_EQ(value_of("1.5e2 + .5"), 150.5);
  EXPECT_DOUBLE_EQ(value_of("max(x, 2*y) - min(x, y)", "x=1,y=4"), 7);
  EXPECT_DOUBLE_EQ(value_of("sin(pi/2)*exp(0)"), 1);
  EXPECT_DOUBLE_EQ(value_of("ln(x_1)", "x_1=2"), std::log(2));
}

TEST(Expression, VariablesInTheOrderOfTheirAppearance) {
  const Expression e = Expression::parse("b*a + b/c");
  EXPECT_EQ(e.variables(), (std::vector<std::string>{"b", "a", "c"}));
  EXPECT_EQ(parse_point(e, " a = 2 , c=4,b=-1e1"), (std::vector<double>{-10, 2, 4}));
}

TEST(Expression, KnowsEveryPointwiseOpOfNumbers) {
  const std::vector<std::string> list = function_names();
  const std::set<std::string> names(list.begin(), list.end());
  // Written as signs, or of no use to real numbers alone.
  const std::set<std::string> others{"full",       "add",         "sub",   "mul",      "div",  "neg",  "eq",
                                     "ne",         "lt",          "le",    "gt",       "ge",   "cast", "logical_and",
                                     "logical_or", "logical_not", "where", "isfinite", "isnan"};
  for (int i = 0; i < static_cast<int>(OpId::count); ++i) {
    const OpDef& def = op_def(static_cast<OpId>(i));
    const std::string name(def.name);
    if (!def.traits.pointwise || others.contains(name)) continue;
    EXPECT_TRUE(names.contains(name)) << name;
  }
}

TEST(Expression, MistakesArePointedAt) {
  const auto message = [](const std::string& text) { return error_of([&] { Expression::parse(text); }); };
  EXPECT_CONTAINS(message("(x+y*z"), "a closing bracket is missing at character 7");
  EXPECT_CONTAINS(message("x+y)*z"), "a closing bracket without an opening one at character 4");
  EXPECT_CONTAINS(message("2x + 1"), "a sign such as * is missing at character 2");
  EXPECT_CONTAINS(message("x y"), "a sign such as * is missing at character 3");
  EXPECT_CONTAINS(message("x + "), "the formula ends");
  EXPECT_CONTAINS(message(""), "the formula ends");
  EXPECT_CONTAINS(message("x $ y"), "unexpected \"$\"");
  EXPECT_CONTAINS(message("x · y"), "unexpected \"·\"");
  EXPECT_CONTAINS(message("sigmod(x)"), "did you mean sigmoid?");
  EXPECT_CONTAINS(message("exp + 1"), "a bracket is missing");
  EXPECT_CONTAINS(message("exp(x, y)"), "exp takes 1 value, got 2");
  EXPECT_CONTAINS(message("max(x)"), "max takes 2 values, got 1");
  EXPECT_CONTAINS(message("1e999"), "no finite number");
  EXPECT_CONTAINS(message(std::string(100000, '(')), "brackets within brackets");
  EXPECT_CONTAINS(message("(x+y)*"), "\n  (x+y)*\n        ^");
}

TEST(Expression, PointsThatDoNotFit) {
  const Expression e = Expression::parse("x*y");
  const auto message = [&](const std::string& at) { return error_of([&] { parse_point(e, at); }); };
  EXPECT_CONTAINS(message("x=2"), "the value of \"y\" is missing");
  EXPECT_CONTAINS(message("x=2,y=3,z=1"), "the expression has no \"z\"");
  EXPECT_CONTAINS(message("x=2,x=3"), "given twice");
  EXPECT_CONTAINS(message("x=two"), "expected NAME=NUMBER, got \"x=two\"");
  EXPECT_CONTAINS(message("x"), "expected NAME=NUMBER");
  EXPECT_CONTAINS(message("x=nan,y=1"), "expected NAME=NUMBER");
}

TEST(ExpressionGraph, TheWorkedExample) {
  const Expression e = Expression::parse("(x+y)*z");
  const ExpressionGraph g = expression_graph(e, {2, 3, -4});
  EXPECT_EQ(g.value(), -20);
  ASSERT_EQ(g.nodes.size(), 5U);
  const std::vector<double> gradients{-4, -4, 5, -4, 1}, values{2, 3, -4, 5, -20};
  for (size_t i = 0; i < g.nodes.size(); ++i) {
    EXPECT_EQ(g.nodes[i].gradient, gradients[i]) << g.nodes[i].name;
    EXPECT_EQ(g.nodes[i].value, values[i]) << g.nodes[i].name;
  }
  EXPECT_EQ(g.nodes[3].formula, "x + y");
  EXPECT_EQ(g.nodes[4].formula, "%1 * z");
}

TEST(ExpressionGraph, TheGradientOfAValueIsTheSumOverItsArrows) {
  const Expression e = Expression::parse("x*x + x*y");
  const ExpressionGraph g = expression_graph(e, {3, 5});
  double sum = 0;
  for (const GraphEdge& edge : g.edges) sum += edge.from == 0 ? edge.gradient : 0;
  EXPECT_EQ(sum, 11);
  EXPECT_EQ(g.nodes[0].gradient, 11);
  EXPECT_EQ(g.nodes[1].gradient, 3);
}

/// The engine differentiates node by node here, and the whole formula at once there; finite differences are the judge.
TEST(ExpressionGraph, GradientsAgreeWithFiniteDifferences) {
  for (const char* text :
       {"sigmoid(x*y + 0.3) * tanh(x/y)", "x^3 / (1 + exp(-y))", "gelu(x)*elu(-y) + softplus(x - y)",
        "log(x^2 + y^2) - atan2(y, x)", "sqrt(abs(x)) + max(x, y)^2", "hard_swish(x) * leaky_relu(-y)"}) {
    const Expression e = Expression::parse(text);
    const std::vector<double> at{0.7, 1.3};
    const ExpressionGraph g = expression_graph(e, at);
    for (size_t i = 0; i < 2; ++i) {
      std::vector<double> up = at, down = at;
      up[i] += 1e-6;
      down[i] -= 1e-6;
      const double numeric = (expression_graph(e, up).value() - expression_graph(e, down).value()) / 2e-6;
      EXPECT_NEAR(g.nodes[i].gradient, numeric, 1e-7) << text;
    }
  }
}

TEST(ExpressionGraph, WithoutAnyOperation) {
  const Expression e = Expression::parse("x^1");
  const ExpressionGraph g = expression_graph(e, {7});
  EXPECT_EQ(g.value(), 7);
  EXPECT_EQ(g.nodes[0].gradient, 1);
  EXPECT_EQ(value_of("3"), 3);
  EXPECT_EQ(value_of("max(3, 4)"), 4);
}

TEST(ExpressionGraph, NamesWhatIsNotFinite) {
  const auto message = [](const std::string& text, const std::string& at) {
    return error_of([&] { value_of(text, at); });
  };
  EXPECT_CONTAINS(message("1 + log(x)", "x=-1"), "the value of log(x) is not finite");
  EXPECT_CONTAINS(message("y / x", "x=0,y=1"), "is not finite: inf");
  EXPECT_CONTAINS(message("x + 1/0", "x=0"), "a number in it is not finite");
  EXPECT_CONTAINS(message("2*sqrt(x)", "x=0"), "the derivative of sqrt(x) is not finite where x is 0");
}

TEST(ExpressionGraph, IsDrawnWithValuesAndGradients) {
  const Expression e = Expression::parse("(x+y)*z");
  const std::string picture = report::svg(diagram(expression_graph(e, {2, 3, -4})));
  for (const char* part : {">-20<", ">-4<", ">5<", ">x<", ">*<", ">+<"}) EXPECT_CONTAINS(picture, part);
  // x*x has one arrow with two gradients, and no two texts on one place.
  const Expression square = Expression::parse("x*x");
  EXPECT_EQ(diagram(expression_graph(square, {3})).edges[0].below, "3, 3");
}

}  // namespace
}  // namespace lamina::inspect
