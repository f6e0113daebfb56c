// Distances between predicted and true values.
#include <algorithm>
#include <cmath>

#include "lamina/core/error.h"
#include "lamina/metrics/decode_internal.h"
#include "lamina/metrics/metrics.h"

namespace lamina::metrics {

namespace {

/// Running sums of one output. The spread of targets is updated as Welford (1962) does, which stays exact where targets
/// are large and near each other.
struct OutputSums {
  double count = 0, absolute = 0, squared = 0, mean = 0, spread = 0;
  void add(double prediction, double target) {
    const double error = prediction - target;
    absolute += std::abs(error);
    squared += error * error;
    const double shift = target - mean;
    mean += shift / ++count;
    spread += shift * (target - mean);
  }
};

double mae_of(const OutputSums& s) { return s.absolute / s.count; }
double mse_of(const OutputSums& s) { return s.squared / s.count; }
double rmse_of(const OutputSums& s) { return std::sqrt(mse_of(s)); }
double r2_of(const OutputSums& s) {
  if (s.spread == 0) return s.squared == 0 ? 1 : 0;
  return 1 - s.squared / s.spread;
}

class PerOutput final : public Metric {
 public:
  using Score = double (*)(const OutputSums&);
  PerOutput(std::string name, Score score, bool higher_is_better, Names outputs)
      : name_(std::move(name)), score_(score), higher_is_better_(higher_is_better), names_(std::move(outputs)) {}

  std::string name() const override { return name_; }
  bool higher_is_better() const override { return higher_is_better_; }
  void reset() override { sums_.clear(); }

  void update(const Tensor& predictions, const Tensor& targets) override {
    const ValueRows rows = value_rows(name_, predictions, targets);
    if (!rows.columns) return;
    if (sums_.empty()) {
      check_names(name_, names_, rows.columns);
      sums_.resize(static_cast<size_t>(rows.columns));
    }
    if (sums_.size() != static_cast<size_t>(rows.columns)) {
      throw Error(name_, "expected " + std::to_string(sums_.size()) + " outputs as before, got " +
                             std::to_string(rows.columns));
    }
    for (size_t i = 0; i < rows.targets.size(); ++i) sums_[i % sums_.size()].add(rows.predictions[i], rows.targets[i]);
  }

  double value() const override {
    if (sums_.empty()) nothing_seen(name_);
    double total = 0;
    for (const OutputSums& s : sums_) total += score_(s);
    return total / static_cast<double>(sums_.size());
  }

  std::map<std::string, double> values() const override {
    std::map<std::string, double> result{{name_, value()}};
    for (size_t c = 0; sums_.size() > 1 && c < sums_.size(); ++c) {
      result[name_ + "." + class_name(names_, static_cast<int64_t>(c))] = score_(sums_[c]);
    }
    return result;
  }

 private:
  std::string name_;
  Score score_;
  bool higher_is_better_;
  Names names_;
  std::vector<OutputSums> sums_;
};

}  // namespace

MetricPtr mae(Names outputs) { return std::make_shared<PerOutput>("mae", mae_of, false, std::move(outputs)); }
MetricPtr mse(Names outputs) { return std::make_shared<PerOutput>("mse", mse_of, false, std::move(outputs)); }
MetricPtr rmse(Names outputs) { return std::make_shared<PerOutput>("rmse", rmse_of, false, std::move(outputs)); }
MetricPtr r2(Names outputs) { return std::make_shared<PerOutput>("r2", r2_of, true, std::move(outputs)); }

}  // namespace lamina::metrics
