#include "lamina/learners/ensemble.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "lamina/core/error.h"
#include "lamina/core/parallel.h"
#include "lamina/core/philox.h"
#include "lamina/learners/linalg_internal.h"
#include "lamina/learners/splits.h"
#include "lamina/learners/text_internal.h"
#include "lamina/ops/ops.h"

namespace lamina::learners {

void Ensemble::do_save(State& state) const {
  state["members"] = Tensor::from(std::vector<int64_t>{static_cast<int64_t>(members_.size())}, {1});
  for (size_t i = 0; i < members_.size(); ++i) put(state, "members." + std::to_string(i), members_[i]->state());
}

void Ensemble::do_restore(const State& state) {
  members_.clear();
  const auto count = static_cast<size_t>(saved(state, "members").ints().at(0));
  std::vector<State> parts(count);  // in one pass: part() for each would look at all names for each member
  const std::string prefix = "members.";
  for (const auto& [name, tensor] : state) {
    if (!name.starts_with(prefix)) continue;
    const size_t dot = name.find('.', prefix.size());
    if (dot == std::string::npos) continue;
    const auto index = static_cast<size_t>(std::atoll(name.c_str() + prefix.size()));
    if (index < count) parts[index][name.substr(dot + 1)] = tensor;
  }
  for (size_t i = 0; i < count; ++i) {
    members_.push_back(make_member(i));
    members_.back()->restore(parts[i]);
  }
}

void Ensemble::fit_members(std::vector<std::unique_ptr<Learner>> members,
                           const std::function<Examples(size_t)>& examples) {
  parallel_for(static_cast<int64_t>(members.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) members[static_cast<size_t>(i)]->fit(examples(static_cast<size_t>(i)));
  });
  members_ = std::move(members);
}

Tensor Ensemble::shares(const Learner& member, const Tensor& x) const {
  if (classes() == 0 || member.probabilities()) return member.predict(x);
  return one_hot(member.predict_class(x), classes(), DType::f64);
}

EnsembleOfBase::EnsembleOfBase(const char* name, const std::string& base) : base_(make_learner(base)) {
  if (base_->learns() == Learns::nothing) {
    throw Error(name, "expected a base that learns a target, got " + base_->name()).hint("for example tree");
  }
}

EnsembleOfKinds::EnsembleOfKinds(const char* name, const std::vector<std::string>& members) {
  if (members.empty()) throw Error(name, "expected at least one member").hint("for example \"tree depth=3\"");
  for (const std::string& text : members) {
    kinds_.push_back(make_learner(text));
    const Learns one = kinds_.back()->learns();
    if (one == Learns::nothing) throw Error(name, "expected members that learn a target, got " + text);
    if (one == Learns::classes_or_values) continue;
    if (learns_ != Learns::classes_or_values && learns_ != one) {
      throw Error(name, "its members learn classes and values: they have no target in common");
    }
    learns_ = one;
  }
}

bool EnsembleOfKinds::wants_scaled() const {
  return std::any_of(kinds_.begin(), kinds_.end(), [](const auto& m) { return m->wants_scaled(); });
}

bool EnsembleOfKinds::uses_weights() const {
  return std::all_of(kinds_.begin(), kinds_.end(), [](const auto& m) { return m->uses_weights(); });
}

Voting::Voting(const Options& options) : LearnerOf(options, kName, options.members) {
  if (options.voting != "soft" && options.voting != "hard") {
    throw Error(kName, "expected the voting soft or hard, got \"" + options.voting + "\"");
  }
  double all = 0;
  for (const double w : options.weights) {
    if (!(w >= 0)) throw Error(kName, "expected weights of at least 0");
    all += w;
  }
  if (!options.weights.empty() && (options.weights.size() != options.members.size() || !(all > 0))) {
    throw Error(kName, "expected a weight for each of the " + std::to_string(options.members.size()) +
                           " members, not all 0, got " + std::to_string(options.weights.size()));
  }
}

void Voting::do_fit(const Examples& e) {
  std::vector<std::unique_ptr<Learner>> members;
  for (const auto& kind : kinds_) members.push_back(kind->fresh());
  fit_members(std::move(members), [&](size_t) { return e; });
}

Tensor Voting::do_predict(const Tensor& x) const {
  Tensor sum;
  double all = 0;
  for (size_t i = 0; i < members_.size(); ++i) {
    const double weight = options_.weights.empty() ? 1 : options_.weights[i];
    const Tensor one = classes() > 0 && options_.voting == "hard"
                           ? one_hot(members_[i]->predict_class(x), classes(), DType::f64)
                           : shares(*members_[i], x);
    sum = sum.defined() ? sum + one * weight : one * weight;
    all += weight;
  }
  return sum * (1 / all);
}

