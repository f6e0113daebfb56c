#include "lamina/learners/linear.h"

#include <algorithm>
#include <cmath>

#include "lamina/core/error.h"
#include "lamina/learners/gradient_fit_internal.h"
#include "lamina/learners/linalg_internal.h"
#include "lamina/learners/text_internal.h"
#include "lamina/nn/param.h"
#include "lamina/ops/ops.h"

namespace lamina::learners {

namespace {

/// Rows moved to mean 0 and multiplied by √weight, so that least squares has no bias left.
struct Centred {
  Matrix x;
  Vector y, mean;
  double y_mean = 0;
};

Centred centred(const Examples& e) {
  const MatrixView x = view(e.x);
  const VectorView y = view_vector(e.y);
  Centred c;
  if (!e.weight.defined()) {
    c.mean = x.colwise().mean();
    c.y_mean = y.mean();
    c.x = x.rowwise() - c.mean.transpose();
    c.y = y.array() - c.y_mean;
    return c;
  }
  const Tensor weight = as_f64(e.weight);
  const VectorView w = view_vector(weight);
  c.mean = x.transpose() * w / w.sum();
  c.y_mean = y.dot(w) / w.sum();
  const Vector root = w.cwiseSqrt();
  c.x = root.asDiagonal() * (x.rowwise() - c.mean.transpose()).eval();
  c.y = root.cwiseProduct((y.array() - c.y_mean).matrix());
  return c;
}

double variance_of(const Vector& residual, int64_t parameters) {
  return residual.squaredNorm() / static_cast<double>(std::max<int64_t>(1, residual.size() - parameters));
}

/// "y = 2.5·sugars + 90" for up to six features.
std::string equation(const Tensor& weight, double bias, const std::function<std::string(int64_t)>& feature) {
  if (weight.numel() > 6) return "";
  std::string text = short_number(bias);
  for (int64_t j = 0; j < weight.numel(); ++j) {
    const double w = weight.at({j});
    text += (w < 0 ? " − " : " + ") + short_number(std::abs(w)) + "·" + feature(j);
  }
  return text;
}

Summary table_of(const Tensor& weight, double bias, const std::vector<double>& errors,
                 const std::function<std::string(int64_t)>& feature) {
  Summary s;
  s.title = equation(weight, bias, feature);
  s.columns = {"feature", "weight"};
  if (!errors.empty()) s.columns.push_back("standard error");
  for (int64_t j = 0; j < weight.numel(); ++j) {
    s.rows.push_back({feature(j), short_number(weight.at({j}))});
    if (!errors.empty()) s.rows.back().push_back(short_number(errors[static_cast<size_t>(j)]));
  }
  s.rows.push_back({"(bias)", short_number(bias)});
  if (!errors.empty()) s.rows.back().push_back("");
  return s;
}

/// One sweep after the other over the weights that may change.
struct CoordinateDescent {
  const Eigen::MatrixXd& x;  // centred, by column
  Vector squares;            // Σx² of each
  double l1, l2;             // both times n
  Vector weight, residual;

  double update(int64_t j) {
    if (squares[j] <= 0) return 0;
    const double old = weight[j], along = x.col(j).dot(residual) + squares[j] * old;
    const double next = std::copysign(std::max(std::abs(along) - l1, 0.0), along) / (squares[j] + l2);
    if (next != old) residual -= (next - old) * x.col(j);
    weight[j] = next;
    return std::abs(next - old);
  }

