// Metrics that count right and wrong decisions.
#include <algorithm>
#include <cmath>

#include "lamina/core/error.h"
#include "lamina/metrics/decode_internal.h"
#include "lamina/metrics/metrics.h"

namespace lamina::metrics {

namespace {

class ShareOfRight : public Metric {
 public:
  bool higher_is_better() const override { return true; }
  void reset() override { right_ = seen_ = 0; }
  double value() const override {
    if (!seen_) nothing_seen(name());
    return static_cast<double>(right_) / static_cast<double>(seen_);
  }

 protected:
  void count(bool right) {
    right_ += right;
    ++seen_;
  }

 private:
  int64_t right_ = 0, seen_ = 0;
};

class Accuracy final : public ShareOfRight {
 public:
  std::string name() const override { return "accuracy"; }
  void update(const Tensor& predictions, const Tensor& targets) override {
    if (are_tags(predictions, targets)) {
      const ValueRows rows = value_rows(name(), predictions, targets);
      for (size_t i = 0; i < rows.targets.size(); ++i) count((rows.predictions[i] > 0) == (rows.targets[i] > 0.5));
      return;
    }
    const ClassRows rows = class_rows(name(), predictions, targets);
    for (size_t i = 0; i < rows.rows(); ++i) count(rows.predicted(i) == rows.targets[i]);
  }
};

class TopK final : public ShareOfRight {
 public:
  explicit TopK(int64_t k) : k_(k) {
    if (k < 1) throw Error("top_k", "k must be 1 or more, got " + std::to_string(k));
  }
  std::string name() const override { return "top" + std::to_string(k_); }
  void update(const Tensor& predictions, const Tensor& targets) override {
    const ClassRows rows = class_rows(name(), predictions, targets);
    for (size_t i = 0; i < rows.rows(); ++i) {
      const double* scores = rows.row(i);
      const int64_t target = rows.targets[i];
      int64_t before = 0;  // classes ranked above the target; of equal scores the first class goes first
      for (int64_t c = 0; c < rows.classes; ++c)
        before += scores[c] > scores[target] || (scores[c] == scores[target] && c < target);
      count(before < k_);
    }
  }

 private:
  int64_t k_;
};

/// Right and wrong decisions of one class.
struct ClassCounts {
  int64_t true_positive = 0, false_positive = 0, false_negative = 0;
  int64_t support() const { return true_positive + false_negative; }
  bool occurs() const { return true_positive + false_positive + false_negative > 0; }
};

double ratio(int64_t part, int64_t whole) { return whole ? static_cast<double>(part) / static_cast<double>(whole) : 0; }

double precision_of(const ClassCounts& c) { return ratio(c.true_positive, c.true_positive + c.false_positive); }
double recall_of(const ClassCounts& c) { return ratio(c.true_positive, c.support()); }
double f1_of(const ClassCounts& c) {
  return ratio(2 * c.true_positive, 2 * c.true_positive + c.false_positive + c.false_negative);
}

class PerClass final : public Metric {
 public:
  PerClass(std::string word, const std::string& suffix, Average average, Names classes)
      : name_(word + suffix), word_(std::move(word)), average_(average), classes_(std::move(classes)) {
    score_ = word_ == "precision" ? precision_of : word_ == "recall" ? recall_of : f1_of;
  }

  std::string name() const override { return name_; }
  bool higher_is_better() const override { return true; }
  void reset() override { counts_.clear(); }

  void update(const Tensor& predictions, const Tensor& targets) override {
    if (are_tags(predictions, targets)) {
      const ValueRows rows = value_rows(name(), predictions, targets);
      resize(rows.columns);
      for (size_t i = 0; i < rows.targets.size(); ++i) {
        ClassCounts& c = counts_[i % static_cast<size_t>(rows.columns)];
        count(c, rows.predictions[i] > 0, rows.targets[i] > 0.5);
      }
      return;
    }
    const ClassRows rows = class_rows(name(), predictions, targets);
    resize(rows.classes);
    for (size_t i = 0; i < rows.rows(); ++i) {
      const auto predicted = static_cast<size_t>(rows.predicted(i)), target = static_cast<size_t>(rows.targets[i]);
      if (predicted == target) {
        ++counts_[target].true_positive;
      } else {
        ++counts_[predicted].false_positive;
        ++counts_[target].false_negative;
      }
    }
  }

