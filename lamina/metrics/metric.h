// Metrics: fed batch by batch, read at the end.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lamina/tensor/tensor.h"

namespace lamina::metrics {

class Metric {
 public:
  virtual ~Metric() = default;
  /// "accuracy": the key under which value() is logged.
  virtual std::string name() const = 0;
  /// Is a larger value better?
  virtual bool higher_is_better() const = 0;
  virtual void reset() = 0;
  /// predictions: raw outputs of the network ([n, classes] logits, [n] or [n, 1] logits, or [n, k] values);
  /// targets as the data set gives them.
  virtual void update(const Tensor& predictions, const Tensor& targets) = 0;
  /// update() with the whole batch, {input, target, …}: for metrics that compare the network with its input, or need
  /// fields beside the target.
  virtual void update_batch(const Tensor& predictions, const Tensors& batch) { update(predictions, batch.at(1)); }
  virtual double value() const = 0;
  /// value() and whatever else belongs to it ("precision.setosa", …), by name.
  virtual std::map<std::string, double> values() const { return {{name(), value()}}; }
  /// A table for the report: confusion matrix [true, predicted]; undefined where there is none.
  virtual Tensor table() const { return {}; }
};

using MetricPtr = std::shared_ptr<Metric>;

/// By name, as recipes give it ("accuracy", "top5", "f1_macro", "confusion_matrix", …); classes may be
/// empty. Throws Error with the nearest valid name.
MetricPtr make_metric(const std::string& name, const std::vector<std::string>& classes);
std::vector<std::string> metric_names();

}  // namespace lamina::metrics
