// Learners of classes whose scores are linear in the features. Biases are never penalised.
#pragma once

#include "lamina/learners/learner.h"

namespace lamina::learners {

/// What linear classifiers share: weights [outputs, features] and biases [outputs], and the table that shows them.
class LinearClassifier : public Learner {
 public:
  Learns learns() const override { return Learns::classes; }
  Summary summary() const override;
  const Tensor& weight() const { return weight_; }  // f64
  const Tensor& bias() const { return bias_; }

 protected:
  Tensor do_predict(const Tensor& x) const override;  // scores [n, outputs]
  void do_save(State& state) const override;
  void do_restore(const State& state) override;
  Tensor weight_, bias_;
  std::vector<std::pair<std::string, double>> facts_;  // of fit()
};

struct LogisticOptions {
  double alpha = 1;              // the penalty ½·alpha·Σw² on the sum of the losses: 1/C of other programs
  std::string solver = "lbfgs";  // lbfgs, gd, sgd
  double lr = 0.1;               // of gd, sgd
  int64_t iterations = 1000;     // of lbfgs, gd, at most
  int64_t epochs = 50;           // of sgd
  int64_t batch = 32;
  double tolerance = 1e-6;
  int64_t seed = 0;
  LAMINA_OPTIONS(alpha, solver, lr, iterations, epochs, batch, tolerance, seed)
};

/// Two classes: the minimum of Σ −log p(y) + ½·alpha·Σw² with p = σ(w·x + b) for the second class.
class LogisticRegression final : public LearnerOf<LogisticRegression, LogisticOptions, LinearClassifier> {
 public:
  explicit LogisticRegression(const Options& options = {});
  static constexpr const char* kName = "logistic";
  bool probabilities() const override { return true; }
  bool uses_weights() const override { return true; }
  Summary summary() const override;

 protected:
  void do_fit(const Examples& examples) override;
  Tensor do_predict(const Tensor& x) const override;
};

/// Two classes or more: the minimum of Σ −log softmax(W·x + b)[y] + ½·alpha·ΣW².
class SoftmaxRegression final : public LearnerOf<SoftmaxRegression, LogisticOptions, LinearClassifier> {
 public:
  explicit SoftmaxRegression(const Options& options = {});
  static constexpr const char* kName = "softmax";
  bool probabilities() const override { return true; }
  bool uses_weights() const override { return true; }

 protected:
  void do_fit(const Examples& examples) override;
  Tensor do_predict(const Tensor& x) const override;
};

struct SvmOptions {
  std::string loss = "squared_hinge";  // hinge, squared_hinge
  double alpha = 1;                    // the penalty ½·alpha·ΣW² on the sum of the losses
  std::string solver = "lbfgs";        // lbfgs, gd, sgd
  double lr = 0.01;
  int64_t iterations = 1000;
  int64_t epochs = 50;
  int64_t batch = 32;
  double tolerance = 1e-6;
  int64_t seed = 0;
  LAMINA_OPTIONS(loss, alpha, solver, lr, iterations, epochs, batch, tolerance, seed)
};

/// The multiclass support vector machine of Weston and Watkins (1999): Σ over c ≠ y of max(0, s[c] − s[y] + 1), or its
/// square.
class Svm final : public LearnerOf<Svm, SvmOptions, LinearClassifier> {
 public:
  explicit Svm(const Options& options = {});
  static constexpr const char* kName = "svm";
  bool uses_weights() const override { return true; }

 protected:
  void do_fit(const Examples& examples) override;
};

struct PerceptronOptions {
  std::string variant = "pocket";  // plain; pocket: the weights with the fewest mistakes; averaged: over all steps
  int64_t epochs = 100;            // at most; it stops after an epoch without a mistake
  int64_t seed = 0;
  LAMINA_OPTIONS(variant, epochs, seed)
};

/// Rosenblatt's perceptron (1958): at a mistake the features are added to the weights of the right class and taken from
/// those of the wrong one. Pocket: Gallant 1990; averaged: Freund and Schapire 1999.
class Perceptron final : public LearnerOf<Perceptron, PerceptronOptions, LinearClassifier> {
 public:
  explicit Perceptron(const Options& options = {});
  static constexpr const char* kName = "perceptron";
  Summary summary() const override;

 protected:
  void do_fit(const Examples& examples) override;
};

struct AdalineOptions {
  double lr = 0.01;
  int64_t epochs = 20;
  int64_t seed = 0;
  LAMINA_OPTIONS(lr, epochs, seed)
};

/// The adaptive linear element (Widrow and Hoff 1960), one per class: after each example w ← w + lr·x·(t − w·x − b),
/// with t = 1 for the class and −1 for the others.
class Adaline final : public LearnerOf<Adaline, AdalineOptions, LinearClassifier> {
 public:
  explicit Adaline(const Options& options = {});
  static constexpr const char* kName = "adaline";

 protected:
  void do_fit(const Examples& examples) override;
};

}  // namespace lamina::learners
