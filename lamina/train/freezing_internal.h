// Which parameters train in which epoch.
#pragma once

#include <string>
#include <vector>

#include "lamina/nn/module.h"
#include "lamina/optim/optimizer.h"
#include "lamina/train/trainer.h"

namespace lamina::train {

/// Made from a network whose parameters are trainable or not as they are to be without freeze and unfreeze.
class Freezing {
 public:
  /// Changes nothing yet. Throws Error as check_freezing() says.
  Freezing(const TrainerOptions& options, nn::Module& network);

  /// All that will ever train, in groups by the epoch that they begin in: what the optimizer is bound to.
  void bind(optim::Optimizer& optimizer) const;
  /// Makes trainable what trains in this epoch (from 0), and tells the optimizer which groups have begun. Returns
  /// whether that is other than it was.
  bool apply(int64_t epoch, const optim::Optimizer& optimizer) const;

 private:
  static constexpr int64_t kNever = -1;
  struct Parameter {
    nn::NamedVariable variable;
    int64_t begins = 0;  // epoch, from 0
  };
  std::vector<Parameter> parameters_;
  std::vector<int64_t> later_;  // the epochs after the first that something begins in, rising
};

}  // namespace lamina::train
