// Metrics of how well outputs rank and how honest their probabilities are.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "lamina/core/error.h"
#include "lamina/metrics/decode_internal.h"
#include "lamina/metrics/metrics.h"

namespace lamina::metrics {

namespace {

/// (U of Mann and Whitney) / (positives · negatives); none where one side is empty.
std::optional<double> area(const std::vector<double>& scores, const std::vector<bool>& positive) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return scores[a] < scores[b]; });
  double rank_sum = 0, positives = 0;
  for (size_t i = 0; i < order.size();) {
    size_t end = i;
    double among = 0;
    for (; end < order.size() && scores[order[end]] == scores[order[i]]; ++end) among += positive[order[end]];
    rank_sum += among * (static_cast<double>(i + 1 + end) / 2);  // the mean rank of equal scores
    positives += among;
    i = end;
  }
  const double negatives = static_cast<double>(scores.size()) - positives;
  if (positives == 0 || negatives == 0) return std::nullopt;
  return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives);
}

class RocAuc final : public Metric {
 public:
  explicit RocAuc(Names classes) : names_(std::move(classes)) {}
  std::string name() const override { return "roc_auc"; }
  bool higher_is_better() const override { return true; }
  void reset() override {
    scores_.clear();
    positive_.clear();
  }

  void update(const Tensor& predictions, const Tensor& targets) override {
    if (are_tags(predictions, targets)) {
      const ValueRows rows = value_rows(name(), predictions, targets);
      resize(rows.columns, rows.columns);
      for (size_t i = 0; i < rows.targets.size(); ++i) {
        add(i % static_cast<size_t>(rows.columns), rows.predictions[i], rows.targets[i] > 0.5);
      }
      return;
    }
    const ClassRows rows = class_rows(name(), predictions, targets);
    resize(rows.classes == 2 ? 1 : rows.classes, rows.classes);
    for (size_t i = 0; i < rows.rows(); ++i) {
      const double* z = rows.row(i);
      if (rows.classes == 2) {
        add(0, z[1] - z[0], rows.targets[i] == 1);
        continue;
      }
      const double total = log_sum_exp(z, rows.classes);
      for (int64_t c = 0; c < rows.classes; ++c)
        add(static_cast<size_t>(c), std::exp(z[c] - total), rows.targets[i] == c);
    }
  }

  double value() const override {
    double total = 0;
    int count = 0;
    for (size_t c = 0; c < scores_.size(); ++c) {
      if (const auto a = area(scores_[c], positive_[c])) {
        total += *a;
        ++count;
      }
    }
    if (scores_.empty() || scores_[0].empty()) nothing_seen(name());
    if (!count) {
      throw Error(name(), "needs examples of at least two classes, all were of one")
          .hint("evaluate on a larger or stratified set, or leave this metric out");
    }
    return total / count;
  }

  std::map<std::string, double> values() const override {
    std::map<std::string, double> result{{name(), value()}};
    for (size_t c = 0; scores_.size() > 1 && c < scores_.size(); ++c) {
      if (const auto a = area(scores_[c], positive_[c]))
        result[name() + "." + class_name(names_, static_cast<int64_t>(c))] = *a;
    }
    return result;
  }

 private:
  void resize(int64_t columns, int64_t classes) {
    check_names(name(), names_, classes);
    scores_.resize(static_cast<size_t>(columns));
    positive_.resize(static_cast<size_t>(columns));
  }
  void add(size_t column, double score, bool positive) {
    scores_[column].push_back(score);
    positive_[column].push_back(positive);
  }

  Names names_;
  std::vector<std::vector<double>> scores_;  // per column
  std::vector<std::vector<bool>> positive_;
};

class LogLoss final : public Metric {
 public:
  std::string name() const override { return "log_loss"; }
  bool higher_is_better() const override { return false; }
  void reset() override { total_ = 0, seen_ = 0; }
  void update(const Tensor& predictions, const Tensor& targets) override {
    if (are_tags(predictions, targets)) {
      const ValueRows rows = value_rows(name(), predictions, targets);
      for (size_t i = 0; i < rows.targets.size(); ++i)
        total_ += softplus(rows.predictions[i]) - rows.targets[i] * rows.predictions[i];
      seen_ += static_cast<int64_t>(rows.targets.size());
      return;
    }
    const ClassRows rows = class_rows(name(), predictions, targets);
    for (size_t i = 0; i < rows.rows(); ++i)
      total_ += log_sum_exp(rows.row(i), rows.classes) - rows.row(i)[rows.targets[i]];
    seen_ += static_cast<int64_t>(rows.rows());
  }
  double value() const override {
    if (!seen_) nothing_seen(name());
    return total_ / static_cast<double>(seen_);
  }

 private:
  double total_ = 0;
  int64_t seen_ = 0;
};

}  // namespace

MetricPtr roc_auc(Names classes) { return std::make_shared<RocAuc>(std::move(classes)); }
MetricPtr log_loss() { return std::make_shared<LogLoss>(); }

}  // namespace lamina::metrics
