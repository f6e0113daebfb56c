#include "lamina/learners/pca.h"

#include <cmath>

#include "lamina/core/error.h"
#include "lamina/learners/linalg_internal.h"
#include "lamina/learners/text_internal.h"

namespace lamina::learners {

Pca::Pca(const Options& options) : LearnerOf(options) {
  nn::require_at_least(options.components, 0, "pca", "components");
}

void Pca::do_fit(const Examples& examples) {
  const MatrixView x = view(examples.x);
  const int64_t n = x.rows(), d = x.cols(), most = std::min(n - 1, d);
  if (n < 2) throw Error("pca", "expected at least 2 examples, got " + std::to_string(n));
  const int64_t k = options_.components == 0 ? most : options_.components;
  if (k > most) {
    throw Error("pca", "expected at most " + std::to_string(most) + " components for " + std::to_string(n) +
                           " examples of " + std::to_string(d) + " features, got " + std::to_string(k));
  }
  const Vector mean = x.colwise().mean();
  const Matrix centred = x.rowwise() - mean.transpose();
  const MatrixView c(centred.data(), n, d);
  const double degrees = static_cast<double>(n - 1), total = centred.squaredNorm() / degrees;
  const bool wide = d > n;
  const Matrix products = wide ? Matrix(centred * centred.transpose()) : gram(c);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(products / degrees);
  Matrix directions(k, d);
  Vector variances(k);
  for (int64_t i = 0; i < k; ++i) {
    const int64_t from = products.rows() - 1 - i;  // eigenvalues come in ascending order
    const Vector v = solver.eigenvectors().col(from);
    Vector direction = wide ? Vector(centred.transpose() * v) : v;
    const double length = direction.norm();
    if (length > 0) direction /= length;
    Eigen::Index largest = 0;
    direction.cwiseAbs().maxCoeff(&largest);
    directions.row(i) = direction[largest] < 0 ? -direction : direction;
    variances[i] = std::max(0.0, solver.eigenvalues()[from]);
  }
  components_ = to_tensor(directions);
  mean_ = to_vector_tensor(mean);
  variances_ = to_vector_tensor(variances);
  shares_ = to_vector_tensor(total > 0 ? Vector(variances / total) : Vector::Zero(k));
}

Tensor Pca::do_predict(const Tensor& x) const {
  Matrix codes = (view(x).rowwise() - view_vector(mean_).transpose()) * view(components_).transpose();
  if (options_.whiten) codes *= view_vector(variances_).cwiseMax(1e-300).cwiseSqrt().cwiseInverse().asDiagonal();
  return to_tensor(codes);
}

Tensor Pca::reconstruct(const Tensor& codes) const {
  const Tensor rows = as_f64(codes);
  Matrix c = view(rows);
  if (c.cols() != components_.size(0)) {
    throw Error("pca",
                "expected codes of " + std::to_string(components_.size(0)) + " numbers, got " + codes.meta().str());
  }
  if (options_.whiten) c *= view_vector(variances_).cwiseSqrt().asDiagonal();
  return to_tensor((c * view(components_)).rowwise() + view_vector(mean_).transpose());
}

double Pca::do_score(const Examples& examples) const {
  const MatrixView x = view(examples.x);
  const Tensor back = reconstruct(do_predict(examples.x));
  const double all = (x.rowwise() - x.colwise().mean()).squaredNorm();
  const double lost = (x - view(back)).squaredNorm();
  return all > 0 ? 1 - lost / all : 1;
}

void Pca::do_save(State& state) const {
  state["components"] = components_;
  state["mean"] = mean_;
  state["variances"] = variances_;
  state["shares"] = shares_;
}

void Pca::do_restore(const State& state) {
  components_ = saved(state, "components");
  mean_ = saved(state, "mean");
  variances_ = saved(state, "variances");
  shares_ = saved(state, "shares");
}

Summary Pca::summary() const {
  Summary s;
  s.columns = {"component", "variance", "share", "together"};
  for (int64_t c = 0; c < width(); ++c) s.columns.push_back(feature_name(c));
  double together = 0;
  for (int64_t k = 0; k < components_.size(0); ++k) {
    together += shares_.at({k});
    std::vector<std::string> row{std::to_string(k + 1), short_number(variances_.at({k})), short_number(shares_.at({k})),
                                 short_number(together)};
    for (int64_t c = 0; c < width(); ++c) row.push_back(short_number(components_.at({k, c})));
    s.rows.push_back(std::move(row));
  }
  return s;
}

}  // namespace lamina::learners
