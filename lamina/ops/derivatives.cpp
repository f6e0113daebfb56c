#include "lamina/ops/derivatives.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "lamina/core/error.h"
#include "lamina/core/philox.h"
#include "lamina/engine/tape.h"
#include "lamina/ops/create.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/pointwise.h"
#include "lamina/ops/reduce.h"

namespace lamina {

namespace {

/// Row i of the identity, in the shape of y.
Tensor basis(const Tensor& y, int64_t i) {
  std::vector<double> values(static_cast<size_t>(y.numel()), 0.0);
  values[static_cast<size_t>(i)] = 1;
  return Tensor::from(values, y.shape(), y.dtype());
}

Tensor or_zeros(const Tensor& g, const Tensor& like) { return g.defined() ? g : zeros_like(like); }

Tensor inner_product(const Tensors& a, const Tensors& b) {
  Tensor total = sum(a[0] * b[0]);
  for (size_t i = 1; i < a.size(); ++i) total = total + sum(a[i] * b[i]);
  return total;
}

}  // namespace

Tensor jvp(const TensorFn& f, const Tensors& xs, const Tensors& tangents) {
  // vᵀJ is linear in v, so its own pull-back along the tangents is J·t.
  const NoGrad on(true);
  Tensors inner;
  for (const Tensor& x : xs) inner.push_back(tracked(x));
  const Tensor y = f(inner);
  const Tensor v = tracked(zeros_like(y));
  Tensors rows = pull_back({y}, {v}, inner, true), along = tangents;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].defined()) along[i] = Tensor();
    rows[i] = or_zeros(rows[i], xs[i]);
  }
  return or_zeros(pull_back(rows, along, {v}, false)[0], y);
}

Tensor jacobian(const std::function<Tensor(const Tensor&)>& f, const Tensor& x) {
  const bool differentiable = grad_enabled();
  const NoGrad on(true);
  const Tensor inner = is_tracked(x) ? reshape(x, x.shape()) : tracked(x);
  const Tensor y = f(inner);
  Tensors rows;
  for (int64_t i = 0; i < y.numel(); ++i) {
    rows.push_back(reshape(or_zeros(pull_back({y}, {basis(y, i)}, {inner}, differentiable)[0], x), {x.numel()}));
  }
  return rows.empty() ? zeros({0, x.numel()}, x.dtype()) : stack(rows);
}

Tensor hessian(const std::function<Tensor(const Tensor&)>& f, const Tensor& x) {
  return jacobian([&](const Tensor& at) { return grad([&](const Tensors& in) { return f(in[0]); }, {at})[0]; }, x);
}

Tensor hvp(const std::function<Tensor(const Tensor&)>& f, const Tensor& x, const Tensor& v) {
  const NoGrad on(true);
  const auto directional = [&](const Tensors& at) {
    return sum(grad([&](const Tensors& in) { return f(in[0]); }, at)[0] * v);
  };
  return grad(directional, {x})[0];
}

namespace {

class GradientChecker {
 public:
  GradientChecker(const TensorFn& f, const Tensors& xs, const GradientCheckOptions& options)
      : f_(f), xs_(xs), options_(options) {}

  GradientCheck run() {
    const Tensor y = f_(xs_);
    weights_ = Tensor();
    if (y.numel() != 1) {
      Philox random(17);
      std::vector<double> w(static_cast<size_t>(y.numel()));
      for (double& v : w) v = random.uniform(0.5, 1.5);
      weights_ = Tensor::from(w, y.shape(), y.dtype());
    }
    const Tensors analytic = grad([this](const Tensors& in) { return contracted(in); }, xs_);
    for (size_t i = 0; i < xs_.size(); ++i) compare(i, analytic[i].values());
    return result_;
  }

 private:
  Tensor contracted(const Tensors& in) const {
    const Tensor y = f_(in);
    return weights_.defined() ? sum(y * weights_) : sum(y);
  }

  double value_with(size_t input, int64_t element, double shift) const {
    Tensors moved = xs_;
    std::vector<double> values = xs_[input].values();
    values[static_cast<size_t>(element)] += shift;
    moved[input] = Tensor::from(values, xs_[input].shape(), xs_[input].dtype());
    return contracted(moved).item();
  }

  void compare(size_t input, const std::vector<double>& analytic) {
    const auto n = static_cast<int64_t>(analytic.size());
    const int64_t stride = std::max<int64_t>(1, n / options_.max_elements);
    for (int64_t e = 0; e < n; e += stride) {
      const double h = options_.step;
      const double numeric = (value_with(input, e, h) - value_with(input, e, -h)) / (2 * h);
      const double error =
          std::abs(analytic[static_cast<size_t>(e)] - numeric) / (options_.atol + options_.rtol * std::abs(numeric));
      const bool bad = !(error <= 1);
      if (bad && result_.ok) {
        char text[256];
        std::snprintf(text, sizeof text, "input %zu %s, element %lld: analytic %.9g, finite difference %.9g", input,
                      xs_[input].meta().str().c_str(), static_cast<long long>(e), analytic[static_cast<size_t>(e)],
                      numeric);
        result_.report = text;
      }
      result_.ok = result_.ok && !bad;
      result_.worst_error = std::max(result_.worst_error, std::isnan(error) ? INFINITY : error);
    }
  }

  const TensorFn& f_;
  const Tensors& xs_;
  GradientCheckOptions options_;
  Tensor weights_;
  GradientCheck result_;
};

}  // namespace

GradientCheck check_gradients(const TensorFn& f, const Tensors& xs, const GradientCheckOptions& options) {
  for (const Tensor& x : xs) {
    if (!is_floating(x.dtype())) {
      throw Error("check_gradients", "inputs must be floating-point, got " + x.meta().str());
    }
  }
  if (!options.second_order) return GradientChecker(f, xs, options).run();
  const TensorFn first = [&](const Tensors& in) {
    // The gradients, contracted with a fixed smooth function of the inputs' size, as one number.
    const Tensors g = grad(
        [&](const Tensors& at) {
          const Tensor y = f(at);
          return sum(y * y);
        },
        in);
    Tensors ones;
    for (const Tensor& x : in) ones.push_back(cast(arange(1, static_cast<double>(x.numel()) + 1), x.dtype()));
    Tensors flat;
    for (const Tensor& t : g) flat.push_back(reshape(t, {t.numel()}));
    return inner_product(flat, ones);
  };
  return GradientChecker(first, xs, options).run();
}

}  // namespace lamina
