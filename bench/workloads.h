// The networks that the bench times: each the whole step that a user runs.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lamina/nn/loss.h"
#include "lamina/nn/module.h"
#include "lamina/optim/optimizer.h"

namespace lamina::bench {

using TensorMaker = std::function<Tensor()>;

/// What a training step has besides the network and its input.
struct Training {
  TensorMaker target;
  LossFn loss;
  std::function<std::unique_ptr<optim::Optimizer>()> optimizer = {};  // none: inference
  double clip = 0;                                                    // of the gradients' norm; 0: none
};

struct Workload {
  std::string name;
  std::string text;                                 // network and step, in words
  std::function<nn::LayerPtr(double dropout)> net;  // of lamina/models where it has the network
  TensorMaker input;
  Training training = {};
  double dropout = 0;  // of the step that is timed; results are compared without, as no two programs draw alike
  bool recompute = false;

  bool is_inference() const { return !training.optimizer; }
};

/// In the order of the table.
const std::vector<Workload>& workloads();
/// Throws Error naming the valid ones.
const Workload& find_workload(const std::string& name);
/// Those named, or all.
std::vector<const Workload*> chosen_workloads(const std::vector<std::string>& only);

// ---- inputs, the same at each call --------------------------------------------------------------

/// Standard normal.
Tensor normal(const Shape& shape);
/// Uniform in [0, 1).
Tensor unit(const Shape& shape);
/// i64, uniform in [0, below).
Tensor ids(const Shape& shape, int64_t below);

}  // namespace lamina::bench
