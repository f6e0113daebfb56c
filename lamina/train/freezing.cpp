#include <algorithm>
#include <set>

#include "lamina/core/error.h"
#include "lamina/nn/transfer.h"
#include "lamina/train/freezing_internal.h"

namespace lamina::train {

namespace {

/// The paths of modules and parameters, for errors.
NameList paths_of(const std::vector<nn::NamedVariable>& parameters) {
  NameList names;
  std::set<std::string> known;
  for (const nn::NamedVariable& p : parameters) {
    for (size_t dot = p.name.find('.'); dot != std::string::npos; dot = p.name.find('.', dot + 1)) {
      if (known.insert(p.name.substr(0, dot)).second) names.add(p.name.substr(0, dot));
    }
    names.add(p.name);
  }
  return names;
}

Error no_match(const std::string& option, const std::string& glob, const std::string& among,
               const std::vector<nn::NamedVariable>& parameters) {
  Error error("trainer", option + ": no " + among + " matches \"" + glob + "\"");
  const std::string near = paths_of(parameters).nearest(glob);
  return error.hint((near.empty() ? "" : "did you mean \"" + near + "\"? ") +
                    std::string("* stands for any characters, | separates alternatives; a layer stands for all in it"));
}

}  // namespace

Freezing::Freezing(const TrainerOptions& options, nn::Module& network) {
  const std::vector<nn::NamedVariable> all = network.named_parameters();
  for (const nn::NamedVariable& p : all) parameters_.push_back({p, p.variable.trainable() ? 0 : kNever});
  for (const std::string& glob : options.freeze) {
    bool matched = false;
    for (Parameter& p : parameters_) {
      if (!nn::matches_path(glob, p.variable.name)) continue;
      matched = true;
      p.begins = kNever;
    }
    if (!matched) throw no_match("freeze", glob, "parameter", all);
  }
  const std::vector<Parameter> frozen = parameters_;
  std::set<int64_t> epochs;
  for (const Unfreezing& u : options.unfreeze) {
    if (u.epoch < 2) {
      throw Error("trainer", "unfreeze: epoch must be 2 or more, got " + std::to_string(u.epoch))
          .hint("epochs count from 1; what trains from the first one on is not to be frozen");
    }
    if (u.layers.empty()) throw Error("trainer", "unfreeze: layers must name at least one layer, got none");
    for (const std::string& glob : u.layers) {
      bool matched = false;
      for (size_t i = 0; i < parameters_.size(); ++i) {
        Parameter& p = parameters_[i];
        if (frozen[i].begins != kNever || !nn::matches_path(glob, p.variable.name)) continue;
        matched = true;
        if (p.begins == kNever || u.epoch - 1 < p.begins) p.begins = u.epoch - 1;
      }
      if (!matched) throw no_match("unfreeze", glob, "frozen parameter", all);
    }
  }
  for (const Parameter& p : parameters_) {
    if (p.begins > 0) epochs.insert(p.begins);
  }
  later_.assign(epochs.begin(), epochs.end());
  const auto at_once = [](const Parameter& p) { return p.begins == 0; };
  if (!parameters_.empty() && std::none_of(parameters_.begin(), parameters_.end(), at_once)) {
    throw Error("trainer", "freeze: nothing is left to train in the first epoch")
        .hint("leave the head of the network out of freeze");
  }
}

void Freezing::bind(optim::Optimizer& optimizer) const {
  std::vector<nn::NamedVariable> all;
  std::vector<std::vector<std::string>> later(later_.size());
  for (const Parameter& p : parameters_) {
    p.variable.variable.set_trainable(p.begins != kNever);
    all.push_back(p.variable);
    const auto group = std::find(later_.begin(), later_.end(), p.begins);
    if (group != later_.end()) later[static_cast<size_t>(group - later_.begin())].push_back(p.variable.name);
  }
  optimizer.bind(all, later);
}

bool Freezing::apply(int64_t epoch, const optim::Optimizer& optimizer) const {
  for (size_t g = 0; g < later_.size() && later_[g] <= epoch; ++g) optimizer.begin(g);
  bool changed = false;
  for (const Parameter& p : parameters_) {
    const bool trains = p.begins != kNever && p.begins <= epoch;
    if (p.variable.variable.trainable() == trains) continue;
    p.variable.variable.set_trainable(trains);
    changed = true;
  }
  return changed;
}

void check_freezing(const TrainerOptions& options, nn::Module& network) { const Freezing checked(options, network); }

}  // namespace lamina::train
