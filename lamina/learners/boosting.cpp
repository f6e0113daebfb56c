#include "lamina/learners/boosting.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "lamina/core/error.h"
#include "lamina/core/parallel.h"
#include "lamina/core/philox.h"
#include "lamina/learners/linalg_internal.h"
#include "lamina/learners/text_internal.h"
#include "lamina/ops/ops.h"

namespace lamina::learners {

namespace {

std::vector<double> weights_of(const Examples& e) {
  return e.weight.defined() ? e.weight.values() : std::vector<double>(static_cast<size_t>(e.rows()), 1.0);
}

Tensor vector_of(const std::vector<double>& v) {
  return Tensor::from(std::span<const double>(v), {static_cast<int64_t>(v.size())}, DType::f64);
}

/// As many rows as there are weights, drawn in proportion to them.
std::vector<int64_t> draw_by(const std::vector<double>& weight, Philox& random) {
  std::vector<double> up_to(weight.size());
  std::partial_sum(weight.begin(), weight.end(), up_to.begin());
  std::vector<int64_t> rows;
  for (size_t i = 0; i < weight.size(); ++i) {
    const auto at = std::upper_bound(up_to.begin(), up_to.end(), random.uniform() * up_to.back());
    rows.push_back(std::min<int64_t>(at - up_to.begin(), static_cast<int64_t>(weight.size()) - 1));
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

}  // namespace

AdaBoost::AdaBoost(const Options& options) : LearnerOf(options, kName, options.base) {
  nn::require_at_least(options.rounds, 1, kName, "rounds");
  if (!(options.lr > 0)) throw Error(kName, "expected lr above 0");
  if (base_->learns() == Learns::values)
    throw Error(kName, "expected a base that learns classes, got " + base_->name());
}

void AdaBoost::do_fit(const Examples& e) {
  members_.clear();
  votes_.clear();
  errors_.clear();
  const std::vector<int64_t> y = e.y.ints();
  const auto kinds = static_cast<double>(classes());
  std::vector<double> weight = weights_of(e);
  for (int64_t round = 0; round < options_.rounds; ++round) {
    const double all = std::accumulate(weight.begin(), weight.end(), 0.0);
    for (double& w : weight) w /= all;
    std::unique_ptr<Learner> member = base_->fresh(options_.seed + round);
    if (base_->uses_weights()) {
      Examples weighted = e;
      weighted.weight = vector_of(weight);
      member->fit(weighted);
    } else {
      Philox random(static_cast<uint64_t>(options_.seed), static_cast<uint64_t>(round));
      Examples sample = e.take(draw_by(weight, random));
      sample.weight = {};
      const std::vector<int64_t> drawn = sample.y.ints();
      if (std::count(drawn.begin(), drawn.end(), drawn[0]) == static_cast<int64_t>(drawn.size())) break;
      member->fit(sample);
    }
    const std::vector<int64_t> said = member->predict_class(e.x).ints();
    double error = 0;
    for (size_t i = 0; i < y.size(); ++i) error += said[i] != y[i] ? weight[i] : 0;
    if (error >= 1 - 1 / kinds) {
      if (!members_.empty()) break;
      throw Error(kName, "the first member, " + options_.base + ", is no better than chance: its error is " +
                             short_number(error));
    }
    // A member that is always right decides alone.
    const double vote = error > 0 ? options_.lr * (std::log((1 - error) / error) + std::log(kinds - 1)) : 1;
    if (error <= 0) members_.clear(), votes_.clear(), errors_.clear();
    members_.push_back(std::move(member));
    votes_.push_back(vote);
    errors_.push_back(error);
    if (error <= 0) break;
    for (size_t i = 0; i < y.size(); ++i) weight[i] *= said[i] != y[i] ? std::exp(vote) : 1;
  }
}

Tensor AdaBoost::do_predict(const Tensor& x) const {
  Tensor sum;
  double all = 0;
  for (size_t i = 0; i < members_.size(); ++i) {
    const Tensor said = one_hot(members_[i]->predict_class(x), classes(), DType::f64) * votes_[i];
    sum = sum.defined() ? sum + said : said;
    all += votes_[i];
  }
  return sum * (1 / all);
}

void AdaBoost::do_save(State& state) const {
  Ensemble::do_save(state);
  state["votes"] = vector_of(votes_);
  state["errors"] = vector_of(errors_);
}

void AdaBoost::do_restore(const State& state) {
  Ensemble::do_restore(state);
  votes_ = saved(state, "votes").values();
  errors_ = saved(state, "errors").values();
}

Summary AdaBoost::summary() const {
  Summary s;
  s.title = std::to_string(members_.size()) + " times " + options_.base;
  s.columns = {"round", "weighted error", "vote"};
  for (size_t i = 0; i < votes_.size(); ++i) {
    s.rows.push_back({std::to_string(i + 1), short_number(errors_[i]), short_number(votes_[i])});
  }
  if (static_cast<int64_t>(votes_.size()) < options_.rounds) {
    s.notes.push_back(
        "it stopped after " + std::to_string(votes_.size()) + " of " + std::to_string(options_.rounds) +
        " rounds: " + (errors_.back() <= 0 ? "a member made no error" : "the next was no better than chance"));
  }
  return s;
}

GradientBoosting::GradientBoosting(const Options& options) : LearnerOf(options, kName, options.base) {
  nn::require_at_least(options.rounds, 1, kName, "rounds");
  if (!(options.lr > 0)) throw Error(kName, "expected lr above 0");
  if (!(options.subsample > 0 && options.subsample <= 1)) throw Error(kName, "expected subsample above 0, at most 1");
  if (base_->learns() == Learns::classes)
    throw Error(kName, "expected a base that learns values, got " + base_->name());
}

/// Mean, log-odds of the second class, or log-shares of the classes.
void GradientBoosting::start(const Examples& e, const std::vector<double>& weight) {
  std::vector<double> first(static_cast<size_t>(scores()), 0.0);
  const double all = std::accumulate(weight.begin(), weight.end(), 0.0);
  if (classes() == 0) {
    const std::vector<double> y = e.y.values();
    for (size_t i = 0; i < y.size(); ++i) first[0] += weight[i] * y[i] / all;
  } else {
    std::vector<double> share(static_cast<size_t>(classes()), 0.0);
    const std::vector<int64_t> y = e.y.ints();
    for (size_t i = 0; i < y.size(); ++i) share[static_cast<size_t>(y[i])] += weight[i] / all;
    for (double& s : share) s = std::clamp(s, 1e-12, 1 - 1e-12);
    if (classes() == 2) first[0] = std::log(share[1] / share[0]);
    for (size_t k = 0; classes() > 2 && k < first.size(); ++k) first[k] = std::log(share[k]);
  }
  initial_ = vector_of(first);
}

namespace {

/// Scores as probabilities of what is predicted: σ of one column, the softmax of several.
Matrix probabilities_of(const Matrix& score) {
  if (score.cols() == 1) return (1 + (-score.array()).exp()).inverse().matrix();
  Matrix p = (score.colwise() - score.rowwise().maxCoeff()).array().exp().matrix();
  const Vector sums = p.rowwise().sum();
  return sums.cwiseInverse().asDiagonal() * p;
}

struct Targets {
  std::vector<double> value, weight;
};

/// What the member for one column of the scores learns.
Targets newton_step(const Matrix& p, int64_t column, const std::vector<int64_t>& y, const std::vector<double>& weight,
                    bool weighted) {
  constexpr double kLeast = 1e-6, kMost = 4;  // as LogitBoost: no step beyond 4
  const auto n = static_cast<size_t>(p.rows());
  const double share = p.cols() > 1 ? static_cast<double>(p.cols() - 1) / static_cast<double>(p.cols()) : 1;
  Targets t{std::vector<double>(n), std::vector<double>(n)};
  for (size_t i = 0; i < n; ++i) {
    const double q = p(static_cast<int64_t>(i), column);
    const double hit = y[i] == (p.cols() > 1 ? column : 1);
    const double curvature = std::max(q * (1 - q), kLeast);
    t.value[i] = weighted ? share * std::clamp((hit - q) / curvature, -kMost, kMost) : hit - q;
    t.weight[i] = weight[i] * (weighted ? curvature : 1);
  }
  return t;
}

double log_loss(const Matrix& p, const std::vector<int64_t>& y, const std::vector<double>& weight) {
  double sum = 0, all = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    const auto r = static_cast<int64_t>(i);
    const double right = p.cols() > 1 ? p(r, y[i]) : y[i] == 1 ? p(r, 0) : 1 - p(r, 0);
    sum -= weight[i] * std::log(std::max(right, 1e-300));
    all += weight[i];
  }
  return sum / all;
}

}  // namespace

void GradientBoosting::do_fit(const Examples& e) {
  members_.clear();
  losses_.clear();
  const int64_t n = e.rows(), columns = scores();
  const std::vector<double> weight = weights_of(e);
  const std::vector<int64_t> y = classes() > 0 ? e.y.ints() : std::vector<int64_t>{};
  start(e, weight);
  Matrix score(n, columns);
  score.rowwise() = view_vector(initial_).transpose();
  std::vector<int64_t> order(static_cast<size_t>(n));
  const auto part =
      static_cast<size_t>(std::max<int64_t>(1, std::llround(options_.subsample * static_cast<double>(n))));
  for (int64_t round = 0; round < options_.rounds; ++round) {
    std::vector<int64_t> rows;
    if (options_.subsample < 1) {
      fill_permutation(static_cast<uint64_t>(options_.seed), static_cast<uint64_t>(round), n, order.data());
      rows.assign(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(part));
      std::sort(rows.begin(), rows.end());
    }
    const Matrix p = classes() > 0 ? probabilities_of(score) : Matrix();
    std::vector<std::unique_ptr<Learner>> fitted(static_cast<size_t>(columns));
    parallel_for(columns, 1, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        Targets t;
        if (classes() > 0) {
          t = newton_step(p, k, y, weight, base_->uses_weights());
        } else {
          const Vector left = view_vector(e.y) - score.col(0);
          t = {{left.begin(), left.end()}, weight};
        }
        Examples task{.x = e.x, .y = vector_of(t.value), .features = e.features};
        if (base_->uses_weights()) task.weight = vector_of(t.weight);
        auto& member = fitted[static_cast<size_t>(k)];
        member = base_->fresh(options_.seed + round * columns + k);
        member->fit(rows.empty() ? task : task.take(rows));
      }
    });
    for (int64_t k = 0; k < columns; ++k) {
      auto& member = fitted[static_cast<size_t>(k)];
      score.col(k) += options_.lr * view_vector(contiguous(member->predict(e.x)));
      members_.push_back(std::move(member));
    }
    losses_.push_back(classes() > 0 ? log_loss(probabilities_of(score), y, weight)
                                    : (view_vector(e.y) - score.col(0)).squaredNorm() / static_cast<double>(n));
  }
}