Summary Voting::summary() const {
  Summary s;
  s.columns = {"member", "weight"};
  for (size_t i = 0; i < options_.members.size(); ++i) {
    s.rows.push_back({options_.members[i], short_number(options_.weights.empty() ? 1 : options_.weights[i])});
  }
  return s;
}

Bagging::Bagging(const Options& options) : LearnerOf(options, kName, options.base) {
  nn::require_at_least(options.members, 1, kName, "members");
  if (!(options.share > 0 && options.share <= 1)) throw Error(kName, "expected a share above 0, at most 1");
}

namespace {

/// Rows for a member; drawn again where they are all of one class.
std::vector<int64_t> draw(const Examples& e, const std::vector<int64_t>& classes, const BaggingOptions& o,
                          int64_t member) {
  constexpr int kTries = 100;
  const int64_t n = e.rows(), count = std::max<int64_t>(1, std::llround(o.share * static_cast<double>(n)));
  Philox random(static_cast<uint64_t>(o.seed), static_cast<uint64_t>(member));
  std::vector<int64_t> rows;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    rows.clear();
    if (o.replacement) {
      for (int64_t i = 0; i < count; ++i) rows.push_back(static_cast<int64_t>(random.below(static_cast<uint64_t>(n))));
    } else {
      rows.resize(static_cast<size_t>(n));
      fill_permutation(random.next_u64(), 0, n, rows.data());
      rows.resize(static_cast<size_t>(count));
    }
    std::sort(rows.begin(), rows.end());
    if (classes.empty()) return rows;
    const auto of = [&](int64_t r) { return classes[static_cast<size_t>(r)]; };
    if (std::any_of(rows.begin(), rows.end(), [&](int64_t r) { return of(r) != of(rows[0]); })) return rows;
  }
  throw Error("bagging",
              "of " + std::to_string(kTries) + " samples of " + std::to_string(count) + " rows all had one class only")
      .hint("a larger share");
}

}  // namespace

void Bagging::do_fit(const Examples& e) {
  const std::vector<int64_t> classes = e.has_classes() ? e.y.ints() : std::vector<int64_t>{};
  std::vector<std::vector<int64_t>> drawn;
  std::vector<std::unique_ptr<Learner>> members;
  for (int64_t i = 0; i < options_.members; ++i) {
    drawn.push_back(draw(e, classes, options_, i));
    members.push_back(base_->fresh(options_.seed + i));
  }
  fit_members(std::move(members), [&](size_t i) { return e.take(drawn[i]); });
  out_of_bag_ = score_out_of_bag(e, drawn);
}

double Bagging::score_out_of_bag(const Examples& e, const std::vector<std::vector<int64_t>>& drawn) {
  const int64_t n = e.rows();
  Matrix sum = Matrix::Zero(n, outputs());
  std::vector<double> votes(static_cast<size_t>(n), 0);
  for (size_t i = 0; i < drawn.size(); ++i) {
    std::vector<int64_t> others;
    for (int64_t r = 0; r < n; ++r) {
      if (!std::binary_search(drawn[i].begin(), drawn[i].end(), r)) others.push_back(r);
    }
    if (others.empty()) continue;
    const Tensor said = contiguous(shares(*members_[i], e.take(others).x));
    const MatrixView rows = view(said);
    for (size_t k = 0; k < others.size(); ++k) {
      sum.row(others[k]) += rows.row(static_cast<int64_t>(k));
      ++votes[static_cast<size_t>(others[k])];
    }
  }
  std::vector<int64_t> judged;
  for (int64_t r = 0; r < n; ++r) {
    if (votes[static_cast<size_t>(r)] > 0) judged.push_back(r);
  }
  seen_by_all_ = n - static_cast<int64_t>(judged.size());
  if (judged.empty()) return std::numeric_limits<double>::quiet_NaN();
  const Examples known = e.take(judged);
  double good = 0, lost = 0, all = 0;
  const std::vector<double> y = cast(known.y, DType::f64).values();
  double mean = 0;
  for (const double v : y) mean += v / static_cast<double>(y.size());
  for (size_t k = 0; k < judged.size(); ++k) {
    Eigen::Index best = 0;
    const int64_t r = judged[k];
    sum.row(r).maxCoeff(&best);
    good += static_cast<double>(best) == y[k];
    const double value = sum(r, 0) / votes[static_cast<size_t>(r)];
    lost += (y[k] - value) * (y[k] - value);
    all += (y[k] - mean) * (y[k] - mean);
  }
  if (classes() > 0) return good / static_cast<double>(y.size());
  return all > 0 ? 1 - lost / all : 0;
}

Tensor Bagging::do_predict(const Tensor& x) const {
  Tensor sum;
  for (const auto& m : members_) sum = sum.defined() ? sum + shares(*m, x) : shares(*m, x);
  return sum * (1 / static_cast<double>(members_.size()));
}

