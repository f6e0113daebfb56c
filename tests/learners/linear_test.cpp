#include "lamina/learners/linear.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lamina/core/philox.h"
#include "lamina/learners/linear_classifiers.h"
#include "lamina/ops/ops.h"
#include "tests/support/files.h"
#include "tests/support/golden.h"

namespace lamina::learners {
namespace {

using testing::close;
using testing::error_of;
using testing::golden;
using testing::unpack;

Examples diabetes() {
  const auto& g = golden("learners.json")["linear"];
  return {.x = unpack(g["x"], DType::f64), .y = unpack(g["y"], DType::f64)};
}

template <class L>
void expect_as_scikit_learn(L&& learner, const Examples& e, const char* name) {
  const auto& g = golden("learners.json")["linear"][name];
  learner.fit(e);
  EXPECT_TRUE(close(learner.weight(), unpack(g["weight"], DType::f64), 1e-6)) << name;
  EXPECT_NEAR(learner.bias(), g["bias"].template get<double>(), 1e-5) << name;
  if (g.contains("score")) {
    EXPECT_NEAR(learner.score(e), g["score"].template get<double>(), 1e-9) << name;
  }
}

TEST(Linear, CoefficientsAsScikitLearn) {
  const Examples e = diabetes();
  expect_as_scikit_learn(LinearRegression{}, e, "linear");
  expect_as_scikit_learn(Ridge{{.alpha = 3}}, e, "ridge");
  expect_as_scikit_learn(Lasso{{.alpha = 4}}, e, "lasso");
  expect_as_scikit_learn(ElasticNet{{.alpha = 2, .l1_ratio = 0.3}}, e, "elastic_net");
  Examples weighted = e;
  weighted.weight = unpack(golden("learners.json")["linear"]["weight"], DType::f64);
  expect_as_scikit_learn(Ridge{{.alpha = 3}}, weighted, "ridge_weighted");
}

TEST(Linear, AllSolversFindTheSameLine) {
  // Calories on sugars in small: slope and intercept by the formula.
  const std::vector<double> x{1, 2, 3, 5, 8, 9, 12}, y{92, 96, 95, 104, 108, 115, 119};
  double mx = 0, my = 0, xy = 0, xx = 0;
  for (size_t i = 0; i < x.size(); ++i) mx += x[i] / 7, my += y[i] / 7;
  for (size_t i = 0; i < x.size(); ++i) xy += (x[i] - mx) * (y[i] - my), xx += (x[i] - mx) * (x[i] - mx);
  const Examples e{.x = Tensor::from(x, {7, 1}, DType::f64), .y = Tensor::from(y, {7}, DType::f64)};
  const double slope = xy / xx, intercept = my - slope * mx;
  for (const LinearRegressionOptions& o :
       {LinearRegressionOptions{}, LinearRegressionOptions{.solver = "gd", .lr = 0.02, .iterations = 20000},
        LinearRegressionOptions{.solver = "lbfgs"}}) {
    LinearRegression line{o};
    line.fit(e);
    EXPECT_NEAR(line.weight().item(), slope, 1e-5) << o.solver;
    EXPECT_NEAR(line.bias(), intercept, 1e-4) << o.solver;
  }
  for (const char* solver : {"sgd", "lms"}) {
    LinearRegression line{{.solver = solver, .lr = solver[0] == 's' ? 0.005 : 0.001, .epochs = 5000, .batch = 4}};
    line.fit(e);
    EXPECT_NEAR(line.weight().item(), slope, 0.1) << solver;
    EXPECT_NEAR(line.bias(), intercept, 1) << solver;
  }
  LinearRegression far{{.solver = "gd", .lr = 10}};
  EXPECT_CONTAINS(error_of([&] { far.fit(e); }), "no longer finite");
  EXPECT_CONTAINS(error_of([] { LinearRegression{{.solver = "lsm"}}; }), "did you mean \"lms\"");
}

TEST(Linear, NamesCollinearColumnsAndTakesTheSmallestWeights) {
  Philox random(1);
  std::vector<double> x, y;
  for (int i = 0; i < 40; ++i) {
    const double a = random.normal(), b = random.normal();
    for (const double v : {a, b, a + 2 * b, 7.0}) x.push_back(v);
    y.push_back(3 * a - b + 5);
  }
  LinearRegression line;
  line.fit({.x = Tensor::from(x, {40, 4}, DType::f64),
            .y = Tensor::from(y, {40}, DType::f64),
            .features = {"a", "b", "sum", "seven"}});
  ASSERT_EQ(line.collinear().size(), 2u);
  EXPECT_EQ(line.collinear()[0], "\"seven\" is constant");
  for (const char* name : {"\"a\"", "\"b\"", "\"sum\""}) EXPECT_CONTAINS(line.collinear()[1], name);
  EXPECT_NEAR(line.bias(), 5, 1e-9);
  // Of all w with w_a + w_sum = 3 and w_b + 2·w_sum = −1 the shortest: w_sum = (3 − 2)/6.
  const std::vector<double> w = line.weight().values();
  EXPECT_NEAR(w[2], 1.0 / 6, 1e-9);
  EXPECT_NEAR(w[0], 3 - 1.0 / 6, 1e-9);
  EXPECT_NEAR(w[1], -1 - 2.0 / 6, 1e-9);
  EXPECT_EQ(w[3], 0);
}

Examples of(const nlohmann::json& g) {
  Examples e{.x = unpack(g["x"], DType::f64), .y = unpack(g["y"], DType::i64)};
  for (const int64_t id : e.y.ints()) {
    while (static_cast<int64_t>(e.classes.size()) <= id) e.classes.push_back("c" + std::to_string(e.classes.size()));
  }
  return e;
}

TEST(Classifiers, CoefficientsAsScikitLearn) {
  const auto& all = golden("learners.json");
  LogisticRegression logistic{{.alpha = 2}};
  SoftmaxRegression multinomial{{.alpha = 2}};
  const auto check = [&](auto& learner, const nlohmann::json& g) {
    const Examples e = of(g);
    learner.fit(e);
    EXPECT_TRUE(close(learner.weight(), unpack(g["weight"], DType::f64), 1e-4)) << learner.name();
    EXPECT_NEAR(learner.score(e), g["accuracy"].template get<double>(), 1e-12);
    EXPECT_TRUE(close(slice(learner.predict(e.x), 0, 0, 5), unpack(g["probabilities"], DType::f64), 1e-4));
  };
  check(logistic, all["logistic"]);
  check(multinomial, all["softmax"]);
}

TEST(Classifiers, HingeLossesAreMinimised) {
  const Examples e = of(golden("learners.json")["softmax"]);
  for (const char* which : {"hinge", "squared_hinge"}) {
    Svm svm{{.loss = which, .alpha = 1, .iterations = 3000}};
    svm.fit(e);
    EXPECT_GT(svm.score(e), 0.93) << which;
    const auto objective = [&](const Tensor& weight) {
      const std::vector<double> s = (matmul(e.x, transpose(weight, 0, 1)) + svm.bias()).values();
      const std::vector<int64_t> y = e.y.ints();
      double total = 0;
      for (size_t i = 0; i < y.size(); ++i) {
        for (size_t c = 0; c < 3; ++c) {
          const double margin = std::max(0.0, s[3 * i + c] - s[3 * i + static_cast<size_t>(y[i])] + 1);
          if (static_cast<int64_t>(c) != y[i]) total += which[0] == 'h' ? margin : margin * margin;
        }
      }
      return total + 0.5 * sum(square(weight)).item();
    };
    const double least = objective(svm.weight());
    EXPECT_NEAR(svm.summary().facts[0].second * static_cast<double>(e.rows()), least, 1e-6 * least);
    Philox random(5);
    for (int k = 0; k < 20; ++k) {
      std::vector<double> w = svm.weight().values();
      for (double& v : w) v += 0.05 * random.normal();
      EXPECT_GT(objective(Tensor::from(w, svm.weight().shape(), DType::f64)), least - 1e-2) << which;
    }
  }
}

TEST(Classifiers, PerceptronAndAdaline) {
  const Tensor x = Tensor::from({0, 0, 0, 1, 1, 0, 1, 1}, {4, 2}, DType::f64);
  const Tensor and_gate = Tensor::from(std::vector<int64_t>{0, 0, 0, 1}, {4});
  const Tensor xor_gate = Tensor::from(std::vector<int64_t>{0, 1, 1, 0}, {4});
  for (const char* variant : {"plain", "pocket"}) {
    Perceptron p{{.variant = variant}};
    p.fit({.x = x, .y = and_gate, .classes = {"no", "yes"}});
    EXPECT_EQ(p.score({.x = x, .y = and_gate, .classes = {"no", "yes"}}), 1) << variant;
  }
  Perceptron pocket;
  pocket.fit({.x = x, .y = xor_gate, .classes = {"no", "yes"}});
  EXPECT_FALSE(pocket.summary().notes.empty());
  for (int64_t seed = 0; seed < 20; ++seed) {  // whatever the order: three of four is what a line can do
    Perceptron kept{{.seed = seed}};
    kept.fit({.x = x, .y = xor_gate, .classes = {"no", "yes"}});
    EXPECT_EQ(kept.score({.x = x, .y = xor_gate, .classes = {"no", "yes"}}), 0.75) << seed;
  }
  const Examples wine = of(golden("learners.json")["softmax"]);
  for (const char* variant : {"plain", "pocket", "averaged"}) {
    Perceptron p{{.variant = variant, .epochs = 30}};
    p.fit(wine);
    EXPECT_GT(p.score(wine), variant[1] == 'l' ? 0.9 : 0.95) << variant;  // plain keeps whatever came last
  }
  Adaline adaline;
  adaline.fit(wine);
  EXPECT_GT(adaline.score(wine), 0.9);
  // One step by hand: w = lr·x·t.
  Adaline once{{.lr = 0.1, .epochs = 1}};
  const Tensor two = Tensor::from({1, 2, 1, 2}, {2, 2}, DType::f64);
  once.fit({.x = two, .y = Tensor::from(std::vector<int64_t>{1, 0}, {2}), .classes = {"a", "b"}});
  // Either order: t = ±1, then ∓1 after y = lr·(1 + 4 + 1)·(±1): |w| = lr·|1 − 1 − 0.6|; lr is kept in f32.
  EXPECT_NEAR(std::abs(once.weight().at({0, 0})), 0.06, 1e-8);
  EXPECT_NEAR(std::abs(once.weight().at({0, 1})), 0.12, 1e-8);
}

TEST(Classifiers, SayWhatIsWrong) {
  const Tensor x = Tensor::from({0, 1, 2}, {3, 1}, DType::f64);
  const Tensor three = Tensor::from(std::vector<int64_t>{0, 1, 2}, {3}),
               one = Tensor::from(std::vector<int64_t>{1, 1, 1}, {3});
  EXPECT_CONTAINS(error_of([&] { LogisticRegression{}.fit({.x = x, .y = three, .classes = {"a", "b", "c"}}); }),
                  "expected two classes, got 3");
  EXPECT_CONTAINS(error_of([&] { SoftmaxRegression{}.fit({.x = x, .y = one, .classes = {"a", "b"}}); }), "only, \"b\"");
  EXPECT_CONTAINS(error_of([&] { Ridge{}.fit({.x = x, .y = one, .classes = {"a", "b"}}); }), "expected numbers");
  EXPECT_CONTAINS(error_of([&] { Svm{}.fit({.x = x, .y = x}); }), "one target per example");
  EXPECT_CONTAINS(error_of([&] { Svm{}.fit({.x = x}); }), "expected a target");
}

}  // namespace
}  // namespace lamina::learners
