#include "lamina/learners/linear_classifiers.h"

#include <cmath>

#include "lamina/core/error.h"
#include "lamina/core/philox.h"
#include "lamina/learners/gradient_fit_internal.h"
#include "lamina/learners/linalg_internal.h"
#include "lamina/learners/text_internal.h"
#include "lamina/nn/loss.h"
#include "lamina/nn/param.h"
#include "lamina/ops/ops.h"

namespace lamina::learners {

namespace {

using Facts = std::vector<std::pair<std::string, double>>;

/// Above so many numbers full batches are computed in f32, which leaves six digits of the weights.
constexpr int64_t kLarge = 4'000'000;
/// Up to so many rows the pocket looks at all weights that the perceptron passes.
constexpr int64_t kSmall = 1000;

struct Fitted {
  Tensor weight, bias;
  Facts facts;
};

/// Minimises Σ row losses + ½·alpha·ΣW² over W [outputs, features] and b, both from 0.
template <class Options>
Fitted fit_scores(const std::string& learner, const Examples& e, const Tensor& y, int64_t outputs, const LossFn& loss,
                  const Options& o) {
  check_solver(learner, o.solver, "lbfgs gd sgd");
  if (!(o.alpha >= 0)) throw Error(learner, "expected alpha of at least 0");
  const DType dtype = e.x.numel() > kLarge ? DType::f32 : DType::f64;
  const nn::Param weight(zeros({outputs, e.width()}, dtype)), bias(zeros({outputs}, dtype));
  const double share = o.alpha / 2 / static_cast<double>(e.rows());
  Objective objective{[&](const Tensor& x) { return linear(x, weight, bias); },
                      loss,
                      [&] { return sum(square(weight.value())) * share; },
                      {{"weight", weight.variable()}, {"bias", bias.variable()}}};
  const Tensor x = dtype == e.x.dtype() ? e.x : cast(e.x, dtype);
  const Outcome outcome = descend(learner, objective, x, y.dtype() == DType::i64 ? y : cast(y, dtype), e.weight,
                                  {.solver = o.solver,
                                   .lr = o.lr,
                                   .iterations = o.iterations,
                                   .epochs = o.epochs,
                                   .batch = o.batch,
                                   .tolerance = o.tolerance,
                                   .seed = o.seed});
  return {as_f64(weight.value()),
          as_f64(bias.value()),
          {{"objective, per example", outcome.loss}, {"evaluations", static_cast<double>(outcome.iterations)}}};
}

/// One row per feature, one column per output.
Summary table_of(const Tensor& weight, const Tensor& bias, const std::vector<std::string>& outputs,
                 const std::function<std::string(int64_t)>& feature) {
  Summary s;
  s.columns = {"feature"};
  s.columns.insert(s.columns.end(), outputs.begin(), outputs.end());
  for (int64_t j = 0; j < weight.size(1); ++j) {
    s.rows.push_back({feature(j)});
    for (int64_t k = 0; k < weight.size(0); ++k) s.rows.back().push_back(short_number(weight.at({k, j})));
  }
  s.rows.push_back({"(bias)"});
  for (int64_t k = 0; k < weight.size(0); ++k) s.rows.back().push_back(short_number(bias.at({k})));
  return s;
}

}  // namespace

void LinearClassifier::do_save(State& state) const {
  state["weight"] = weight_;
  state["bias"] = bias_;
}

void LinearClassifier::do_restore(const State& state) {
  weight_ = saved(state, "weight");
  bias_ = saved(state, "bias");
}

Tensor LinearClassifier::do_predict(const Tensor& x) const {
  return to_tensor((view(x) * view(weight_).transpose()).rowwise() + view_vector(bias_).transpose());
}

Summary LinearClassifier::summary() const {
  std::vector<std::string> outputs = class_names();
  for (int64_t k = static_cast<int64_t>(outputs.size()); k < classes(); ++k) {
    outputs.push_back("class " + std::to_string(k));
  }
  Summary s = table_of(weight_, bias_, outputs, [this](int64_t j) { return feature_name(j); });
  s.facts = facts_;
  return s;
}

LogisticRegression::LogisticRegression(const Options& options) : LearnerOf(options) {
  check_solver("logistic", options.solver, "lbfgs gd sgd");
}

void LogisticRegression::do_fit(const Examples& e) {
  if (e.classes.size() != 2) {
    throw Error("logistic", "expected two classes, got " + std::to_string(e.classes.size()))
        .hint("softmax takes any number");
  }
  Fitted f = fit_scores("logistic", e, reshape(cast(e.y, DType::f64), {e.rows(), 1}), 1,
                        loss::bce_with_logits.with({.reduction = loss::Reduction::none}), options_);
  weight_ = f.weight;
  bias_ = f.bias;
  facts_ = f.facts;
}

Tensor LogisticRegression::do_predict(const Tensor& x) const {
  const Tensor logit = LinearClassifier::do_predict(x);
  return concat({sigmoid(neg(logit)), sigmoid(logit)}, 1);
}

Summary LogisticRegression::summary() const {
  Summary s = table_of(weight_, bias_, {"weight"}, [this](int64_t j) { return feature_name(j); });
  if (class_names().size() == 2) s.title = "log-odds of " + class_names()[1] + " against " + class_names()[0];
  s.facts = facts_;
  return s;
}

SoftmaxRegression::SoftmaxRegression(const Options& options) : LearnerOf(options) {
  check_solver("softmax", options.solver, "lbfgs gd sgd");
}

void SoftmaxRegression::do_fit(const Examples& e) {
  Fitted f = fit_scores("softmax", e, e.y, classes(), loss::cross_entropy.with({.reduction = loss::Reduction::none}),
                        options_);
  weight_ = f.weight;
  bias_ = f.bias;
  facts_ = f.facts;
}

Tensor SoftmaxRegression::do_predict(const Tensor& x) const { return softmax(LinearClassifier::do_predict(x), 1); }

Svm::Svm(const Options& options) : LearnerOf(options) {
  check_solver("svm", options.solver, "lbfgs gd sgd");
  if (options.loss != "hinge" && options.loss != "squared_hinge") {
    throw Error("svm", "expected the loss hinge or squared_hinge, got \"" + options.loss + "\"");
  }
}

void Svm::do_fit(const Examples& e) {
  const loss::HingeOptions none{.reduction = loss::Reduction::none};
  const LossFn row_loss =
      options_.loss == "hinge" ? loss::multiclass_hinge.with(none) : loss::squared_multiclass_hinge.with(none);
  Fitted f = fit_scores("svm", e, e.y, classes(), row_loss, options_);
  weight_ = f.weight;
  bias_ = f.bias;
  facts_ = f.facts;
}

Perceptron::Perceptron(const Options& options) : LearnerOf(options) {
  if (options.variant != "plain" && options.variant != "pocket" && options.variant != "averaged") {
    throw Error("perceptron", "expected the variant plain, pocket or averaged, got \"" + options.variant + "\"");
  }
  nn::require_at_least(options.epochs, 1, "perceptron", "epochs");
}

void Perceptron::do_fit(const Examples& e) {
  const int64_t n = e.rows(), d = e.width();
  Matrix x(n, d + 1);  // the last column is the bias's
  x << view(e.x), Vector::Ones(n);
  const std::vector<int64_t> y = e.y.ints();
  Matrix w = Matrix::Zero(classes(), d + 1), sum = w, best = w;
  std::vector<int64_t> order(static_cast<size_t>(n));
  int64_t fewest = n + 1, mistakes = 0, epoch = 0, run = 0, longest = -1;
  const bool pocket = options_.variant == "pocket";
  const auto winner_of = [&](int64_t i) {
    Eigen::Index winner = 0;
    (w * x.row(i).transpose()).maxCoeff(&winner);
    return winner;
  };
  const auto keep_if_best = [&] {
    int64_t now = 0;
    for (int64_t i = 0; i < n && now < fewest; ++i) now += winner_of(i) != y[static_cast<size_t>(i)];
    if (now >= fewest) return;
    fewest = now;
    best = w;
    longest = run;
  };
  // Gallant's ratchet: weights are counted when they are to change, in large tables only after a run of right answers
  // longer than that of the weights kept.
  const auto worth_counting = [&] { return pocket && (n <= kSmall || run > longest); };
  do {
    fill_permutation(static_cast<uint64_t>(options_.seed), static_cast<uint64_t>(epoch), n, order.data());
    mistakes = 0;
    for (const int64_t i : order) {
      const int64_t winner = winner_of(i), right = y[static_cast<size_t>(i)];
      if (winner == right) {
        ++run;
      } else {
        if (worth_counting()) keep_if_best();
        ++mistakes;
        w.row(right) += x.row(i);
        w.row(winner) -= x.row(i);
        run = 0;
      }
      if (options_.variant == "averaged") sum += w;
    }
    ++epoch;
  } while (mistakes > 0 && epoch < options_.epochs);
  if (pocket) keep_if_best();
  if (pocket) w = best;
  if (options_.variant == "averaged") w = sum / static_cast<double>(n * epoch);
  weight_ = to_tensor(w.leftCols(d));
  bias_ = to_vector_tensor(w.col(d));
  facts_ = {{"epochs", static_cast<double>(epoch)}, {"mistakes of the last epoch", static_cast<double>(mistakes)}};
  if (pocket) facts_.emplace_back("mistakes of the weights kept", static_cast<double>(fewest));
}

Summary Perceptron::summary() const {
  Summary s = LinearClassifier::summary();
  if (!facts_.empty() && facts_[1].second > 0) {
    s.notes.push_back("no weights without a mistake were found: the classes may not be linearly separable");
  }
  return s;
}

Adaline::Adaline(const Options& options) : LearnerOf(options) {}

void Adaline::do_fit(const Examples& e) {
  struct {
    double alpha = 0, lr, tolerance = 0;
    std::string solver = "sgd";
    int64_t iterations = 1, epochs, batch = 1, seed;
  } o{.lr = options_.lr, .epochs = options_.epochs, .seed = options_.seed};
  const Tensor targets = one_hot(e.y, classes(), DType::f64) * 2.0 - 1.0;
  Fitted f = fit_scores(
      "adaline", e, targets, classes(), [](const Tensor& p, const Tensor& t) { return square(p - t) * 0.5; }, o);
  weight_ = f.weight;
  bias_ = f.bias;
}

}  // namespace lamina::learners
