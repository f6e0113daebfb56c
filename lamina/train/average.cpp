#include <unordered_set>

#include "lamina/engine/grad.h"
#include "lamina/engine/tape.h"
#include "lamina/graph/capture.h"
#include "lamina/ops/create.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/pointwise.h"
#include "lamina/ops/random.h"
#include "lamina/train/average_internal.h"
#include "lamina/train/step_internal.h"

namespace lamina::train {

WeightAverage::WeightAverage(nn::Module& network, const TrainerOptions& options)
    : decay_(options.ema_decay), network_(network.state()), updates_(Tensor::from({0}, {}, DType::f32)) {
  std::unordered_set<const void*> seen;
  for (const nn::NamedVariable& v : network_) {
    if (!v.variable.defined() || !seen.insert(v.variable.id()).second) continue;
    if (!is_floating(v.variable.value().dtype())) continue;
    Variable average = v.variable.clone();
    average.set_trainable(false);
    pairs_.push_back({v, average});
  }
}

void WeightAverage::update() const {
  const Tensor t = updates_.value() + 1.0;
  const Tensor decay = clamp((t + 1.0) / (t + 10.0), 0, decay_);
  for (const Pair& p : pairs_) {
    const Tensor weight = stop_gradient(p.weight.variable.value()), average = p.average.value();
    p.average.assign(average + (weight - average) * cast(1.0 - decay, weight.dtype()));
  }
  updates_.assign(t);
}

void WeightAverage::add() {
  const NoGrad off;
  ++count_;
  for (const Pair& p : pairs_) {
    const Tensor weight = stop_gradient(p.weight.variable.value()), average = p.average.value();
    p.average.assign(count_ == 1 ? Tensor::from_bytes(weight.raw(), weight.shape(), weight.dtype())
                                 : average + (weight - average) * (1.0 / static_cast<double>(count_)));
  }
}

void WeightAverage::exchange() const {
  for (const Pair& p : pairs_) {
    const Tensor weight = p.weight.variable.value();
    p.weight.variable.assign(p.average.value());
    p.average.assign(weight);
  }
}

std::vector<nn::NamedVariable> WeightAverage::state() const {
  std::vector<nn::NamedVariable> all;
  for (const Pair& p : pairs_) all.push_back({"average." + p.weight.name, p.average});
  all.push_back({"average.updates", updates_});
  return all;
}

std::vector<nn::NamedVariable> WeightAverage::averaged() const {
  std::vector<nn::NamedVariable> all = network_;  // with the names of variables that have several
  for (nn::NamedVariable& v : all) {
    for (const Pair& p : pairs_) {
      if (p.weight.variable.same_slot(v.variable)) v.variable = p.average;
    }
  }
  return all;
}

std::vector<nn::NamedVariable> WeightAverage::training() const {
  std::vector<nn::NamedVariable> all;
  for (const Pair& p : pairs_) all.push_back({"training." + p.weight.name, p.weight.variable});
  all.push_back({"average.updates", updates_});
  return all;
}

void renew_statistics(Task& task, data::Loader& loader, int64_t epoch, const TrainerOptions& options,
                      bool scale_bytes) {
  std::vector<Variable> running, counts;
  std::vector<Tensor> counted;
  std::unordered_set<std::string> frozen;  // batch normalization that does not look at the batch
  for (const nn::NamedVariable& p : task.module().named_parameters()) {
    if (!p.variable.trainable() && p.name.ends_with("weight")) frozen.insert(p.name.substr(0, p.name.size() - 6));
  }
  for (const nn::NamedVariable& v : task.module().state()) {
    const size_t dot = v.name.rfind('.');
    if (frozen.contains(dot == std::string::npos ? "" : v.name.substr(0, dot + 1))) continue;
    const auto named = [&](const char* word) { return v.name == word || v.name.ends_with(std::string(".") + word); };
    if (named("running_mean") || named("running_var")) running.push_back(v.variable);
    if (!named("num_batches_tracked")) continue;
    counts.push_back(v.variable);
    counted.push_back(v.variable.value());
  }
  if (running.empty()) return;
  Generator random(options.seed);
  std::vector<nn::NamedVariable> all = task.module().state();
  all.push_back({"random", random.state()});
  graph::Captured forward(
      [&](const Tensors& inputs) {
        const nn::ModeScope mode(nn::Mode::train);
        const GeneratorScope scope(random);
        const NoGrad off;
        return Tensors{task.predict(prepared(inputs, scale_bytes))};
      },
      distinct(all), {.disabled_passes = options.disabled_passes, .compile = options.compile});
  // Started from zeros, the running statistics after one batch are that batch's, times a factor; started from ones,
  // they are larger by what is kept of the old ones, which tells the factor.
  const auto after_one = [&](const data::Batch& batch, double start) {
    for (const Variable& v : running) v.assign(full(v.value().shape(), start, v.value().dtype()));
    for (const Variable& v : counts) v.assign(full(v.value().shape(), 0, v.value().dtype()));
    forward(batch);
    std::vector<std::vector<double>> values;
    for (const Variable& v : running) values.push_back(v.value().values());
    return values;
  };
  std::vector<std::vector<double>> sums;
  std::vector<double> factors;
  double batches = 0;
  data::Batch batch;
  loader.start(epoch);
  while (loader.next(batch)) {
    const auto values = after_one(batch, 0);
    if (sums.empty()) {
      sums.assign(values.size(), {});
      const auto from_ones = after_one(batch, 1);
      for (size_t i = 0; i < values.size(); ++i) {
        sums[i].assign(values[i].size(), 0);
        factors.push_back(1 - (from_ones[i].at(0) - values[i].at(0)));
      }
    }
    for (size_t i = 0; i < sums.size(); ++i) {
      for (size_t k = 0; k < sums[i].size(); ++k) sums[i][k] += values[i][k];
    }
    ++batches;
  }
  for (size_t i = 0; i < running.size(); ++i) {
    for (double& s : sums[i]) s /= batches * factors[i];
    running[i].assign(Tensor::from(sums[i], running[i].value().shape(), running[i].value().dtype()));
  }
  for (size_t i = 0; i < counts.size(); ++i) counts[i].assign(counted[i]);
}

}  // namespace lamina::train
