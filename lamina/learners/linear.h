// Learners of numbers that are linear in the features: y = Σ w·x + b. The bias is never penalised.
#pragma once

#include "lamina/learners/learner.h"

namespace lamina::learners {

/// What the linear learners share: weights [features] and a bias.
class LinearModel : public Learner {
 public:
  Learns learns() const override { return Learns::values; }
  const Tensor& weight() const { return weight_; }  // [features] f64
  double bias() const { return bias_; }

 protected:
  Tensor do_predict(const Tensor& x) const override;
  void do_save(State& state) const override;
  void do_restore(const State& state) override;
  Tensor weight_;
  double bias_ = 0;
};

struct LinearRegressionOptions {
  std::string solver = "closed";  // closed, gd, sgd, lms (one example at a time), lbfgs
  double lr = 0.01;               // of gd, sgd, lms
  int64_t iterations = 10000;     // of gd, lbfgs, at most
  int64_t epochs = 100;           // of sgd, lms
  int64_t batch = 32;             // of sgd
  double tolerance = 1e-7;        // of gd, lbfgs: the largest entry of the gradient at the end
  int64_t seed = 0;
  LAMINA_OPTIONS(solver, lr, iterations, epochs, batch, tolerance, seed)
};

/// Least squares: the minimum of ½·mean (y − ŷ)². The closed form solves the normal equations through a QR
/// factorisation with column pivoting; where columns are collinear the summary names them, and of all solutions the one
/// with the smallest Σw² is taken. With one feature: w = Σ(x − x̄)(y − ȳ)/Σ(x − x̄)², b = ȳ − w·x̄.
class LinearRegression final : public LearnerOf<LinearRegression, LinearRegressionOptions, LinearModel> {
 public:
  explicit LinearRegression(const Options& options = {});
  static constexpr const char* kName = "linear";
  bool wants_scaled() const override { return options_.solver != "closed"; }
  bool uses_weights() const override { return true; }
  Summary summary() const override;
  /// In words: "b is a multiple of a", one per column that others determine.
  const std::vector<std::string>& collinear() const { return collinear_; }

 protected:
  void do_fit(const Examples& examples) override;

 private:
  void fit_closed(const Examples& examples);
  void fit_descent(const Examples& examples);
  std::vector<std::string> collinear_;
  std::vector<double> errors_;  // standard errors of the weights, of the closed form with more rows than columns
};

struct RidgeOptions {
  double alpha = 1;
  LAMINA_OPTIONS(alpha)
};

/// Least squares with a penalty: the minimum of Σ(y − ŷ)² + alpha·Σw² (Hoerl and Kennard 1970), by Cholesky
/// factorisation. It is the most likely w under a Gaussian prior of variance σ²/alpha.
class Ridge final : public LearnerOf<Ridge, RidgeOptions, LinearModel> {
 public:
  explicit Ridge(const Options& options = {});
  static constexpr const char* kName = "ridge";
  bool uses_weights() const override { return true; }
  Summary summary() const override;

 protected:
  void do_fit(const Examples& examples) override;

 private:
  double residual_variance_ = 0;
};

struct ElasticNetOptions {
  double alpha = 1;
  double l1_ratio = 0.5;
  double tolerance = 1e-9;  // the largest change of a weight in a sweep, relative to the largest weight
  int64_t iterations = 100000;
  LAMINA_OPTIONS(alpha, l1_ratio, tolerance, iterations)
};

/// The minimum of Σ(y − ŷ)²/(2n) + alpha·l1_ratio·Σ|w| + ½·alpha·(1 − l1_ratio)·Σw², by coordinate descent (Friedman,
/// Hastie and Tibshirani 2010).
class ElasticNet : public LearnerOf<ElasticNet, ElasticNetOptions, LinearModel> {
 public:
  explicit ElasticNet(const Options& options = {});
  static constexpr const char* kName = "elastic_net";
  Summary summary() const override;
  int64_t sweeps() const { return sweeps_; }

 protected:
  void do_fit(const Examples& examples) override;

 private:
  double residual_variance_ = 0;
  int64_t sweeps_ = 0, rows_ = 0;
};

struct LassoOptions {
  double alpha = 1;
  double tolerance = 1e-9;
  int64_t iterations = 100000;
  LAMINA_OPTIONS(alpha, tolerance, iterations)
};

/// ElasticNet with l1_ratio 1 (Tibshirani 1996): weights that do not pay are exactly 0. It is the most likely w under a
/// Laplace prior of scale σ²/(n·alpha).
class Lasso final : public ElasticNet {
 public:
  explicit Lasso(const LassoOptions& options = {});
  std::string name() const override { return "lasso"; }
  std::string describe() const override { return nn::json_of(own_); }
  std::unique_ptr<Learner> fresh(int64_t) const override { return std::make_unique<Lasso>(own_); }

 private:
  LassoOptions own_;
};

}  // namespace lamina::learners
