#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <set>

#include "lamina/core/philox.h"
#include "lamina/learners/kmeans.h"
#include "lamina/learners/pca.h"
#include "lamina/ops/ops.h"
#include "tests/support/files.h"
#include "tests/support/golden.h"

namespace lamina::learners {
namespace {

using testing::golden;

Tensor blobs(int64_t each, const std::vector<std::vector<double>>& centres, double spread) {
  std::vector<double> values;
  Philox random(3);
  for (int64_t i = 0; i < each; ++i) {
    for (const auto& c : centres) {
      for (const double v : c) values.push_back(v + spread * random.normal());
    }
  }
  const auto n = static_cast<int64_t>(centres.size());
  return Tensor::from(std::span<const double>(values), {each * n, static_cast<int64_t>(centres[0].size())}, DType::f64);
}

TEST(KMeans, FindsSeparateClusters) {
  const Tensor x = blobs(50, {{0, 0, 0}, {10, 0, 0}, {0, 10, 5}, {-8, -8, 1}}, 0.5);
  KMeans kmeans{{.clusters = 4}};
  kmeans.fit({.x = x});
  const std::vector<int64_t> found = kmeans.predict_class(x).ints();
  for (size_t i = 4; i < found.size(); ++i) EXPECT_EQ(found[i], found[i % 4]) << i;
  EXPECT_EQ(std::set<int64_t>(found.begin(), found.end()).size(), 4u);
  EXPECT_NEAR(kmeans.score({.x = x}), -kmeans.inertia() / 200, 1e-9);
  EXPECT_NEAR(kmeans.inertia() / 200, 3 * 0.25, 0.1);
}

TEST(KMeans, InertiaAsScikitLearn) {
  const auto& g = golden("learners.json")["kmeans_iris"];
  KMeans kmeans{{.clusters = 3}};
  kmeans.fit({.x = testing::unpack(g["x"], DType::f64)});
  EXPECT_NEAR(kmeans.inertia(), g["inertia"].get<double>(), 1e-4 * g["inertia"].get<double>());
}

TEST(KMeans, EmptyClustersAreFilled) {
  // Four points, two of them thrice: k-means++ may start twice from equal points, no cluster may stay empty.
  const Tensor x = Tensor::from({0, 0, 0, 1, 1, 1, 5, 9}, {8, 1}, DType::f64);
  KMeans kmeans{{.clusters = 4, .starts = 3}};
  kmeans.fit({.x = x});
  EXPECT_NEAR(kmeans.inertia(), 0, 1e-12);
  EXPECT_CONTAINS(testing::error_of([&] { KMeans{{.clusters = 9}}.fit({.x = x}); }), "at least 9 examples");
}

TEST(Learner, StateComesBack) {
  const Tensor x = blobs(20, {{0, 0}, {5, 1}}, 1);
  KMeans kmeans{{.clusters = 2}};
  EXPECT_CONTAINS(testing::error_of([&] { kmeans.predict(x); }), "is to be fitted");
  kmeans.fit({.x = x});
  const std::unique_ptr<Learner> again = make_learner("kmeans clusters=2");
  again->restore(kmeans.state());
  EXPECT_EQ(again->predict(x).values(), kmeans.predict(x).values());
  EXPECT_CONTAINS(testing::error_of([&] { kmeans.predict(Tensor::from({1, 2, 3}, {1, 3}, DType::f64)); }),
                  "rows of 2 features");
  EXPECT_CONTAINS(testing::error_of([&] { again->restore({}); }), "meta");
  EXPECT_CONTAINS(testing::error_of([] { make_learner("kmens"); }), "kmeans");
  EXPECT_CONTAINS(testing::error_of([] { make_learner("kmeans cluster=2"); }), "clusters");
  EXPECT_CONTAINS(testing::error_of([] { make_learner("kmeans two"); }), "key=value");
  const Tensor bad = Tensor::from({1, 2, NAN, 4}, {2, 2}, DType::f64);
  EXPECT_CONTAINS(testing::error_of([&] { kmeans.fit({.x = bad, .features = {"a", "b"}}); }),
                  "example 2: feature \"a\"");
}

TEST(Pca, AsScikitLearn) {
  for (const char* name : {"pca_iris", "pca_wide"}) {
    const auto& g = golden("learners.json")[name];
    const Tensor x = testing::unpack(g["x"], DType::f64);
    Pca pca{{.components = 3}};
    pca.fit({.x = x});
    EXPECT_TRUE(testing::close(pca.components(), testing::unpack(g["components"], DType::f64), 1e-8)) << name;
    EXPECT_TRUE(testing::close(pca.variances(), testing::unpack(g["variances"], DType::f64), 1e-8)) << name;
    EXPECT_TRUE(testing::close(pca.shares(), testing::unpack(g["shares"], DType::f64), 1e-8)) << name;
    EXPECT_NEAR(pca.score({.x = x}), sum(pca.shares()).item(), 1e-9);
    EXPECT_TRUE(testing::close(pca.reconstruct(pca.predict(x)), testing::unpack(g["back"], DType::f64), 1e-8)) << name;
  }
}

TEST(Pca, AllComponentsLoseNothingAndWhitenedCodesHaveVarianceOne) {
  const Tensor x = blobs(30, {{0, 0, 2}, {3, 1, 4}}, 1);
  Pca all{{.components = 0, .whiten = true}};
  all.fit({.x = x});
  const Tensor codes = all.predict(x);
  EXPECT_TRUE(testing::close(all.reconstruct(codes), x, 1e-9));
  for (const double v : var(codes, {0}).values()) EXPECT_NEAR(v, 1, 1e-9);
  EXPECT_CONTAINS(testing::error_of([&] { Pca{{.components = 4}}.fit({.x = x}); }), "at most 3 components");
}

}  // namespace
}  // namespace lamina::learners
