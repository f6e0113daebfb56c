#include <algorithm>
#include <cmath>

#include "lamina/core/error.h"
#include "lamina/metrics/decode_internal.h"

namespace lamina::metrics {

namespace {

Error misfit(const std::string& metric, const std::string& what, const Tensor& predictions, const Tensor& targets) {
  Error error(metric, what);
  error.detail("predictions " + predictions.meta().str()).detail("targets     " + targets.meta().str());
  return error;
}

std::vector<double> checked_values(const std::string& metric, const Tensor& predictions) {
  std::vector<double> values = predictions.values();
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isnan(values[i])) continue;
    const int64_t rows = predictions.rank() ? predictions.size(0) : 1;
    throw Error(metric, "a prediction is NaN")
        .detail("predictions " + predictions.meta().str() + ", row " +
                std::to_string(static_cast<int64_t>(i) / (predictions.numel() / rows)))
        .hint("look for inputs that are not finite, or a network that has diverged");
  }
  return values;
}

/// [n] or [n, 1].
bool is_column(const Tensor& t) { return t.rank() == 1 || (t.rank() == 2 && t.size(1) == 1); }

void add_binary_rows(ClassRows& out, const std::vector<double>& logits) {
  out.classes = 2;
  for (double z : logits) {
    out.scores.push_back(0);
    out.scores.push_back(z);
  }
}

/// [n, classes, inner] to [n·inner, classes].
void add_rows(ClassRows& out, const std::vector<double>& values, const Tensor& predictions) {
  out.classes = predictions.size(1);
  const int64_t n = predictions.size(0), inner = predictions.numel() / std::max<int64_t>(1, n * out.classes);
  out.scores.resize(values.size());
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t c = 0; c < out.classes; ++c) {
      for (int64_t k = 0; k < inner; ++k) {
        out.scores[static_cast<size_t>((i * inner + k) * out.classes + c)] =
            values[static_cast<size_t>((i * out.classes + c) * inner + k)];
      }
    }
  }
}

/// Drops rows whose target is negative.
void drop_ignored(ClassRows& rows) {
  const auto classes = static_cast<size_t>(rows.classes);
  size_t kept = 0;
  for (size_t i = 0; i < rows.targets.size(); ++i) {
    if (rows.targets[i] < 0) continue;
    rows.targets[kept] = rows.targets[i];
    std::copy_n(rows.scores.begin() + static_cast<ptrdiff_t>(i * classes), classes,
                rows.scores.begin() + static_cast<ptrdiff_t>(kept * classes));
    ++kept;
  }
  rows.targets.resize(kept);
  rows.scores.resize(kept * classes);
}

std::vector<int64_t> class_ids(const std::string& metric, const Tensor& predictions, const Tensor& targets,
                               bool binary) {
  if (!is_floating(targets.dtype())) return targets.ints();
  if (!binary) {
    throw misfit(metric, "expected class ids (integers) as targets", predictions, targets);
  }
  std::vector<int64_t> ids;
  for (double t : targets.values()) {
    if (t != 0 && t != 1)
      throw misfit(metric, "expected targets of 0 and 1 beside one logit, got " + std::to_string(t), predictions,
                   targets);
    ids.push_back(static_cast<int64_t>(t));
  }
  return ids;
}

}  // namespace

int64_t ClassRows::predicted(size_t i) const {
  const double* scores_of_row = row(i);
  return std::max_element(scores_of_row, scores_of_row + classes) - scores_of_row;
}

bool are_tags(const Tensor& predictions, const Tensor& targets) {
  return is_floating(targets.dtype()) && predictions.rank() == 2 && predictions.size(1) > 1 &&
         predictions.shape() == targets.shape();
}

ClassRows class_rows(const std::string& metric, const Tensor& predictions, const Tensor& targets) {
  if (predictions.rank() < 1) throw misfit(metric, "expected predictions [n, classes] or [n]", predictions, targets);
  ClassRows out;
  const bool binary = is_column(predictions);
  out.targets = class_ids(metric, predictions, targets, binary);
  const int64_t places = binary ? predictions.numel() : predictions.numel() / std::max<int64_t>(1, predictions.size(1));
  if (targets.numel() != places || (targets.rank() && targets.size(0) != predictions.size(0))) {
    throw misfit(metric, "expected one target per row of predictions", predictions, targets);
  }
  const std::vector<double> values = checked_values(metric, predictions);
  if (binary) {
    add_binary_rows(out, values);
  } else {
    add_rows(out, values, predictions);
  }
  for (int64_t t : out.targets) {
    if (t >= out.classes) {
      throw misfit(
          metric,
          "target " + std::to_string(t) + " is out of range: there are " + std::to_string(out.classes) + " classes",
          predictions, targets)
          .hint("the network needs an output for every class of the data set");
    }
  }
  drop_ignored(out);
  return out;
}

ValueRows value_rows(const std::string& metric, const Tensor& predictions, const Tensor& targets) {
  const bool fits = predictions.rank() >= 1 && targets.rank() >= 1 && predictions.numel() == targets.numel() &&
                    predictions.size(0) == targets.size(0);
  if (!fits) throw misfit(metric, "expected predictions and targets of equal size", predictions, targets);
  ValueRows out;
  const int64_t n = predictions.size(0);
  out.columns = n ? predictions.numel() / n : 0;
  out.predictions = checked_values(metric, predictions);
  out.targets = targets.values();
  return out;
}

std::string class_name(const std::vector<std::string>& names, int64_t id) {
  return names.empty() ? std::to_string(id) : names[static_cast<size_t>(id)];
}

void check_names(const std::string& metric, const std::vector<std::string>& names, int64_t classes) {
  if (names.empty() || static_cast<int64_t>(names.size()) == classes) return;
  throw Error(metric, "was given " + std::to_string(names.size()) + " names, predictions have " +
                          std::to_string(classes) + " outputs")
      .hint("the last layer should have one output per class");
}

void nothing_seen(const std::string& metric) {
  throw Error(metric, "has no value: no example was seen").hint("is the set empty, or are all its targets left out?");
}

double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

double log_sum_exp(const double* x, int64_t n) {
  const double largest = *std::max_element(x, x + n);
  if (std::isinf(largest)) return largest;
  double total = 0;
  for (int64_t i = 0; i < n; ++i) total += std::exp(x[i] - largest);
  return largest + std::log(total);
}

}  // namespace lamina::metrics
