#include <cmath>
#include <sstream>

#include "lamina/core/error.h"
#include "lamina/core/philox.h"
#include "lamina/engine/grad.h"
#include "lamina/graph/capture.h"
#include "lamina/learners/gradient_fit_internal.h"
#include "lamina/nn/module.h"
#include "lamina/ops/ops.h"
#include "lamina/optim/adam.h"
#include "lamina/optim/lbfgs.h"
#include "lamina/optim/sgd.h"

namespace lamina::learners {

namespace {

std::vector<Variable> variables_of(const std::vector<nn::NamedVariable>& named) {
  std::vector<Variable> list;
  for (const nn::NamedVariable& n : named) list.push_back(n.variable);
  return list;
}

/// The objective of a batch {x, y} or {x, y, weight}.
Tensor loss_of(const Objective& o, const Tensors& batch) {
  Tensor rows = o.row_loss(o.forward(batch[0]), batch[1]);
  if (rows.rank() > 1) rows = sum(flatten(rows, 1), {1});
  if (batch.size() > 2) rows = rows * batch[2];
  const Tensor loss = mean(rows);
  return o.penalty ? loss + o.penalty() : loss;
}

void check_loss(const std::string& learner, double loss, double lr) {
  if (std::isfinite(loss)) return;
  std::ostringstream text;
  text << "the loss is no longer finite (lr " << lr << ")";
  throw Error(learner, text.str()).hint("a smaller lr, or features of equal scale (standardise)");
}

Outcome full_batch(const std::string& learner, const Objective& o, const Tensors& all, const Descent& how) {
  const std::vector<Variable> parameters = variables_of(o.parameters);
  graph::Captured gradient(
      [&](const Tensors& in) {
        auto [loss, grads] = value_and_grad([&] { return loss_of(o, in); }, parameters);
        Tensors out{loss};
        out.insert(out.end(), grads.begin(), grads.end());
        return out;
      },
      parameters);
  Outcome outcome;
  const auto closure = [&] {
    const Tensors& out = gradient(all);
    ++outcome.iterations;
    return std::pair<Tensor, Tensors>{out[0], Tensors(out.begin() + 1, out.end())};
  };
  if (how.solver == "lbfgs") {
    optim::Lbfgs lbfgs(parameters, {.max_iterations = how.iterations,
                                    .max_evaluations = how.iterations * 2,
                                    .gradient_tolerance = how.tolerance,
                                    .change_tolerance = 1e-14,
                                    .history = 20});
    lbfgs.step(closure);
    outcome.loss = lbfgs.loss();
    outcome.converged = lbfgs.converged();
    check_loss(learner, outcome.loss, how.lr);
    return outcome;
  }
  outcome.converged = false;
  while (outcome.iterations < how.iterations) {
    const auto [loss, grads] = closure();
    outcome.loss = loss.item();
    check_loss(learner, outcome.loss, how.lr);
    double largest = 0;
    for (size_t i = 0; i < parameters.size(); ++i) {
      largest = std::max(largest, amax(abs(grads[i])).item());
      parameters[i].assign(parameters[i].value() - grads[i] * how.lr);
    }
    if (largest <= how.tolerance) {
      outcome.converged = true;
      break;
    }
  }
  return outcome;
}

std::unique_ptr<optim::Optimizer> optimizer_of(const Descent& how) {
  if (how.solver == "adam") return std::make_unique<optim::Adam>(optim::AdamOptions{.lr = how.lr});
  return std::make_unique<optim::Sgd>(optim::SgdOptions{.lr = how.lr});
}

Outcome batches(const std::string& learner, const Objective& o, const Tensors& all, const Descent& how) {
  const std::unique_ptr<optim::Optimizer> optimizer = optimizer_of(how);
  optimizer->bind(o.parameters);
  std::vector<Variable> state = variables_of(o.parameters);
  for (const Variable& v : variables_of(optimizer->state())) state.push_back(v);
  Generator generator(how.seed);
  state.push_back(generator.state());
  graph::Captured step(
      [&](const Tensors& in) {
        const nn::ModeScope mode(nn::Mode::train);
        const GeneratorScope random(generator);
        auto [loss, grads] = value_and_grad([&] { return loss_of(o, in); }, optimizer->parameters());
        optimizer->step(grads);
        return Tensors{loss};
      },
      state);
  const int64_t n = all[0].size(0), size = std::min(how.batch, n);
  std::vector<int64_t> order(static_cast<size_t>(n));
  Outcome outcome;
  for (int64_t epoch = 0; epoch < how.epochs; ++epoch) {
    fill_permutation(static_cast<uint64_t>(how.seed), static_cast<uint64_t>(epoch), n, order.data());
    double total = 0;
    for (int64_t begin = 0; begin < n; begin += size) {
      const int64_t count = std::min(size, n - begin);
      const Tensor index = Tensor::from(
          std::span<const int64_t>(order).subspan(static_cast<size_t>(begin), static_cast<size_t>(count)), {count});
      Tensors batch;
      for (const Tensor& t : all) batch.push_back(index_select(t, 0, index));
      total += step(batch)[0].item() * static_cast<double>(count);
      ++outcome.iterations;
    }
    outcome.loss = total / static_cast<double>(n);
    check_loss(learner, outcome.loss, how.lr);
  }
  return outcome;
}

}  // namespace

void check_solver(const std::string& learner, const std::string& solver, const std::string& known) {
  NameList names;
  std::istringstream words(known);
  for (std::string word; words >> word; names.add(word)) {
    if (word == solver) return;
  }
  const std::string near = names.nearest(solver);
  throw Error(learner, "there is no solver \"" + solver + "\"")
      .hint((near.empty() ? "" : "did you mean \"" + near + "\"? ") + "there are: " + names.str());
}

Outcome descend(const std::string& learner, const Objective& objective, const Tensor& x, const Tensor& y,
                const Tensor& weight, const Descent& how) {
  if (!(how.lr > 0)) throw Error(learner, "expected lr above 0");
  nn::require_at_least(how.batch, 1, learner.c_str(), "batch");
  nn::require_at_least(how.epochs, 1, learner.c_str(), "epochs");
  nn::require_at_least(how.iterations, 1, learner.c_str(), "iterations");
  Tensors all{x, y};
  if (weight.defined()) {
    const double scale = 1 / mean(weight).item();
    all.push_back(cast(weight * scale, x.dtype()));
  }
  const bool full = how.solver == "lbfgs" || how.solver == "gd";
  return full ? full_batch(learner, objective, all, how) : batches(learner, objective, all, how);
}

}  // namespace lamina::learners
