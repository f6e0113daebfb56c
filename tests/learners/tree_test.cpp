#include "lamina/learners/tree.h"

#include <gtest/gtest.h>

#include "lamina/core/parallel.h"
#include "lamina/core/philox.h"
#include "lamina/learners/neighbours.h"
#include "lamina/ops/ops.h"
#include "tests/support/files.h"
#include "tests/support/golden.h"

namespace lamina::learners {
namespace {

using testing::close;
using testing::error_of;
using testing::golden;
using testing::unpack;

const nlohmann::json& trees() { return golden("learners.json")["trees"]; }

Examples classes_of_golden() {
  return {.x = unpack(trees()["x"], DType::f64), .y = unpack(trees()["classes"]), .classes = {"a", "b", "c"}};
}

TEST(Tree, NodesAsScikitLearn) {
  for (const char* kind : {"gini", "entropy", "mse"}) {
    for (const bool weighted : {false, true}) {
      const bool values = kind[0] == 'm';
      Examples e = classes_of_golden();
      if (values) e.y = unpack(trees()["values"], DType::f64), e.classes = {};
      if (weighted) e.weight = unpack(trees()["weight"], DType::f64);
      DecisionTree tree{{.criterion = kind, .depth = values ? 5 : 3, .min_samples_leaf = values ? 3 : 5}};
      tree.fit(e);
      const auto& g = trees()[std::string(kind) + (weighted ? "_weighted" : "")];
      EXPECT_EQ(tree.feature().ints(), unpack(g["feature"]).ints()) << kind;
      const std::vector<double> ours = tree.threshold().values(), theirs = unpack(g["threshold"], DType::f64).values();
      for (size_t i = 0; i < ours.size() && i < theirs.size(); ++i) {  // theirs are halfway between floats
        if (tree.feature().ints()[i] < 0) continue;
        EXPECT_NEAR(ours[i], theirs[i], 1e-6) << kind << " " << i;
      }
      EXPECT_TRUE(close(tree.value(), unpack(g["value"], DType::f64), 1e-9)) << kind;
      EXPECT_TRUE(close(tree.importances(), unpack(g["importances"], DType::f64), 1e-9)) << kind;
    }
  }
}

TEST(Tree, LearnsXorWhichGainsNothingAtFirst) {
  const Examples e{.x = Tensor::from({0, 0, 0, 1, 1, 0, 1, 1}, {4, 2}, DType::f64),
                   .y = Tensor::from(std::vector<int64_t>{0, 1, 1, 0}, {4}),
                   .classes = {"no", "yes"},
                   .features = {"a", "b"}};
  DecisionTree tree, stump{{.depth = 1}};
  tree.fit(e);
  EXPECT_EQ(tree.score(e), 1);
  EXPECT_EQ(tree.feature().numel(), 7);
  stump.fit(e);
  EXPECT_EQ(stump.feature().numel(), 3);
  const Summary s = tree.summary();
  EXPECT_EQ(s.rows[1][0], "  a ≤ 0.5");
  EXPECT_EQ(s.rows[2][0], "    b ≤ 0.5");
  EXPECT_EQ(s.rows[2][2], "no (100 %)");
}

TEST(Tree, LimitsHold) {
  Philox random(2);
  std::vector<double> x, y;
  for (int i = 0; i < 300; ++i) x.push_back(random.normal()), y.push_back(1e6 + x.back() * x.back() + random.normal());
  const Examples e{.x = Tensor::from(x, {300, 1}, DType::f64), .y = Tensor::from(y, {300}, DType::f64)};
  DecisionTree leaves{{.min_samples_leaf = 20}}, all;
  leaves.fit(e);
  std::map<double, int> size;
  for (const double v : leaves.predict(e.x).values()) ++size[v];
  EXPECT_GT(size.size(), 5u);
  for (const auto& [value, n] : size) EXPECT_GE(n, 20);
  all.fit(e);
  EXPECT_NEAR(all.score(e), 1, 1e-12);
  // Rows of weight 0 are as if they were not there.
  std::vector<double> weight(300, 1.0);
  std::vector<int64_t> kept;
  for (int64_t i = 0; i < 300; ++i) i % 3 ? kept.push_back(i) : void(weight[static_cast<size_t>(i)] = 0);
  Examples weighted = e;
  weighted.weight = Tensor::from(weight, {300}, DType::f64);
  DecisionTree some, less;
  some.fit(weighted);
  less.fit(e.take(kept));
  EXPECT_EQ(some.predict(e.x).values(), less.predict(e.x).values());
}

TEST(Tree, IsTheSameForAnyNumberOfThreads) {
  Philox random(3);
  std::vector<double> x;
  std::vector<int64_t> y;
  for (int i = 0; i < 4000; ++i) {
    for (int k = 0; k < 10; ++k) x.push_back(std::round(random.normal() * 10));
    y.push_back(x[x.size() - 10] + x[x.size() - 9] > 3);
  }
  const Examples e{.x = Tensor::from(x, {4000, 10}, DType::f64), .y = Tensor::from(y, {4000}), .classes = {"n", "y"}};
  const int before = num_threads();
  std::vector<std::vector<int64_t>> found;
  for (const int threads : {1, 2}) {
    set_num_threads(threads);
    DecisionTree tree{{.depth = 6}};
    tree.fit(e);
    found.push_back(tree.feature().ints());
  }
  set_num_threads(before);
  EXPECT_EQ(found[0], found[1]);
}

TEST(Tree, SaysWhatIsWrong) {
  EXPECT_CONTAINS(error_of([] { DecisionTree{{.criterion = "ginni"}}; }), "gini");
  EXPECT_CONTAINS(error_of([] { make_learner("tree dept=3"); }), "depth");
  EXPECT_CONTAINS(error_of([] { make_learner("tree max_features=few"); }), "whole number");
  EXPECT_CONTAINS(error_of([] { make_learner("tree max_features=0"); }), "max_features");
  EXPECT_CONTAINS(error_of([] { DecisionTree{{.criterion = "mse"}}.fit(classes_of_golden()); }), "is for values");
}

TEST(Neighbours, SharesAsScikitLearn) {
  const Examples e = classes_of_golden();
  std::vector<int64_t> known(40);
  for (int64_t i = 0; i < 40; ++i) known[static_cast<size_t>(i)] = i;
  for (const char* weights : {"uniform", "distance"}) {
    for (const char* metric : {"euclidean", "manhattan"}) {
      NearestNeighbours knn{{.neighbours = 3, .weights = weights, .metric = metric}};
      knn.fit(e.take(known));
      const std::string name = std::string("knn_") + weights + "_" + metric;
      EXPECT_TRUE(close(knn.predict(slice(e.x, 0, 40, 60)), unpack(trees()[name], DType::f64), 1e-9)) << name;
    }
  }
}

TEST(Neighbours, MeanOfValuesAndErrors) {
  const Examples e{.x = Tensor::from({0, 1, 2, 10}, {4, 1}, DType::f64),
                   .y = Tensor::from({1, 2, 3, 9}, {4}, DType::f64)};
  NearestNeighbours two{{.neighbours = 2}}, met{{.neighbours = 3, .weights = "distance"}};
  two.fit(e);
  EXPECT_EQ(two.predict(Tensor::from({0.4, 8}, {2, 1}, DType::f64)).values(), (std::vector<double>{1.5, 6}));
  met.fit(e);
  EXPECT_EQ(met.predict(Tensor::from({2}, {1, 1}, DType::f64)).item(), 3);
  EXPECT_CONTAINS(error_of([&] { NearestNeighbours{}.fit(e); }), "at least 5 examples");
  EXPECT_CONTAINS(error_of([] { make_learner("knn metric=cosine"); }), "euclidean or manhattan");
}

}  // namespace
}  // namespace lamina::learners
