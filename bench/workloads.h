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

struct Workload {
  nn::LayerPtr net;
  Tensor input, target;  // target undefined: inference
  LossFn loss;
  std::unique_ptr<optim::Optimizer> optimizer;  // null: inference
  double clip = 0;                              // of the gradients' norm; 0: none
};

struct WorkloadEntry {
  std::string name;
  std::string text;  // network and step, in words
  std::function<Workload(double dropout)> make;
  double dropout = 0;  // of the step that is timed; results are compared without, as no two programs draw alike

  bool is_inference() const { return name.rfind("infer", 0) == 0; }
};

/// In the order of the table.
const std::vector<WorkloadEntry>& workloads();

}  // namespace lamina::bench
