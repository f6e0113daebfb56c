// Neural networks as learners.
#pragma once

#include "lamina/learners/learner.h"
#include "lamina/nn/module.h"

namespace lamina::learners {

struct MlpOptions {
  Dims hidden = {100};              // units of each hidden layer
  std::string activation = "relu";  // or any other activation layer
  double dropout = 0;               // after each hidden layer, of the solvers sgd and adam
  double alpha = 1e-4;              // the penalty ½·alpha·ΣW² on the sum of the losses
  std::string solver = "adam";      // adam, sgd (batches); lbfgs, gd (all rows at once)
  double lr = 0.001;
  int64_t epochs = 200;      // of adam, sgd
  int64_t batch = 32;        // of adam, sgd
  int64_t iterations = 500;  // of lbfgs, gd, at most
  double tolerance = 1e-5;   // of lbfgs, gd: the largest entry of the gradient at the end
  int64_t seed = 0;
  LAMINA_OPTIONS(hidden, activation, dropout, alpha, solver, lr, epochs, batch, iterations, tolerance, seed)
};

/// The multilayer perceptron, in f32: classes by the cross-entropy of a softmax, values (brought to mean 0 and variance
/// 1 for fitting) by squared errors.
class Mlp final : public LearnerOf<Mlp, MlpOptions> {
 public:
  explicit Mlp(const Options& options = {});
  static constexpr const char* kName = "mlp";
  Learns learns() const override { return Learns::classes_or_values; }
  bool probabilities() const override { return true; }
  bool uses_weights() const override { return true; }
  Summary summary() const override;

 protected:
  void do_fit(const Examples& examples) override;
  Tensor do_predict(const Tensor& x) const override;
  void do_save(State& state) const override;
  void do_restore(const State& state) override;

 private:
  nn::LayerPtr made() const;
  nn::LayerPtr net_;
  double centre_ = 0, scale_ = 1;  // of the values
  std::vector<std::pair<std::string, double>> facts_;
};

struct HierarchicalSoftmaxOptions {
  std::string tree = "huffman";  // frequent classes have short ways; or balanced
  std::string solver = "adam";   // adam, sgd
  double lr = 0.01;
  int64_t epochs = 50;
  int64_t batch = 32;
  int64_t seed = 0;
  LAMINA_OPTIONS(tree, solver, lr, epochs, batch, seed)
};

/// A linear classifier for thousands of classes, in f32: each is a leaf of a binary tree, and a row is compared with
/// the nodes on the way to its class alone, about log₂(classes) of them (nn::HierarchicalSoftmax).
class HierarchicalSoftmax final : public LearnerOf<HierarchicalSoftmax, HierarchicalSoftmaxOptions> {
 public:
  explicit HierarchicalSoftmax(const Options& options = {});
  static constexpr const char* kName = "hierarchical_softmax";
  Learns learns() const override { return Learns::classes; }
  bool probabilities() const override { return true; }
  Summary summary() const override;

 protected:
  void do_fit(const Examples& examples) override;
  Tensor do_predict(const Tensor& x) const override;
  void do_save(State& state) const override;
  void do_restore(const State& state) override;

 private:
  nn::LayerPtr net_;
  std::vector<int64_t> counts_;  // of each class among the examples
  std::vector<std::pair<std::string, double>> facts_;
};

}  // namespace lamina::learners
