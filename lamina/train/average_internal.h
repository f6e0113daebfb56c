// Averages of weights over training: exponential (EMA) or over the last epochs (SWA).
#pragma once

#include <memory>
#include <vector>

#include "lamina/nn/module.h"
#include "lamina/train/trainer.h"

namespace lamina::train {

/// A second set of a network's parameters and buffers. What is no float follows the network.
class WeightAverage {
 public:
  /// Starts as the network is.
  WeightAverage(nn::Module& network, const TrainerOptions& options);

  /// Has anything been averaged yet, so that the average stands for the network?
  bool active() const { return count_ > 0; }
  int64_t count() const { return count_; }
  void set_count(int64_t count) { count_ = count; }

  /// EMA: after an update, within a captured step. average += (1 − d)·(weight − average), d = min(decay, (1 + t) /
  /// (10 + t)) for the t-th update, so that the first ones do not hold on to the initial weights.
  void update() const;
  /// EMA: the update above has run.
  void updated() { ++count_; }
  /// SWA: average += (weight − average) / (count + 1).
  void add();

  /// Exchanges the values of the network and of the average.
  void exchange() const;

  /// All that changes, for captured steps: the averages, and the number of updates.
  std::vector<nn::NamedVariable> state() const;
  /// For checkpoints: the network under its own names, with its averaged values.
  std::vector<nn::NamedVariable> averaged() const;
  /// For checkpoints: the weights that training goes on with, as "training.<name>", and "average.updates".
  std::vector<nn::NamedVariable> training() const;

 private:
  struct Pair {
    nn::NamedVariable weight;
    Variable average;
  };
  double decay_;
  int64_t count_ = 0;
  std::vector<nn::NamedVariable> network_;
  std::vector<Pair> pairs_;  // the floating ones, each once
  Variable updates_;
};

/// Exchanges while it lives, where there is an active average.
class AverageScope {
 public:
  explicit AverageScope(const WeightAverage* average) : average_(average && average->active() ? average : nullptr) {
    if (average_) average_->exchange();
  }
  ~AverageScope() {
    if (average_) average_->exchange();
  }
  AverageScope(const AverageScope&) = delete;

 private:
  const WeightAverage* average_;
};

/// Makes the running statistics of batch normalization the plain means of those of all batches, with the weights as
/// they are: averaged weights have other ones than each of them had. (Izmailov et al. 2018, §3.2)
void renew_statistics(Task& task, data::Loader& loader, int64_t epoch, const TrainerOptions& options, bool scale_bytes);

}  // namespace lamina::train
