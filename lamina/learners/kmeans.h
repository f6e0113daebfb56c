// k-means clustering.
#pragma once

#include "lamina/learners/learner.h"

namespace lamina::learners {

struct KMeansOptions {
  int64_t clusters = 8;
  int64_t max_iterations = 300;
  int64_t starts = 10;      // the best of so many runs is kept
  double tolerance = 1e-4;  // stops where the centres move less, relative to the variance of the features
  int64_t seed = 0;
  LAMINA_OPTIONS(clusters, max_iterations, starts, tolerance, seed)
};

/// Lloyd's algorithm from k-means++ starts (Arthur and Vassilvitskii 2007). An empty cluster takes the example farthest
/// from its centre. predict(): −|x − centre|² of each cluster, so that predict_class() gives the cluster; score():
/// minus the mean squared distance to the nearest centre.
class KMeans final : public LearnerOf<KMeans, KMeansOptions> {
 public:
  explicit KMeans(const Options& options = {});
  static constexpr const char* kName = "kmeans";
  Learns learns() const override { return Learns::nothing; }
  Summary summary() const override;
  const Tensor& centres() const { return centres_; }  // [clusters, features] f64
  double inertia() const { return inertia_; }         // Σ squared distances of the examples of fit()

 protected:
  void do_fit(const Examples& examples) override;
  Tensor do_predict(const Tensor& x) const override;
  double do_score(const Examples& examples) const override;
  void do_save(State& state) const override;
  void do_restore(const State& state) override;

 private:
  Tensor centres_, sizes_;
  double inertia_ = 0;
  int64_t iterations_ = 0;
};

}  // namespace lamina::learners
