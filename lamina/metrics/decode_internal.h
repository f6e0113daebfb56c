// Predictions and targets brought to one form, whatever their shapes.
#pragma once

#include <string>
#include <vector>

#include "lamina/metrics/metrics.h"

namespace lamina::metrics {

/// Logits [rows, classes] and a class id per row; one logit z is spelt as the two logits {0, z}.
struct ClassRows {
  int64_t classes = 0;
  std::vector<double> scores;
  std::vector<int64_t> targets;
  size_t rows() const { return targets.size(); }
  const double* row(size_t i) const { return scores.data() + i * static_cast<size_t>(classes); }
  /// The first of the largest.
  int64_t predicted(size_t i) const;
};

/// [rows, columns] of both.
struct ValueRows {
  int64_t columns = 0;
  std::vector<double> predictions, targets;
  size_t rows() const { return columns ? predictions.size() / static_cast<size_t>(columns) : 0; }
};

/// Float targets shaped like predictions with two columns or more.
bool are_tags(const Tensor& predictions, const Tensor& targets);

// Throw Error naming the metric and both shapes where they do not fit.
ClassRows class_rows(const std::string& metric, const Tensor& predictions, const Tensor& targets);
ValueRows value_rows(const std::string& metric, const Tensor& predictions, const Tensor& targets);

/// "setosa", or "2" where no names were given.
std::string class_name(const std::vector<std::string>& names, int64_t id);
/// Throws Error unless the number of names is 0 or `classes`.
void check_names(const std::string& metric, const std::vector<std::string>& names, int64_t classes);
/// Throws Error: value() asked before any example came.
[[noreturn]] void nothing_seen(const std::string& metric);

/// precision, recall or f1, under the name word + suffix.
MetricPtr per_class(std::string word, const std::string& suffix, Average average, Names classes);

/// log(1 + eˣ).
double softplus(double x);
/// log Σ eˣ.
double log_sum_exp(const double* x, int64_t n);

}  // namespace lamina::metrics
