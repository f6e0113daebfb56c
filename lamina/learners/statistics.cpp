#include <algorithm>
#include <cmath>

#include "lamina/learners/linalg_internal.h"
#include "lamina/learners/statistics_internal.h"

namespace lamina::learners {

double quantile(const std::vector<double>& values, double q) {
  const double at = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (at - static_cast<double>(below)) * (values[above] - values[below]);
}

double mean_of(const std::vector<double>& v) {
  double sum = 0;
  for (const double x : v) sum += x;
  return sum / static_cast<double>(v.size());
}

double variance_of(const std::vector<double>& v) {
  const double m = mean_of(v);
  double sum = 0;
  for (const double x : v) sum += (x - m) * (x - m);
  return sum / static_cast<double>(v.size());
}

double mode_of(const std::vector<double>& values) {
  size_t most = 0, run = 0;
  double best = values.front();
  for (size_t i = 0; i < values.size(); ++i) {
    run = i > 0 && values[i] == values[i - 1] ? run + 1 : 1;
    if (run > most) most = run, best = values[i];
  }
  return best;
}

double yeo_johnson(double x, double lambda) {
  if (x >= 0) return std::abs(lambda) < 1e-12 ? std::log1p(x) : (std::pow(x + 1, lambda) - 1) / lambda;
  const double other = 2 - lambda;
  return std::abs(other) < 1e-12 ? -std::log1p(-x) : -(std::pow(1 - x, other) - 1) / other;
}

double box_cox(double x, double lambda) {
  return std::abs(lambda) < 1e-12 ? std::log(x) : (std::pow(x, lambda) - 1) / lambda;
}

double best_lambda(const std::vector<double>& values, bool positive) {
  double jacobian = 0;
  for (const double x : values) jacobian += positive ? std::log(x) : std::copysign(std::log1p(std::abs(x)), x);
  const auto cost = [&](double lambda) {
    std::vector<double> moved;
    moved.reserve(values.size());
    for (const double x : values) moved.push_back(positive ? box_cox(x, lambda) : yeo_johnson(x, lambda));
    const double v = variance_of(moved);
    if (!(v > 0)) return 1e300;
    return static_cast<double>(values.size()) / 2 * std::log(v) - (lambda - 1) * jacobian;
  };
  const double golden = (std::sqrt(5.0) - 1) / 2;  // golden-section search
  double low = -5, high = 5, a = high - golden * (high - low), b = low + golden * (high - low);
  double ca = cost(a), cb = cost(b);
  for (int i = 0; i < 60; ++i) {
    if (ca < cb) {
      high = b, b = a, cb = ca;
      ca = cost(a = high - golden * (high - low));
    } else {
      low = a, a = b, ca = cb;
      cb = cost(b = low + golden * (high - low));
    }
  }
  return (low + high) / 2;
}

std::vector<double> f_statistics(const Tensor& x, const Tensor& y, int64_t classes) {
  const MatrixView rows = view(x);
  const int64_t n = rows.rows(), d = rows.cols();
  const Vector mean = rows.colwise().mean();
  const Matrix centred = rows.rowwise() - mean.transpose();
  const Vector all = centred.colwise().squaredNorm();
  Vector explained(d);
  double between = 1, within = static_cast<double>(n - 2);  // degrees of freedom
  if (classes > 0) {
    Matrix sums = Matrix::Zero(classes, d);
    std::vector<double> count(static_cast<size_t>(classes), 0);
    const std::vector<int64_t> id = y.ints();
    for (int64_t r = 0; r < n; ++r) {
      sums.row(id[static_cast<size_t>(r)]) += centred.row(r);
      ++count[static_cast<size_t>(id[static_cast<size_t>(r)])];
    }
    explained.setZero();
    int64_t present = 0;
    for (int64_t k = 0; k < classes; ++k) {
      const double c = count[static_cast<size_t>(k)];
      if (c == 0) continue;
      ++present;
      explained += (sums.row(k).array().square() / c).matrix().transpose();
    }
    between = static_cast<double>(std::max<int64_t>(1, present - 1));
    within = static_cast<double>(n - present);
  } else {
    const VectorView t = view_vector(y);
    const Vector along = (t.array() - t.mean()).matrix();
    const double square = std::max(along.squaredNorm(), 1e-300);
    explained = (centred.transpose() * along).array().square() / square;
  }
  std::vector<double> f(static_cast<size_t>(d), 0);
  for (int64_t c = 0; c < d; ++c) {
    if (!(all[c] > 0) || within <= 0) continue;
    const double left = std::max(all[c] - explained[c], 1e-300);
    f[static_cast<size_t>(c)] = explained[c] / between / (left / within);
  }
  return f;
}

}  // namespace lamina::learners
