#include "lamina/learners/learner.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "lamina/core/error.h"
#include "lamina/learners/linalg_internal.h"
#include "lamina/learners/text_internal.h"
#include "lamina/ops/ops.h"

namespace lamina::learners {

namespace {

std::string numbered(const std::vector<std::string>& names, int64_t column) {
  if (column < static_cast<int64_t>(names.size())) return names[static_cast<size_t>(column)];
  return "x" + std::to_string(column + 1);
}

void check_finite(const std::string& learner, const Examples& e) {
  const double* x = e.x.data<double>();
  const int64_t width = e.width();
  for (int64_t i = 0; i < e.x.numel(); ++i) {
    if (std::isfinite(x[i])) continue;
    throw Error(learner, "example " + std::to_string(i / width + 1) + ": feature \"" + e.feature_name(i % width) +
                             "\" is " + (std::isnan(x[i]) ? "missing" : "not finite"))
        .hint("impute fills missing values, drop_missing leaves such rows out");
  }
}

void check_target(const std::string& learner, Learns learns, const Examples& e) {
  if (learns == Learns::nothing) return;
  if (!e.y.defined()) throw Error(learner, "expected a target, got none");
  if (e.y.rank() != 1 || e.y.size(0) != e.rows()) {
    throw Error(learner, "expected one target per example")
        .detail("examples " + e.x.meta().str())
        .detail("targets  " + e.y.meta().str());
  }
  if (learns == Learns::classes && !e.has_classes()) {
    throw Error(learner, "expected classes as the target, got numbers")
        .hint("linear, ridge, tree, mlp, … learn numbers");
  }
  if (learns == Learns::values && e.has_classes()) {
    throw Error(learner, "expected numbers as the target, got " + std::to_string(e.classes.size()) + " classes")
        .hint("logistic, softmax, tree, mlp, … learn classes");
  }
  if (!e.has_classes()) return;
  std::vector<bool> seen(e.classes.size(), false);
  for (const int64_t id : e.y.ints()) {
    if (id < 0 || id >= static_cast<int64_t>(e.classes.size())) {
      throw Error(learner, "expected class ids from 0 to " + std::to_string(e.classes.size() - 1) + ", got " +
                               std::to_string(id));
    }
    seen[static_cast<size_t>(id)] = true;
  }
  if (std::count(seen.begin(), seen.end(), true) < 2) {
    const auto only = static_cast<size_t>(std::find(seen.begin(), seen.end(), true) - seen.begin());
    throw Error(learner, "the target has one class only, \"" + e.classes[only] + "\": there is nothing to learn");
  }
}

}  // namespace

std::string short_number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

std::string Examples::feature_name(int64_t column) const { return numbered(features, column); }

Examples Examples::take(std::span<const int64_t> wanted) const {
  const Tensor index = Tensor::from(wanted, {static_cast<int64_t>(wanted.size())});
  Examples part;
  part.x = index_select(x, 0, index);
  if (y.defined()) part.y = index_select(y, 0, index);
  if (weight.defined()) part.weight = index_select(weight, 0, index);
  part.classes = classes;
  part.features = features;
  if (!row_groups.empty()) {
    for (const int64_t r : wanted) part.row_groups.push_back(row_groups[static_cast<size_t>(r)]);
  }
  return part;
}

void Learner::fit(const Examples& examples) {
  if (examples.x.rank() != 2 || examples.rows() == 0) {
    throw Error(name(), "expected examples [rows, features], got " +
                            (examples.x.defined() ? examples.x.meta().str() : std::string("none")));
  }
  if (examples.width() == 0) throw Error(name(), "there is no feature to learn from");
  Examples e = examples;
  e.x = as_f64(e.x);
  if (e.y.defined() && !e.has_classes()) e.y = as_f64(e.y);
  if (learns() == Learns::nothing) {
    e.y = {};
    e.classes.clear();
  }
  check_target(name(), learns(), e);
  check_finite(name(), e);
  width_ = e.width();
  classes_ = static_cast<int64_t>(e.classes.size());
  Learner::set_names(e.classes, e.features);
  try {
    do_fit(e);
  } catch (...) {
    width_ = -1;
    throw;
  }
}

Tensor Learner::predict(const Tensor& x) const {
  if (!fitted()) throw Error(name(), "is to be fitted before it can predict");
  if (x.rank() != 2 || x.size(1) != width_) {
    throw Error(name(), "expected rows of " + std::to_string(width_) + " features, got " + x.meta().str());
  }
  return do_predict(as_f64(x));
}

Tensor Learner::predict_class(const Tensor& x) const { return argmax(predict(x), 1); }

double Learner::score(const Examples& examples) const {
  if (!fitted()) throw Error(name(), "is to be fitted before it can be scored");
  Examples e = examples;
  e.x = as_f64(e.x);
  if (learns() != Learns::nothing)
    check_target(name(), learns() == Learns::nothing ? learns() : Learns::classes_or_values, e);
  return do_score(e);
}

double Learner::do_score(const Examples& e) const {
  const std::vector<double> weights =
      e.weight.defined() ? e.weight.values() : std::vector<double>(static_cast<size_t>(e.rows()), 1.0);
  double total = 0, good = 0;
  for (const double w : weights) total += w;
  if (e.has_classes()) {
    const std::vector<int64_t> predicted = predict_class(e.x).ints(), truth = e.y.ints();
    for (size_t i = 0; i < truth.size(); ++i) good += predicted[i] == truth[i] ? weights[i] : 0;
    return good / total;
  }
  const std::vector<double> predicted = predict(e.x).values(), truth = e.y.values();
  double mean = 0, lost = 0, all = 0;
  for (size_t i = 0; i < truth.size(); ++i) mean += weights[i] * truth[i] / total;
  for (size_t i = 0; i < truth.size(); ++i) {
    lost += weights[i] * (truth[i] - predicted[i]) * (truth[i] - predicted[i]);
    all += weights[i] * (truth[i] - mean) * (truth[i] - mean);
  }
  if (all == 0) return lost == 0 ? 1 : 0;
  return 1 - lost / all;
}

void Learner::set_names(const std::vector<std::string>& classes, const std::vector<std::string>& features) {
  class_names_ = classes;
  feature_names_ = features;
}

std::string Learner::feature_name(int64_t column) const { return numbered(feature_names_, column); }

State Learner::state() const {
  if (!fitted()) throw Error(name(), "is to be fitted before it can be saved");
  State state;
  do_save(state);
  state["meta"] = Tensor::from(std::vector<int64_t>{width_, classes_}, {2});
  return state;
}

void Learner::restore(const State& state) {
  const Tensor& meta = saved(state, "meta");
  width_ = meta.ints().at(0);
  classes_ = meta.ints().at(1);
  do_restore(state);
}

const Tensor& saved(const State& state, const std::string& name) {
  const auto found = state.find(name);
  if (found == state.end()) throw Error("saved learner", "has no tensor \"" + name + "\"");
  return found->second;
}

State part(const State& state, const std::string& prefix) {
  State out;
  for (const auto& [name, tensor] : state) {
    if (name.starts_with(prefix + ".")) out[name.substr(prefix.size() + 1)] = tensor;
  }
  return out;
}

void put(State& state, const std::string& prefix, const State& part) {
  for (const auto& [name, tensor] : part) state[prefix + "." + name] = tensor;
}

}  // namespace lamina::learners
