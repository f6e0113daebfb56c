// Principal components.
#pragma once

#include "lamina/learners/learner.h"

namespace lamina::learners {

struct PcaOptions {
  int64_t components = 2;  // 0: all
  bool whiten = false;     // codes of variance 1
  LAMINA_OPTIONS(components, whiten)
};

/// The directions of largest variance (Pearson 1901; Hotelling 1933), by eigenvalues of the covariance where there are
/// more examples than features, else by those of the products of examples. The sign of a component is such that its
/// largest entry is positive. predict(): codes [n, components]; score(): the share of the variance that the components
/// keep, 1 − Σ|x − x'|² / Σ|x − mean|².
class Pca final : public LearnerOf<Pca, PcaOptions> {
 public:
  explicit Pca(const Options& options = {});
  static constexpr const char* kName = "pca";
  Learns learns() const override { return Learns::nothing; }
  Summary summary() const override;
  const Tensor& components() const { return components_; }  // [components, features] f64, rows of length 1
  const Tensor& mean() const { return mean_; }              // [features]
  const Tensor& variances() const { return variances_; }    // [components], with n − 1 in the denominator
  const Tensor& shares() const { return shares_; }          // [components], of the whole variance
  /// [n, features] from codes.
  Tensor reconstruct(const Tensor& codes) const;

 protected:
  void do_fit(const Examples& examples) override;
  Tensor do_predict(const Tensor& x) const override;
  double do_score(const Examples& examples) const override;
  void do_save(State& state) const override;
  void do_restore(const State& state) override;

 private:
  Tensor components_, mean_, variances_, shares_;
};

}  // namespace lamina::learners
