// Learners that descend a gradient: one loop on captured steps, for full batches (L-BFGS, gradient descent) and parts.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lamina/learners/learner.h"
#include "lamina/nn/loss.h"
#include "lamina/nn/param.h"

namespace lamina::learners {

struct Objective {
  std::function<Tensor(const Tensor& x)> forward;
  LossFn row_loss;                  // (prediction, target) → [rows]
  std::function<Tensor()> penalty;  // one element, added to the mean of the rows' losses; may be empty
  std::vector<nn::NamedVariable> parameters;
};

struct Descent {
  std::string solver = "lbfgs";  // lbfgs, gd (full batch), sgd, adam (batches)
  double lr = 0.01;
  int64_t iterations = 1000;  // of full-batch solvers, at most
  int64_t epochs = 100;       // of batch solvers
  int64_t batch = 32;
  double tolerance = 1e-6;  // full-batch solvers stop where no entry of the gradient is larger
  int64_t seed = 0;
};

struct Outcome {
  double loss = 0;  // at the end; of batch solvers the mean of the last epoch
  int64_t iterations = 0;
  bool converged = true;
};

/// Minimises mean(weight·row_loss) + penalty. Throws Error where the loss is not finite, naming lr.
Outcome descend(const std::string& learner, const Objective& objective, const Tensor& x, const Tensor& y,
                const Tensor& weight, const Descent& how);

/// Throws Error unless the solver is one of the words of `known`, parted by blanks.
void check_solver(const std::string& learner, const std::string& solver, const std::string& known);

}  // namespace lamina::learners