Tensor GradientBoosting::do_predict(const Tensor& x) const {
  const int64_t columns = scores();
  Matrix score(x.size(0), columns);
  score.rowwise() = view_vector(initial_).transpose();
  for (size_t i = 0; i < members_.size(); ++i) {
    const Tensor said = contiguous(members_[i]->predict(x));
    score.col(static_cast<int64_t>(i) % columns) += options_.lr * view_vector(said);
  }
  if (classes() == 0) return to_tensor(score);
  const Matrix p = probabilities_of(score);
  if (columns > 1) return to_tensor(p);
  Matrix both(p.rows(), 2);
  both << (1 - p.array()).matrix(), p;
  return to_tensor(both);
}

void GradientBoosting::do_save(State& state) const {
  Ensemble::do_save(state);
  state["initial"] = initial_;
  state["losses"] = vector_of(losses_);
}

void GradientBoosting::do_restore(const State& state) {
  Ensemble::do_restore(state);
  initial_ = saved(state, "initial");
  losses_ = saved(state, "losses").values();
}

Summary GradientBoosting::summary() const {
  Summary s;
  s.title = std::to_string(members_.size()) + " times " + options_.base;
  s.columns = {"round", classes() > 0 ? "log-loss" : "mean squared error"};
  for (size_t r = 1; r <= losses_.size(); r = std::max(r + 1, r * 3 / 2)) {
    s.rows.push_back({std::to_string(r), short_number(losses_[r - 1])});
  }
  s.facts = {{"loss of the training rows", losses_.back()}};
  return s;
}

}  // namespace lamina::learners