void Bagging::do_save(State& state) const {
  Ensemble::do_save(state);
  state["out_of_bag"] = Tensor::from({out_of_bag_, static_cast<double>(seen_by_all_)}, {2}, DType::f64);
}

void Bagging::do_restore(const State& state) {
  Ensemble::do_restore(state);
  const Tensor& kept = saved(state, "out_of_bag");
  out_of_bag_ = kept.at({0});
  seen_by_all_ = static_cast<int64_t>(kept.at({1}));
}

Summary Bagging::summary() const {
  Summary s;
  s.title = std::to_string(members_.size()) + " times " + options_.base;
  if (std::isnan(out_of_bag_)) return s;
  s.facts = {{std::string("out-of-bag ") + (classes() > 0 ? "accuracy" : "R²"), out_of_bag_}};
  if (seen_by_all_ > 0) {
    s.notes.push_back(std::to_string(seen_by_all_) +
                      " rows were drawn for every member: they have no out-of-bag score");
  }
  return s;
}

RandomForest::RandomForest(const RandomForestOptions& o)
    : Bagging({.base = "tree max_features=" + o.max_features + " depth=" + std::to_string(o.depth) +
                       " min_samples_leaf=" + std::to_string(o.min_samples_leaf),
               .members = o.members,
               .seed = o.seed}),
      own_(o) {}

std::unique_ptr<Learner> RandomForest::fresh(int64_t shift) const {
  RandomForestOptions options = own_;
  options.seed += shift;
  return std::make_unique<RandomForest>(options);
}

Stacking::Stacking(const Options& options) : LearnerOf(options, kName, options.members) {
  nn::require_at_least(options.folds, 2, kName, "folds");
  if (options.meta != "auto") make_meta(true);
}

std::unique_ptr<Learner> Stacking::make_meta(bool classes) const {
  return make_learner(options_.meta != "auto" ? options_.meta : classes ? "softmax" : "ridge");
}

std::vector<std::string> Stacking::meta_features(const std::vector<std::string>& classes) const {
  std::vector<std::string> names;
  for (const std::string& m : options_.members) {
    if (classes.empty()) names.push_back(m);
    for (const std::string& c : classes) names.push_back(m + ": " + c);
  }
  return names;
}

void Stacking::do_fit(const Examples& e) {
  const auto folds =
      k_folds(e.rows(), options_.folds, options_.seed, e.has_classes() ? e.y.ints() : std::vector<int64_t>{});
  const int64_t width = outputs(), kinds = static_cast<int64_t>(kinds_.size()), parts = options_.folds + 1;
  Matrix said(e.rows(), width * kinds);
  std::vector<std::unique_ptr<Learner>> members(kinds_.size());
  parallel_for(kinds * parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t job = begin; job < end; ++job) {
      const auto kind = static_cast<size_t>(job / parts), fold = static_cast<size_t>(job % parts);
      std::unique_ptr<Learner> learner = kinds_[kind]->fresh();
      if (fold == folds.size()) {
        learner->fit(e);
        members[kind] = std::move(learner);
        continue;
      }
      learner->fit(e.take(rest_of(folds[fold], e.rows())));
      const Tensor out = contiguous(shares(*learner, e.take(folds[fold]).x));
      const MatrixView rows = view(out);
      for (size_t i = 0; i < folds[fold].size(); ++i) {
        said.row(folds[fold][i]).segment(static_cast<int64_t>(kind) * width, width) = rows.row(static_cast<int64_t>(i));
      }
    }
  });
  members_ = std::move(members);
  meta_ = make_meta(e.has_classes());
  meta_->fit({.x = to_tensor(said),
              .y = e.y,
              .classes = e.classes,
              .features = meta_features(e.classes),
              .weight = meta_->uses_weights() ? e.weight : Tensor{}});
}

Tensor Stacking::do_predict(const Tensor& x) const {
  Tensors parts;
  for (const auto& m : members_) parts.push_back(shares(*m, x));
  return meta_->predict(concat(parts, 1));
}

void Stacking::do_save(State& state) const {
  Ensemble::do_save(state);
  put(state, "meta_model", meta_->state());
}

void Stacking::do_restore(const State& state) {
  Ensemble::do_restore(state);
  meta_ = make_meta(classes() > 0);
  meta_->restore(part(state, "meta_model"));
}

void Stacking::set_names(const std::vector<std::string>& classes, const std::vector<std::string>& features) {
  Learner::set_names(classes, features);
  meta_->set_names(classes, meta_features(classes));
}

Summary Stacking::summary() const {
  Summary s = meta_->summary();
  s.title = "what " + meta_->name() + " makes of the members";
  return s;
}

}  // namespace lamina::learners
