#include "lamina/inspect/curvature.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "lamina/core/error.h"
#include "lamina/engine/grad.h"
#include "lamina/engine/tape.h"
#include "lamina/ops/derivatives.h"

namespace lamina::inspect {

namespace {

Convexity convexity_of(const std::vector<double>& eigenvalues, double zero) {
  const auto up = std::count_if(eigenvalues.begin(), eigenvalues.end(), [&](double e) { return e > zero; });
  const auto down = std::count_if(eigenvalues.begin(), eigenvalues.end(), [&](double e) { return e < -zero; });
  const auto all = static_cast<std::ptrdiff_t>(eigenvalues.size());
  if (up > 0 && down > 0) return Convexity::neither;
  if (up > 0) return up == all ? Convexity::strictly_convex : Convexity::convex;
  if (down > 0) return down == all ? Convexity::strictly_concave : Convexity::concave;
  return Convexity::flat;
}

Stationary kind_of(Convexity convexity) {
  switch (convexity) {
    case Convexity::strictly_convex:
      return Stationary::minimum;
    case Convexity::strictly_concave:
      return Stationary::maximum;
    case Convexity::neither:
      return Stationary::saddle;
    default:
      return Stationary::undetermined;
  }
}

}  // namespace

Curvature curvature(const std::function<Tensor(const Tensor&)>& f, const std::vector<double>& at, double tolerance) {
  const NoGrad on(true);
  const auto n = static_cast<int64_t>(at.size());
  if (n == 0) throw Error("curvature", "the function has no variables");
  const Tensor x = Tensor::from(at, {n}, DType::f64);
  Curvature c;
  c.value = f(x).item();
  c.gradient = grad([&](const Tensors& in) { return f(in[0]); }, {x})[0].values();
  const std::vector<double> h = hessian(f, x).values();
  const auto finite = [](double v) { return std::isfinite(v); };
  if (!std::all_of(c.gradient.begin(), c.gradient.end(), finite) || !std::all_of(h.begin(), h.end(), finite)) {
    throw Error("curvature", "a derivative is not finite at this point").hint("choose another point");
  }
  Eigen::MatrixXd matrix(n, n);
  Eigen::VectorXd g(n);
  for (int64_t i = 0; i < n; ++i) {
    g(i) = c.gradient[static_cast<size_t>(i)];
    for (int64_t k = 0; k < n; ++k)
      matrix(i, k) = (h[static_cast<size_t>(i * n + k)] + h[static_cast<size_t>(k * n + i)]) / 2;
    const auto row = h.begin() + i * n;
    c.hessian.emplace_back(row, row + n);
  }
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(matrix);
  const double largest = std::max(1.0, matrix.cwiseAbs().maxCoeff());
  const auto rounded = [](double v, double scale) { return std::abs(v) < 1e-14 * scale ? 0 : v; };
  for (int64_t i = 0; i < n; ++i) {
    c.eigenvalues.push_back(rounded(solver.eigenvalues()(i), largest));
    std::vector<double> direction;
    for (int64_t k = 0; k < n; ++k) direction.push_back(rounded(solver.eigenvectors()(k, i), 1));
    c.directions.push_back(std::move(direction));
  }
  const double slope = g.norm();
  if (slope > 0) c.along_gradient = g.dot(matrix * g) / (slope * slope);
  c.graph = matrix.determinant() / std::pow(1 + slope * slope, (static_cast<double>(n) + 2) / 2);
  c.convexity = convexity_of(c.eigenvalues, tolerance * largest);
  c.stationary = slope > tolerance ? Stationary::no : kind_of(c.convexity);
  return c;
}

std::string text_of(Convexity convexity) {
  switch (convexity) {
    case Convexity::strictly_convex:
      return "strictly convex: the Hessian is positive definite";
    case Convexity::convex:
      return "convex, and flat in some direction: the Hessian is positive semidefinite";
    case Convexity::flat:
      return "flat: the Hessian is zero";
    case Convexity::concave:
      return "concave, and flat in some direction: the Hessian is negative semidefinite";
    case Convexity::strictly_concave:
      return "strictly concave: the Hessian is negative definite";
    default:
      return "neither convex nor concave: the Hessian is indefinite";
  }
}

std::string text_of(Stationary stationary) {
  switch (stationary) {
    case Stationary::no:
      return "no stationary point: the gradient is not zero";
    case Stationary::minimum:
      return "a strict local minimum";
    case Stationary::maximum:
      return "a strict local maximum";
    case Stationary::saddle:
      return "a saddle point";
    default:
      return "a stationary point that second derivatives do not classify";
  }
}

}  // namespace lamina::inspect
