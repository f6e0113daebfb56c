// Differentiation of any composition of ops, to any order. Jacobians, Hessians and the gradient
// check are built on it in lamina/ops/derivatives.h.
#pragma once

#include <functional>
#include <utility>

#include "lamina/engine/variable.h"
#include "lamina/tensor/tensor.h"

namespace lamina {

using TensorFn = std::function<Tensor(const Tensors&)>;

struct GradOptions {
  Tensor grad_output = {};      // default: one; required where y has more than one element
  bool differentiable = false;  // may the gradients be differentiated again?
  bool allow_unused = false;    // zeros, not an error, for an x that y does not depend on
};

/// d y / d xs. Each x must be a parameter, a tracked() tensor, or made from one.
Tensors grad(const Tensor& y, const Tensors& xs, const GradOptions& options = {});

/// A copy of the handle with respect to which gradients can be asked.
Tensor tracked(const Tensor& x);
/// The same values, cut from the tape.
Tensor stop_gradient(const Tensor& x);

/// d f(xs) / d xs, as a function call; f must return one element.
Tensors grad(const TensorFn& f, const Tensors& xs);
/// Value of `f` (one element) and its gradients with respect to trainable parameters, in order.
std::pair<Tensor, Tensors> value_and_grad(const std::function<Tensor()>& f, const std::vector<Variable>& parameters);

/// vᵀ·J of f at xs: one tensor per x, shaped like it. `v` is shaped like f(xs).
Tensors vjp(const TensorFn& f, const Tensors& xs, const Tensor& v);
/// Σ gyᵢᵀ·(d yᵢ / d x), one tensor per x: the general form under grad and vjp. An undefined gy counts
/// as zero, an undefined result means that no y depends on that x.
Tensors pull_back(const Tensors& ys, const Tensors& gys, const Tensors& xs, bool differentiable);

}  // namespace lamina
