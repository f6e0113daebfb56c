// Ensembles whose members learn one after the other from what those before them got wrong.
#pragma once

#include "lamina/learners/ensemble.h"

namespace lamina::learners {

struct AdaBoostOptions {
  std::string base = "tree depth=1";
  int64_t rounds = 50;
  double lr = 1;     // what each member's weight is multiplied by
  int64_t seed = 0;  // of the base, and of samples where the base takes no weights
  LAMINA_OPTIONS(base, rounds, lr, seed)
};

/// SAMME (Zhu, Zou, Rosset and Hastie 2009; with two classes AdaBoost of Freund and Schapire 1997): rows that a member
/// gets wrong weigh more for the next. A member with the weighted error e votes with lr·(ln((1 − e)/e) + ln(K − 1)). A
/// base that takes no weights learns from rows drawn by weight. It stops at a member without an error, or no better
/// than chance; predict(): the shares of the votes.
class AdaBoost final : public LearnerOf<AdaBoost, AdaBoostOptions, EnsembleOfBase> {
 public:
  explicit AdaBoost(const Options& options = {});
  static constexpr const char* kName = "adaboost";
  Learns learns() const override { return Learns::classes; }
  bool uses_weights() const override { return true; }
  Summary summary() const override;
  const std::vector<double>& votes() const { return votes_; }    // of each member
  const std::vector<double>& errors() const { return errors_; }  // the weighted error of each

 protected:
  void do_fit(const Examples& examples) override;
  Tensor do_predict(const Tensor& x) const override;
  void do_save(State& state) const override;
  void do_restore(const State& state) override;

 private:
  std::vector<double> votes_, errors_;
};

struct GradientBoostingOptions {
  std::string base = "tree depth=3";
  int64_t rounds = 100;
  double lr = 0.1;       // the share of each member that is added
  double subsample = 1;  // the share of the rows that each round learns from
  int64_t seed = 0;
  LAMINA_OPTIONS(base, rounds, lr, subsample, seed)
};

/// Friedman (2001). Values: each member learns the residuals of those before it. Classes: one member per class and
/// round (one for two classes) learns a Newton step of the log-loss, (y − p)/(p·(1 − p)) with the weights p·(1 − p)
/// (Friedman, Hastie and Tibshirani 2000), the gradient y − p where the base takes no weights.
class GradientBoosting final : public LearnerOf<GradientBoosting, GradientBoostingOptions, EnsembleOfBase> {
 public:
  explicit GradientBoosting(const Options& options = {});
  static constexpr const char* kName = "gradient_boosting";
  Learns learns() const override { return Learns::classes_or_values; }
  bool probabilities() const override { return true; }
  Summary summary() const override;
  /// Mean squared error or log-loss of the training rows after each round.
  const std::vector<double>& losses() const { return losses_; }

 protected:
  void do_fit(const Examples& examples) override;
  Tensor do_predict(const Tensor& x) const override;
  void do_save(State& state) const override;
  void do_restore(const State& state) override;

 private:
  int64_t scores() const { return classes() > 2 ? classes() : 1; }
  void start(const Examples& examples, const std::vector<double>& weight);
  Tensor initial_;  // [scores]
  std::vector<double> losses_;
};

}  // namespace lamina::learners
