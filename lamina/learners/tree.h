// Decision trees.
#pragma once

#include "lamina/learners/learner.h"

namespace lamina::learners {

struct TreeOptions {
  std::string criterion = "auto";    // auto: gini of classes, mse of values; gini, entropy, mse
  int64_t depth = 0;                 // at most; 1 makes a stump, 0: no limit
  int64_t min_samples_split = 2;     // rows of a node that may be split
  int64_t min_samples_leaf = 1;      // rows of a leaf, at least
  std::string max_features = "all";  // tried at a split: all, sqrt, log2, or how many
  int64_t seed = 0;                  // which of them are tried
  LAMINA_OPTIONS(criterion, depth, min_samples_split, min_samples_leaf, max_features, seed)
};

/// CART (Breiman, Friedman, Olshen and Stone 1984): each node is split where the impurity falls most, halfway between
/// two neighbouring values, the first of equal ones; rows of weight 0 do not count. predict(): shares of the classes in
/// the leaf, or its mean.
class DecisionTree final : public LearnerOf<DecisionTree, TreeOptions> {
 public:
  explicit DecisionTree(const Options& options = {});
  static constexpr const char* kName = "tree";
  Learns learns() const override { return Learns::classes_or_values; }
  bool probabilities() const override { return true; }
  bool wants_scaled() const override { return false; }
  bool uses_weights() const override { return true; }
  Summary summary() const override;

  // Nodes in preorder, the left branch first.
  const Tensor& feature() const { return feature_; }          // [nodes] i64, −1 for a leaf
  const Tensor& threshold() const { return threshold_; }      // [nodes] f64: left where x ≤ threshold
  const Tensor& value() const { return value_; }              // [nodes, classes or 1] f64
  const Tensor& importances() const { return importances_; }  // [features] f64: shares of the fall of the impurity

 protected:
  void do_fit(const Examples& examples) override;
  Tensor do_predict(const Tensor& x) const override;
  void do_save(State& state) const override;
  void do_restore(const State& state) override;

 private:
  Tensor feature_, left_, right_, rows_, threshold_, value_, importances_;
};

}  // namespace lamina::learners
