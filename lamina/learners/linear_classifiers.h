// Learners of classes whose scores are linear in the features. Biases are never penalised.
#pragma once

#include "lamina/learners/learner.h"

namespace lamina::learners {

/// What linear classifiers share: weights [outputs, features] and biases [outputs], and the table that shows them.
class LinearScores {
 public:
  const Tensor& weight() const { return weight_; }  // f64
  const Tensor& bias() const { return bias_; }

 protected:
  Tensor weight_, bias_;
  void save_to(State& state) const;
  void restore_from(const State& state);
  Tensor scores(const Tensor& x) const;  // [n, outputs]
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
class LogisticRegression final : public LearnerOf<LogisticRegression, LogisticOptions>, public LinearScores {
 public:
  explicit LogisticRegression(const Options& options = {});
  std::string name() const override { return "logistic"; }
  Learns learns() const override { return Learns::classes; }
  bool probabilities() const override { return true; }
  bool uses_weights() const override { return true; }
  Summary summary() const override;

 protected:
  void do_fit(const Examples& examples) override;
  Tensor do_predict(const Tensor& x) const override;
  void do_save(State& state) const override { save_to(state); }
  void do_restore(const State& state) override { restore_from(state); }

 private:
  std::vector<std::pair<std::string, double>> facts_;
};

/// Two classes or more: the minimum of Σ −log softmax(W·x + b)[y] + ½·alpha·ΣW².
class SoftmaxRegression final : public LearnerOf<SoftmaxRegression, LogisticOptions>, public LinearScores {
 public:
  explicit SoftmaxRegression(const Options& options = {});
  std::string name() const override { return "softmax"; }
  Learns learns() const override { return Learns::classes; }
  bool probabilities() const override { return true; }
  bool uses_weights() const override { return true; }
  Summary summary() const override;

 protected:
  void do_fit(const Examples& examples) override;
  Tensor do_predict(const Tensor& x) const override;
  void do_save(State& state) const override { save_to(state); }
  void do_restore(const State& state) override { restore_from(state); }

 private:
  std::vector<std::pair<std::string, double>> facts_;
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
class Svm final : public LearnerOf<Svm, SvmOptions>, public LinearScores {
 public:
  explicit Svm(const Options& options = {});
  std::string name() const override { return "svm"; }
  Learns learns() const override { return Learns::classes; }
  bool uses_weights() const override { return true; }
  Summary summary() const override;

 protected:
  void do_fit(const Examples& examples) override;
  Tensor do_predict(const Tensor& x) const override { return scores(x); }
  void do_save(State& state) const override { save_to(state); }
  void do_restore(const State& state) override { restore_from(state); }

 private:
  std::vector<std::pair<std::string, double>> facts_;
};

struct PerceptronOptions {
  std::string variant = "pocket";  // plain; pocket: the weights with the fewest mistakes; averaged: over all steps
  int64_t epochs = 100;            // at most; it stops after an epoch without a mistake
  int64_t seed = 0;
  LAMINA_OPTIONS(variant, epochs, seed)
};

/// Rosenblatt's perceptron (1958): at a mistake the features are added to the weights of the right class and taken from
/// those of the wrong one. Pocket: Gallant 1990; averaged: Freund and Schapire 1999.
class Perceptron final : public LearnerOf<Perceptron, PerceptronOptions>, public LinearScores {
 public:
  explicit Perceptron(const Options& options = {});
  std::string name() const override { return "perceptron"; }
  Learns learns() const override { return Learns::classes; }
  Summary summary() const override;

 protected:
  void do_fit(const Examples& examples) override;
  Tensor do_predict(const Tensor& x) const override { return scores(x); }
  void do_save(State& state) const override { save_to(state); }
  void do_restore(const State& state) override { restore_from(state); }

 private:
  std::vector<std::pair<std::string, double>> facts_;
};

struct AdalineOptions {
  double lr = 0.01;
  int64_t epochs = 20;
  int64_t seed = 0;
  LAMINA_OPTIONS(lr, epochs, seed)
};

/// The adaptive linear element (Widrow and Hoff 1960), one per class: after each example w ← w + lr·x·(t − w·x − b),
/// with t = 1 for the class and −1 for the others.
class Adaline final : public LearnerOf<Adaline, AdalineOptions>, public LinearScores {
 public:
  explicit Adaline(const Options& options = {});
  std::string name() const override { return "adaline"; }
  Learns learns() const override { return Learns::classes; }
  Summary summary() const override;

 protected:
  void do_fit(const Examples& examples) override;
  Tensor do_predict(const Tensor& x) const override { return scores(x); }
  void do_save(State& state) const override { save_to(state); }
  void do_restore(const State& state) override { restore_from(state); }
};

}  // namespace lamina::learners
