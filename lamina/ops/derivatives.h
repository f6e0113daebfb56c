// Jacobians, Hessians, and the comparison of gradients with finite differences.
#pragma once

#include <functional>
#include <string>

#include "lamina/engine/grad.h"

namespace lamina {

/// J·t of f at xs, shaped like f(xs); one tangent per x.
Tensor jvp(const TensorFn& f, const Tensors& xs, const Tensors& tangents);
/// [f(x).numel(), x.numel()].
Tensor jacobian(const std::function<Tensor(const Tensor&)>& f, const Tensor& x);
/// [x.numel(), x.numel()]; f returns one element.
Tensor hessian(const std::function<Tensor(const Tensor&)>& f, const Tensor& x);
/// Hessian times vector, without the Hessian; shaped like x.
Tensor hvp(const std::function<Tensor(const Tensor&)>& f, const Tensor& x, const Tensor& v);

struct GradientCheck {
  bool ok = true;
  double worst_error = 0;  // |analytic − numeric| / (atol + rtol·|numeric|); ok means <= 1
  std::string report;      // empty, or which element of which input differs, and by how much
};

struct GradientCheckOptions {
  double step = 1e-5;
  double atol = 1e-6;
  double rtol = 1e-4;
  int64_t max_elements = 64;  // per input; a fixed sample of larger inputs
  bool second_order = false;
};

/// Compares the gradients of f at xs (f64 recommended) with central finite differences. An output
/// of several elements is contracted with fixed random weights.
GradientCheck check_gradients(const TensorFn& f, const Tensors& xs, const GradientCheckOptions& options = {});

}  // namespace lamina
