#include "lamina/learners/path.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "lamina/core/error.h"
#include "lamina/core/parallel.h"
#include "lamina/learners/linalg_internal.h"
#include "lamina/learners/linear.h"
#include "lamina/recipe/resolver.h"

namespace lamina::learners {

namespace {

/// The alpha from which on all weights are 0; of ridge one that leaves next to nothing of them.
double largest_alpha(const std::string& learner, const Learner& made, const Examples& e) {
  const MatrixView x = view(e.x);
  const Matrix centred = x.rowwise() - x.colwise().mean();
  if (learner == "ridge") return 1000 * centred.squaredNorm() / static_cast<double>(x.cols());
  const VectorView y = view_vector(e.y);
  const double most =
      (centred.transpose() * (y.array() - y.mean()).matrix()).cwiseAbs().maxCoeff() / static_cast<double>(x.rows());
  const double l1_ratio = dynamic_cast<const ElasticNet&>(made).options().l1_ratio;
  if (!(l1_ratio > 0)) throw Error("path", "expected l1_ratio above 0: without it no weight becomes 0").hint("ridge");
  return most / l1_ratio;
}

}  // namespace

RegularisationPath regularisation_path(const recipe::Setting& learner, const Examples& examples, int64_t points) {
  const std::string name = recipe::name_of_section(learner, "learner");
  if (name != "ridge" && name != "lasso" && name != "elastic_net") {
    throw Error("path", "expected ridge, lasso or elastic_net, got " + name);
  }
  nn::require_at_least(points, 2, "path", "points");
  if (examples.has_classes() || !examples.y.defined()) throw Error("path", "expected numbers as the target");
  Examples e = examples;
  e.x = as_f64(e.x), e.y = as_f64(e.y);
  const double most = largest_alpha(name, *make_learner(learner), e);
  if (!(most > 0)) throw Error("path", "no feature has to do with the target: all weights are 0");
  const double decades = name == "ridge" ? 6 : 3;
  RegularisationPath path;
  const auto n = static_cast<size_t>(points);
  path.alpha.resize(n), path.weight.resize(n), path.score.resize(n);
  for (int64_t c = 0; c < e.width(); ++c) path.features.push_back(e.feature_name(c));
  parallel_for(points, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto at = static_cast<size_t>(i);
      path.alpha[at] = most * std::pow(10, -decades * static_cast<double>(i) / static_cast<double>(points - 1));
      recipe::Setting section = learner;
      if (section.kind != recipe::Setting::Kind::map) section = section_from_text(learner.text, learner.origin);
      char text[40];
      std::snprintf(text, sizeof text, "%.17g", path.alpha[at]);
      section.field("alpha") = recipe::Setting::scalar(text, "path");
      const std::unique_ptr<Learner> fitted = make_learner(section);
      fitted->fit(e);
      path.weight[at] = dynamic_cast<const LinearModel&>(*fitted).weight().values();
      path.score[at] = fitted->score(e);
    }
  });
  return path;
}

report::Chart chart_of(const RegularisationPath& path) {
  constexpr size_t kLines = 20;
  report::Chart chart;
  chart.title = "weights as the penalty falls";
  chart.x_label = "log₁₀ alpha";
  std::vector<double> most(path.features.size(), 0);
  for (const auto& weights : path.weight) {
    for (size_t f = 0; f < weights.size(); ++f) most[f] = std::max(most[f], std::abs(weights[f]));
  }
  std::vector<size_t> order(most.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return most[a] > most[b]; });
  for (size_t k = 0; k < order.size() && k < kLines; ++k) {
    report::Series line;
    line.name = path.features[order[k]];
    for (size_t i = 0; i < path.alpha.size(); ++i) {
      line.x.push_back(std::log10(path.alpha[i]));
      line.y.push_back(path.weight[i][order[k]]);
    }
    chart.series.push_back(std::move(line));
  }
  return chart;
}

}  // namespace lamina::learners
