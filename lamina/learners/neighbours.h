// k nearest neighbours.
#pragma once

#include "lamina/learners/learner.h"

namespace lamina::learners {

struct NeighboursOptions {
  int64_t neighbours = 5;
  std::string weights = "uniform";   // uniform, distance (1/d; neighbours at the very place count alone)
  std::string metric = "euclidean";  // euclidean, manhattan
  LAMINA_OPTIONS(neighbours, weights, metric)
};

/// The shares of the classes among the nearest examples, or their mean (Fix and Hodges 1951). Of equally far ones the
/// first counts. All distances are computed: O(examples·features) for each row.
class NearestNeighbours final : public LearnerOf<NearestNeighbours, NeighboursOptions> {
 public:
  explicit NearestNeighbours(const Options& options = {});
  static constexpr const char* kName = "knn";
  Learns learns() const override { return Learns::classes_or_values; }
  bool probabilities() const override { return true; }
  Summary summary() const override;

 protected:
  void do_fit(const Examples& examples) override;
  Tensor do_predict(const Tensor& x) const override;
  void do_save(State& state) const override;
  void do_restore(const State& state) override;

 private:
  Tensor x_, y_;
};

}  // namespace lamina::learners