  double value() const override {
    ClassCounts all;
    double total = 0, weights = 0;
    for (const ClassCounts& c : counts_) {
      all.true_positive += c.true_positive;
      all.false_positive += c.false_positive;
      all.false_negative += c.false_negative;
      const double weight = average_ == Average::weighted ? static_cast<double>(c.support()) : c.occurs() ? 1 : 0;
      total += weight * score_(c);
      weights += weight;
    }
    if (!all.occurs()) nothing_seen(name());
    if (average_ == Average::micro) return score_(all);
    return weights > 0 ? total / weights : 0;
  }

  std::map<std::string, double> values() const override {
    std::map<std::string, double> result{{name(), value()}};
    for (size_t c = 0; c < counts_.size(); ++c) {
      result[word_ + "." + class_name(classes_, static_cast<int64_t>(c))] = score_(counts_[c]);
    }
    return result;
  }

 private:
  void resize(int64_t classes) {
    check_names(name(), classes_, classes);
    if (counts_.empty()) counts_.resize(static_cast<size_t>(classes));
  }

  static void count(ClassCounts& c, bool predicted, bool target) {
    c.true_positive += predicted && target;
    c.false_positive += predicted && !target;
    c.false_negative += !predicted && target;
  }

  std::string name_, word_;  // "f1_micro", "f1"
  double (*score_)(const ClassCounts&);
  Average average_;
  Names classes_;
  std::vector<ClassCounts> counts_;
};

class Confusion final : public Metric {
 public:
  explicit Confusion(Names classes) : names_(std::move(classes)) {}
  std::string name() const override { return "confusion_matrix"; }
  bool higher_is_better() const override { return true; }
  void reset() override {
    counts_.clear();
    classes_ = 0;
  }
  void update(const Tensor& predictions, const Tensor& targets) override {
    if (are_tags(predictions, targets)) {
      throw Error(name(), "is of classes, not of tags").hint("use f1: its values() count every tag");
    }
    const ClassRows rows = class_rows(name(), predictions, targets);
    check_names(name(), names_, rows.classes);
    if (counts_.empty()) {
      classes_ = rows.classes;
      counts_.resize(static_cast<size_t>(classes_ * classes_));
    }
    for (size_t i = 0; i < rows.rows(); ++i)
      ++counts_[static_cast<size_t>(rows.targets[i] * classes_ + rows.predicted(i))];
  }
  double value() const override {
    int64_t right = 0, all = 0;
    for (size_t i = 0; i < counts_.size(); ++i) {
      all += counts_[i];
      if (i % (static_cast<size_t>(classes_) + 1) == 0) right += counts_[i];
    }
    if (!all) nothing_seen(name());
    return ratio(right, all);
  }
  std::map<std::string, double> values() const override { return {}; }
  Tensor table() const override {
    return counts_.empty() ? Tensor() : Tensor::from(std::span<const int64_t>(counts_), {classes_, classes_});
  }

 private:
  Names names_;
  int64_t classes_ = 0;
  std::vector<int64_t> counts_;
};

}  // namespace

MetricPtr accuracy() { return std::make_shared<Accuracy>(); }
MetricPtr top_k(int64_t k) { return std::make_shared<TopK>(k); }
MetricPtr per_class(std::string word, const std::string& suffix, Average average, Names classes) {
  return std::make_shared<PerClass>(std::move(word), suffix, average, std::move(classes));
}

namespace {

std::string suffix_of(Average average) {
  return average == Average::micro ? "_micro" : average == Average::weighted ? "_weighted" : "";
}

}  // namespace

MetricPtr precision(Average average, Names classes) {
  return per_class("precision", suffix_of(average), average, std::move(classes));
}
MetricPtr recall(Average average, Names classes) {
  return per_class("recall", suffix_of(average), average, std::move(classes));
}
MetricPtr f1(Average average, Names classes) {
  return per_class("f1", suffix_of(average), average, std::move(classes));
}
MetricPtr confusion_matrix(Names classes) { return std::make_shared<Confusion>(std::move(classes)); }

}  // namespace lamina::metrics