  /// Full sweeps find the weights that move; sweeps over those follow until they rest.
  int64_t run(double tolerance, int64_t most) {
    int64_t sweeps = 0;
    while (sweeps < most) {
      double moved = 0;
      std::vector<int64_t> active;
      for (int64_t j = 0; j < x.cols(); ++j) {
        moved = std::max(moved, update(j));
        if (weight[j] != 0) active.push_back(j);
      }
      ++sweeps;
      if (moved <= tolerance * std::max(1e-300, weight.cwiseAbs().maxCoeff())) return sweeps;
      for (double inner = moved; sweeps < most && inner > tolerance * weight.cwiseAbs().maxCoeff(); ++sweeps) {
        inner = 0;
        for (const int64_t j : active) inner = std::max(inner, update(j));
      }
    }
    return sweeps;
  }
};

}  // namespace

void LinearModel::do_save(State& state) const {
  state["weight"] = weight_;
  state["bias"] = Tensor::from({bias_}, {1}, DType::f64);
}

void LinearModel::do_restore(const State& state) {
  weight_ = saved(state, "weight");
  bias_ = saved(state, "bias").item();
}

Tensor LinearModel::do_predict(const Tensor& x) const {
  return to_tensor((view(x) * view_vector(weight_)).array() + bias_);
}

LinearRegression::LinearRegression(const Options& options) : LearnerOf(options) {
  check_solver("linear", options.solver, "closed gd sgd lms lbfgs");
}

void LinearRegression::do_fit(const Examples& examples) {
  collinear_.clear();
  errors_.clear();
  options_.solver == "closed" ? fit_closed(examples) : fit_descent(examples);
}

void LinearRegression::fit_closed(const Examples& e) {
  const Centred c = centred(e);
  const int64_t n = c.x.rows(), d = c.x.cols();
  Vector scale = c.x.colwise().norm();
  for (int64_t j = 0; j < d; ++j) {
    // A column that varies by rounding alone is constant: the bias explains it already.
    const bool constant = scale[j] <= 1e-13 * std::sqrt(static_cast<double>(n)) * std::abs(c.mean[j]) || scale[j] == 0;
    if (constant) collinear_.push_back("\"" + feature_name(j) + "\" is constant");
    scale[j] = constant ? 0 : 1 / scale[j];
  }
  Eigen::ColPivHouseholderQR<Eigen::MatrixXd> qr(d, d);
  const Eigen::MatrixXd unit = c.x * scale.asDiagonal();
  qr.setThreshold(1e-10);
  qr.compute(unit);
  const int64_t rank = qr.rank();
  const auto& order = qr.colsPermutation().indices();
  const Eigen::MatrixXd r = qr.matrixR().topRows(std::min(n, d));
  for (int64_t k = rank; k < d; ++k) {
    const int64_t column = order[k];
    if (scale[column] == 0) continue;
    const Vector mix = r.topLeftCorner(rank, rank).triangularView<Eigen::Upper>().solve(r.col(k).head(rank));
    std::string text = "\"" + feature_name(column) + "\" is determined by";
    int64_t named = 0;
    for (int64_t i = 0; i < rank; ++i) {
      if (std::abs(mix[i]) < 1e-7 || ++named > 5) continue;
      text += std::string(named > 1 ? "," : "") + " \"" + feature_name(order[i]) + "\"";
    }
    collinear_.push_back(text + (named > 5 ? " and " + std::to_string(named - 5) + " more" : ""));
  }
  Vector w;
  if (rank == d) {
    w = scale.asDiagonal() * Vector(qr.solve(c.y));
    if (n > d + 1) {
      const double variance = variance_of(c.y - c.x * w, d + 1);
      const Eigen::MatrixXd inverse =
          r.topLeftCorner(d, d).triangularView<Eigen::Upper>().solve(Eigen::MatrixXd::Identity(d, d));
      errors_.resize(static_cast<size_t>(d));
      for (int64_t k = 0; k < d; ++k) {
        errors_[static_cast<size_t>(order[k])] = std::sqrt(variance) * inverse.row(k).norm() * scale[order[k]];
      }
    }
  } else {
    Eigen::CompleteOrthogonalDecomposition<Eigen::MatrixXd> complete(n, d);
    complete.setThreshold(1e-10);
    const Eigen::MatrixXd raw = c.x * (scale.array() > 0).cast<double>().matrix().asDiagonal();
    w = complete.compute(raw).solve(c.y);
  }
  weight_ = to_vector_tensor(w);
  bias_ = c.y_mean - c.mean.dot(w);
}

void LinearRegression::fit_descent(const Examples& e) {
  const nn::Param weight(zeros({1, e.width()}, DType::f64)), bias(zeros({1}, DType::f64));
  const bool one = options_.solver == "lms";
  const Objective objective{[&](const Tensor& x) { return linear(x, weight, bias); },
                            [](const Tensor& p, const Tensor& t) { return square(p - t) * 0.5; },
                            {},
                            {{"weight", weight.variable()}, {"bias", bias.variable()}}};
  descend("linear", objective, e.x, reshape(e.y, {e.rows(), 1}), e.weight,
          {.solver = one ? "sgd" : options_.solver,
           .lr = options_.lr,
           .iterations = options_.iterations,
           .epochs = options_.epochs,
           .batch = one ? 1 : options_.batch,
           .tolerance = options_.tolerance,
           .seed = options_.seed});
  weight_ = contiguous(reshape(weight.value(), {e.width()}));
  bias_ = bias.value().item();
}

Summary LinearRegression::summary() const {
  Summary s = table_of(weight_, bias_, errors_, [this](int64_t j) { return feature_name(j); });
  for (const std::string& c : collinear_) s.notes.push_back(c);
  if (!collinear_.empty()) {
    s.notes.push_back(
        "the columns do not determine the weights: of all solutions this is the one with the smallest Σw²");
  }
  return s;
}

Ridge::Ridge(const Options& options) : LearnerOf(options) {
  if (!(options.alpha >= 0)) throw Error("ridge", "expected alpha of at least 0");
}

void Ridge::do_fit(const Examples& e) {
  const Centred c = centred(e);
  const int64_t n = c.x.rows(), d = c.x.cols();
  Vector w;
  if (d <= n) {
    Matrix products = gram(MatrixView(c.x.data(), n, d));
    products.diagonal().array() += options_.alpha;
    w = Eigen::LDLT<Eigen::MatrixXd>(products).solve(c.x.transpose() * c.y);
  } else {  // w = Xᵀ(XXᵀ + alpha)⁻¹y, of the size of the examples
    Eigen::MatrixXd products = c.x * c.x.transpose();
    products.diagonal().array() += options_.alpha;
    w = c.x.transpose() * Eigen::LDLT<Eigen::MatrixXd>(products).solve(c.y);
  }
  if (!w.allFinite()) {
    throw Error("ridge", "the columns are collinear, and alpha 0 does not choose among the solutions")
        .hint("alpha above 0, or the learner linear, which names the columns");
  }
  residual_variance_ = variance_of(c.y - c.x * w, d + 1);
  weight_ = to_vector_tensor(w);
  bias_ = c.y_mean - c.mean.dot(w);
}

Summary Ridge::summary() const {
  Summary s = table_of(weight_, bias_, {}, [this](int64_t j) { return feature_name(j); });
  if (options_.alpha > 0 && residual_variance_ > 0) {
    s.notes.push_back("as the most likely weights: a Gaussian prior of standard deviation " +
                      short_number(std::sqrt(residual_variance_ / options_.alpha)) +
                      " (√(σ²/alpha), σ² = " + short_number(residual_variance_) + " from the residuals)");
  }
  return s;
}

ElasticNet::ElasticNet(const Options& options) : LearnerOf(options) {
  if (!(options.alpha >= 0)) throw Error("elastic_net", "expected alpha of at least 0");
  if (!(options.l1_ratio >= 0 && options.l1_ratio <= 1)) throw Error("elastic_net", "expected l1_ratio from 0 to 1");
}

void ElasticNet::do_fit(const Examples& e) {
  const Centred c = centred({.x = e.x, .y = e.y});
  const Eigen::MatrixXd x = c.x;
  rows_ = x.rows();
  const double n = static_cast<double>(rows_);
  CoordinateDescent descent{x,
                            x.colwise().squaredNorm(),
                            n * options_.alpha * options_.l1_ratio,
                            n * options_.alpha * (1 - options_.l1_ratio),
                            Vector::Zero(x.cols()),
                            c.y};
  sweeps_ = descent.run(options_.tolerance, options_.iterations);
  residual_variance_ = variance_of(descent.residual, (descent.weight.array() != 0).count() + 1);
  weight_ = to_vector_tensor(descent.weight);
  bias_ = c.y_mean - c.mean.dot(descent.weight);
}

Summary ElasticNet::summary() const {
  Summary s = table_of(weight_, bias_, {}, [this](int64_t j) { return feature_name(j); });
  int64_t zeros = 0;
  for (const double w : weight_.values()) zeros += w == 0;
  s.facts = {{"weights that are 0", static_cast<double>(zeros)}, {"sweeps", static_cast<double>(sweeps_)}};
  const double n = static_cast<double>(rows_), l1 = options_.alpha * options_.l1_ratio, l2 = options_.alpha - l1;
  if (l1 > 0 && residual_variance_ > 0) {
    s.notes.push_back("as the most likely weights: a Laplace prior of scale " +
                      short_number(residual_variance_ / (n * l1)) + " (σ²/(n·alpha·l1_ratio))");
  }
  if (l2 > 0 && residual_variance_ > 0) {
    s.notes.push_back("and a Gaussian prior of standard deviation " +
                      short_number(std::sqrt(residual_variance_ / (n * l2))) + " (√(σ²/(n·alpha·(1 − l1_ratio))))");
  }
  return s;
}

Lasso::Lasso(const LassoOptions& options)
    : ElasticNet(
          {.alpha = options.alpha, .l1_ratio = 1, .tolerance = options.tolerance, .iterations = options.iterations}),
      own_(options) {}

}  // namespace lamina::learners
