// Learners made of learners: votes, bagging, random forests, stacking. Members are named with their options:
// "tree depth=3", "mlp hidden=[20,10]", "{name: bagging, base: knn}".
#pragma once

#include <functional>

#include "lamina/learners/learner.h"

namespace lamina::learners {

/// What ensembles share: the members, which are saved and come back with it.
class Ensemble : public Learner {
 public:
  const std::vector<std::unique_ptr<Learner>>& members() const { return members_; }

 protected:
  void do_save(State& state) const override;
  void do_restore(const State& state) override;
  /// A member that has seen nothing, for restoring.
  virtual std::unique_ptr<Learner> make_member(size_t index) const = 0;
  /// Fits all members at once on the one pool of threads, and keeps them.
  void fit_members(std::vector<std::unique_ptr<Learner>> members, const std::function<Examples(size_t)>& examples);
  /// What a member says as shares of the classes: its probabilities, or 1 for the class it predicts; values as they
  /// are.
  Tensor shares(const Learner& member, const Tensor& x) const;
  /// Columns of shares(): as many as classes, or one.
  int64_t outputs() const { return classes() > 0 ? classes() : 1; }
  std::vector<std::unique_ptr<Learner>> members_;
};

/// An ensemble of learners of one kind.
class EnsembleOfBase : public Ensemble {
 public:
  Learns learns() const override { return base_->learns(); }
  bool wants_scaled() const override { return base_->wants_scaled(); }
  bool uses_weights() const override { return base_->uses_weights(); }

 protected:
  /// Throws Error where the base learns no target.
  EnsembleOfBase(const char* name, const std::string& base);
  std::unique_ptr<Learner> make_member(size_t index) const override {
    return base_->fresh(static_cast<int64_t>(index));
  }
  std::unique_ptr<Learner> base_;
};

/// An ensemble of learners of several kinds.
class EnsembleOfKinds : public Ensemble {
 public:
  Learns learns() const override { return learns_; }
  bool wants_scaled() const override;
  bool uses_weights() const override;

 protected:
  /// Throws Error where there is no member, or two that do not learn the same.
  EnsembleOfKinds(const char* name, const std::vector<std::string>& members);
  std::unique_ptr<Learner> make_member(size_t index) const override { return kinds_[index]->fresh(); }
  std::vector<std::unique_ptr<Learner>> kinds_;

 private:
  Learns learns_ = Learns::classes_or_values;
};

struct VotingOptions {
  std::vector<std::string> members = {"tree", "knn"};
  std::string voting = "soft";       // soft: mean of the shares of the classes; hard: a vote for one class each
  std::vector<double> weights = {};  // of the members; empty: all alike
  LAMINA_OPTIONS(members, voting, weights)
};

/// The (weighted) vote of several learners on classes, or the mean of their values.
class Voting final : public LearnerOf<Voting, VotingOptions, EnsembleOfKinds> {
 public:
  explicit Voting(const Options& options = {});
  static constexpr const char* kName = "voting";
  bool probabilities() const override { return options_.voting == "soft"; }
  Summary summary() const override;

 protected:
  void do_fit(const Examples& examples) override;
  Tensor do_predict(const Tensor& x) const override;
};

struct BaggingOptions {
  std::string base = "tree";
  int64_t members = 50;
  double share = 1;         // rows drawn for a member, of all
  bool replacement = true;  // a row may be drawn more than once
  int64_t seed = 0;
  LAMINA_OPTIONS(base, members, share, replacement, seed)
};

/// Bootstrap aggregating (Breiman 1996): each member learns from rows drawn at random; their votes (shares of classes)
/// or values are averaged. The rows that a member has not seen score it out of bag. With "tree max_features=sqrt" as
/// base it is a random forest.
class Bagging : public LearnerOf<Bagging, BaggingOptions, EnsembleOfBase> {
 public:
  explicit Bagging(const Options& options = {});
  static constexpr const char* kName = "bagging";
  bool probabilities() const override { return true; }
  Summary summary() const override;
  /// Accuracy or R² of each row by the members that have not seen it; NaN where all have seen all.
  double out_of_bag() const { return out_of_bag_; }

 protected:
  void do_fit(const Examples& examples) override;
  Tensor do_predict(const Tensor& x) const override;
  void do_save(State& state) const override;
  void do_restore(const State& state) override;

 private:
  double score_out_of_bag(const Examples& examples, const std::vector<std::vector<int64_t>>& drawn);
  double out_of_bag_ = 0;
  int64_t seen_by_all_ = 0;
};

struct RandomForestOptions {
  int64_t members = 100;
  int64_t depth = 0;
  int64_t min_samples_leaf = 1;
  std::string max_features = "sqrt";
  int64_t seed = 0;
  LAMINA_OPTIONS(members, depth, min_samples_leaf, max_features, seed)
};

/// Bagging of trees that try some of the features at each split (Breiman 2001).
class RandomForest final : public Bagging {
 public:
  explicit RandomForest(const RandomForestOptions& options = {});
  std::string name() const override { return "random_forest"; }
  std::string describe() const override { return nn::json_of(own_); }
  std::unique_ptr<Learner> fresh(int64_t shift = 0) const override;

 private:
  RandomForestOptions own_;
};

struct StackingOptions {
  std::vector<std::string> members = {"tree depth=3", "knn"};
  std::string meta = "auto";  // auto: softmax for classes, ridge for values
  int64_t folds = 5;
  int64_t seed = 0;  // of the folds
  LAMINA_OPTIONS(members, meta, folds, seed)
};

/// Stacked generalisation (Wolpert 1992): a meta-model learns from what members say of rows that they have not seen,
/// fold by fold (classes spread evenly); then the members learn from all rows.
class Stacking final : public LearnerOf<Stacking, StackingOptions, EnsembleOfKinds> {
 public:
  explicit Stacking(const Options& options = {});
  static constexpr const char* kName = "stacking";
  bool probabilities() const override { return meta_ && meta_->probabilities(); }
  Summary summary() const override;
  void set_names(const std::vector<std::string>& classes, const std::vector<std::string>& features) override;

 protected:
  void do_fit(const Examples& examples) override;
  Tensor do_predict(const Tensor& x) const override;
  void do_save(State& state) const override;
  void do_restore(const State& state) override;

 private:
  std::unique_ptr<Learner> make_meta(bool classes) const;
  std::vector<std::string> meta_features(const std::vector<std::string>& classes) const;
  std::unique_ptr<Learner> meta_;
};

}  // namespace lamina::learners
