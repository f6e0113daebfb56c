// The limited-memory BFGS method, for full batches.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "lamina/core/fields.h"
#include "lamina/engine/variable.h"

namespace lamina::optim {

struct LbfgsOptions {
  double lr = 1;  // length of the first trial step; without line search of every step
  int64_t max_iterations = 20;
  int64_t max_evaluations = 0;  // 0: max_iterations·5/4
  double gradient_tolerance = 1e-7;
  double change_tolerance = 1e-9;
  int64_t history = 100;
  bool line_search = true;  // strong Wolfe conditions (Nocedal and Wright 2006, algorithms 3.5 and 3.6)
  LAMINA_OPTIONS(lr, max_iterations, max_evaluations, gradient_tolerance, change_tolerance, history, line_search)
};

/// Quasi-Newton steps from the last `history` changes of gradient and weights. (Liu and Nocedal 1989; as
/// torch.optim.LBFGS.) Runs eagerly: the closure may be a captured function.
class Lbfgs {
 public:
  /// Value of the loss (one element) and its gradients at the present parameters, in their order.
  using Closure = std::function<std::pair<Tensor, Tensors>()>;

  explicit Lbfgs(std::vector<Variable> parameters, LbfgsOptions options = {});
  ~Lbfgs();
  Lbfgs(Lbfgs&&) noexcept;

  /// Up to max_iterations iterations; returns the loss before the first. Throws Error where the loss is not finite
  /// at the start.
  double step(const Closure& closure);
  /// The loss after the last step().
  double loss() const;
  /// Is the gradient, or the change it made, within the tolerances?
  bool converged() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lamina::optim
