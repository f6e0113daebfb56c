// What is learnt: the contract between a network, its loss and its metrics on one side and the
// training loop on the other.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "lamina/data/dataset.h"
#include "lamina/metrics/metric.h"
#include "lamina/nn/loss.h"
#include "lamina/nn/module.h"

namespace lamina::report {
struct Report;
}

namespace lamina::train {

class Trainer;
struct Results;

class Task {
 public:
  virtual ~Task() = default;
  virtual nn::Module& module() = 0;
  /// One element. Captured together with its gradients and the optimizer's step.
  virtual Tensor loss(const data::Batch& batch) = 0;
  /// Raw outputs, what metrics are fed with. Captured, without gradients.
  virtual Tensor predict(const data::Batch& batch) = 0;
  virtual const std::vector<metrics::MetricPtr>& metrics() const = 0;
  /// What the report shows of results on a set and of its examples. Default: what suits classes and values, see
  /// train::add_results.
  virtual void add_results(report::Report& page, const Results& results, Trainer& trainer, const data::DatasetPtr& set);
};

/// A layer, a loss and metrics: classification, tagging, regression. The batch is {input, target}, with lengths behind
/// where inputs are sequences of unequal length: the network sees them through nn::LengthsScope. Where the targets are
/// class ids for each step, [n, steps] with −100 in the padding, the network's outputs [n, steps, classes] become
/// [n, classes, steps], which loss and metrics take.
class Supervised final : public Task {
 public:
  /// Keeps a copy of `net`, which shares its parameters.
  Supervised(const nn::Layer& net, LossFn loss, std::vector<metrics::MetricPtr> metrics = {});
  nn::Module& module() override { return *net_; }
  nn::Layer& net() { return *net_; }
  Tensor loss(const data::Batch& batch) override;
  Tensor predict(const data::Batch& batch) override;
  const std::vector<metrics::MetricPtr>& metrics() const override { return metrics_; }

 private:
  Tensor outputs(const data::Batch& batch, std::vector<std::pair<Tensor, double>>* auxiliary);

  nn::LayerPtr net_;
  LossFn loss_;
  std::vector<metrics::MetricPtr> metrics_;
};

}  // namespace lamina::train
