// Output layers for many classes. Each is a layer, whose result serves cross_entropy like scores do, and has a loss()
// that computes less than all classes.
#pragma once

#include <string>
#include <vector>

#include "lamina/nn/layers/container.h"

namespace lamina::nn {

struct HierarchicalSoftmaxOptions {
  Required in, classes;
  std::string tree = "balanced";  // or "huffman", for which the constructor is given counts
  LAMINA_OPTIONS(in, classes, tree)
};

/// A binary tree whose leaves are the classes: p(class) = Π σ(±(w·x + b)) over the inner nodes on the way. loss()
/// computes about log₂(classes) products of a row; the gradient is still as large as the weight. weight [classes − 1,
/// in], bias [classes − 1]; buffers paths and signs [classes, depth]. (Morin and Bengio 2005; Mikolov et al. 2013)
class HierarchicalSoftmax final : public Layer {
 public:
  using Options = HierarchicalSoftmaxOptions;
  /// counts: how often each class occurs, for "huffman". Throws Error where they are not one per class.
  explicit HierarchicalSoftmax(HierarchicalSoftmaxOptions options, const std::vector<int64_t>& counts = {});
  /// Mean of −log p(target): x [n, in], target [n] integers.
  Tensor loss(const Tensor& x, const Tensor& target);
  /// log p of all classes, [n, classes].
  Tensor forward(const Tensor& x) override;
  /// Nodes on the longest way.
  int64_t depth() const { return paths_.value().size(1); }
  std::string describe() const override { return json_of(options_); }
  LAMINA_FIELDS(weight_, bias_, paths_, signs_)

 private:
  HierarchicalSoftmaxOptions options_;
  Param weight_, bias_;
  Buffer paths_, signs_;  // nodes from the root on; 1 or −1, 0 behind the leaf
};

struct AdaptiveSoftmaxOptions {
  Required in, classes;
  Dims cutoffs = {};     // classes are sorted by frequency; where the clusters end, without the last
  double div_value = 4;  // cluster i is computed from in / div_value^(i + 1) features
  bool head_bias = false;
  LAMINA_OPTIONS(in, classes, cutoffs, div_value, head_bias)
};

/// Frequent classes at full width, the others in clusters of ever fewer features (Grave et al. 2017). A captured step
/// has fixed shapes, so every row visits every cluster: what is saved is the width. log p of all classes, [n, classes].
/// Parameters as PyTorch's AdaptiveLogSoftmaxWithLoss: head.weight, tail.0.0.weight, tail.0.1.weight, …
class AdaptiveSoftmax final : public Layer {
 public:
  using Options = AdaptiveSoftmaxOptions;
  /// Throws Error where cutoffs do not rise from 1 to below classes.
  explicit AdaptiveSoftmax(AdaptiveSoftmaxOptions options);
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }
  LAMINA_FIELDS(head_, tail_)

 private:
  AdaptiveSoftmaxOptions options_;
  AnyLayer head_;
  Sequential tail_;
};

struct SampledSoftmaxOptions {
  Required in, classes;
  int64_t samples = 64;  // other classes per batch
  LAMINA_OPTIONS(in, classes, samples)
};

/// The softmax over the target and a sample of other classes, drawn in proportion to log((k + 2)/(k + 1)): classes are
/// sorted by frequency; each stands for as many as it is improbable (Bengio and Senécal 2008). weight [classes, in],
/// bias [classes].
class SampledSoftmax final : public Layer {
 public:
  using Options = SampledSoftmaxOptions;
  explicit SampledSoftmax(SampledSoftmaxOptions options);
  /// In training the sampled loss, whose samples come from the default generator; in evaluation cross_entropy. x [n,
  /// in], target [n] integers; mean.
  Tensor loss(const Tensor& x, const Tensor& target);
  /// Scores of all classes, [n, classes].
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }
  LAMINA_FIELDS(weight_, bias_)

 private:
  SampledSoftmaxOptions options_;
  Param weight_, bias_;
};

}  // namespace lamina::nn
