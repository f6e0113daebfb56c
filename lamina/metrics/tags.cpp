// Several labels per example: average precision, and thresholds.
#include "lamina/metrics/tags.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "lamina/core/error.h"
#include "lamina/metrics/decode_internal.h"
#include "lamina/metrics/metrics.h"

namespace lamina::metrics {

namespace {

/// Indices in the order of falling scores.
std::vector<size_t> ranked(const std::vector<double>& scores) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  return order;
}

/// Σ (Rₙ − Rₙ₋₁)·Pₙ over falling thresholds, equal scores counting together; none without positives.
std::optional<double> average_precision_of(const std::vector<double>& scores, const std::vector<bool>& positive) {
  const std::vector<size_t> order = ranked(scores);
  double hits = 0, sum = 0;
  for (size_t i = 0; i < order.size();) {
    const double score = scores[order[i]];
    double fresh = 0;
    for (; i < order.size() && scores[order[i]] == score; ++i) fresh += positive[order[i]];
    hits += fresh;
    sum += fresh * hits / static_cast<double>(i);
  }
  if (hits == 0) return std::nullopt;
  return sum / hits;
}

class MeanAveragePrecision final : public Metric {
 public:
  explicit MeanAveragePrecision(Names tags) : names_(std::move(tags)) {}
  std::string name() const override { return "map"; }
  bool higher_is_better() const override { return true; }
  void reset() override {
    scores_.clear();
    positive_.clear();
  }

  void update(const Tensor& predictions, const Tensor& targets) override {
    const ValueRows rows = value_rows(name(), predictions, targets);
    check_names(name(), names_, rows.columns);
    scores_.resize(static_cast<size_t>(rows.columns));
    positive_.resize(scores_.size());
    for (size_t i = 0; i < rows.targets.size(); ++i) {
      scores_[i % scores_.size()].push_back(rows.predictions[i]);
      positive_[i % scores_.size()].push_back(rows.targets[i] > 0.5);
    }
  }

  double value() const override {
    double total = 0;
    int count = 0;
    for (size_t c = 0; c < scores_.size(); ++c) {
      const auto ap = average_precision_of(scores_[c], positive_[c]);
      total += ap.value_or(0);
      count += ap.has_value();
    }
    if (scores_.empty() || scores_[0].empty()) nothing_seen(name());
    return count ? total / count : 0;
  }

  std::map<std::string, double> values() const override {
    std::map<std::string, double> result{{name(), value()}};
    for (size_t c = 0; scores_.size() > 1 && c < scores_.size(); ++c) {
      if (const auto ap = average_precision_of(scores_[c], positive_[c]))
        result[name() + "." + class_name(names_, static_cast<int64_t>(c))] = *ap;
    }
    return result;
  }

 private:
  Names names_;
  std::vector<std::vector<double>> scores_;  // per tag
  std::vector<std::vector<bool>> positive_;
};

double f1_of(double hits, double predicted, double actual) {
  return predicted + actual > 0 ? 2 * hits / (predicted + actual) : 0;
}

}  // namespace

MetricPtr mean_average_precision(Names tags) { return std::make_shared<MeanAveragePrecision>(std::move(tags)); }

std::vector<double> best_thresholds(const Tensor& logits, const Tensor& targets) {
  const ValueRows rows = value_rows("thresholds", logits, targets);
  const auto columns = static_cast<size_t>(rows.columns);
  std::vector<double> thresholds;
  for (size_t c = 0; c < columns; ++c) {
    std::vector<double> scores;
    std::vector<bool> positive;
    double actual = 0;
    for (size_t i = c; i < rows.targets.size(); i += columns) {
      scores.push_back(1 / (1 + std::exp(-rows.predictions[i])));
      positive.push_back(rows.targets[i] > 0.5);
      actual += positive.back();
    }
    const std::vector<size_t> order = ranked(scores);
    double best = 0, threshold = 0.5, hits = 0;
    for (size_t i = 0; i < order.size(); ++i) {
      hits += positive[order[i]];
      const bool last = i + 1 == order.size();
      if (!last && scores[order[i + 1]] == scores[order[i]]) continue;
      const double f1 = f1_of(hits, static_cast<double>(i + 1), actual);
      if (f1 <= best) continue;
      best = f1;
      threshold = last ? scores[order[i]] / 2 : (scores[order[i]] + scores[order[i + 1]]) / 2;
    }
    thresholds.push_back(threshold);
  }
  return thresholds;
}

TagScores scores_at(const Tensor& logits, const Tensor& targets, const std::vector<double>& thresholds) {
  const ValueRows rows = value_rows("thresholds", logits, targets);
  if (static_cast<int64_t>(thresholds.size()) != rows.columns) {
    throw Error("thresholds", "expected one for each of " + std::to_string(rows.columns) + " tags, got " +
                                  std::to_string(thresholds.size()));
  }
  std::vector<double> hits(thresholds.size()), predicted = hits, actual = hits;
  for (size_t i = 0; i < rows.targets.size(); ++i) {
    const size_t c = i % thresholds.size();
    const bool set = 1 / (1 + std::exp(-rows.predictions[i])) >= thresholds[c], truth = rows.targets[i] > 0.5;
    hits[c] += set && truth;
    predicted[c] += set;
    actual[c] += truth;
  }
  const auto sum = [](const std::vector<double>& v) { return std::accumulate(v.begin(), v.end(), 0.0); };
  TagScores scores;
  scores.f1_micro = f1_of(sum(hits), sum(predicted), sum(actual));
  int count = 0;
  for (size_t c = 0; c < thresholds.size(); ++c) {
    if (predicted[c] + actual[c] == 0) continue;  // as f1 counts classes
    scores.f1_macro += f1_of(hits[c], predicted[c], actual[c]);
    ++count;
  }
  if (count) scores.f1_macro /= count;
  return scores;
}

}  // namespace lamina::metrics
