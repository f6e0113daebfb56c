#include "bench/steps.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "bench/workloads.h"
#include "lamina/core/error.h"
#include "lamina/core/parallel.h"
#include "lamina/engine/grad.h"
#include "lamina/engine/tape.h"
#include "lamina/graph/capture.h"
#include "lamina/io/safetensors.h"
#include "lamina/ops/random.h"
#include "lamina/tensor/storage.h"

namespace lamina::bench {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::vector<Variable> variables_of(const std::vector<nn::NamedVariable>& named) {
  std::vector<Variable> list;
  for (const nn::NamedVariable& n : named) list.push_back(n.variable);
  return list;
}

graph::Captured captured(Workload& w, Generator& generator, const StepOptions& options) {
  std::vector<Variable> state = variables_of(w.net->state());
  const graph::CaptureOptions how{.disabled_passes = options.disabled_passes};
  if (!w.optimizer) {
    return graph::Captured([&w](const Tensors& in) { return Tensors{(*w.net)(in[0])}; }, state, how);
  }
  w.optimizer->bind(w.net->named_parameters());
  for (const Variable& v : variables_of(w.optimizer->state())) state.push_back(v);
  state.push_back(generator.state());
  const auto step = [&w, &generator](const Tensors& in) {
    const nn::ModeScope mode(nn::Mode::train);
    const GeneratorScope random(generator);
    auto [loss, grads] = value_and_grad([&] { return w.loss((*w.net)(in[0]), in[1]); }, w.optimizer->parameters());
    w.optimizer->step(grads);
    return Tensors{loss};
  };
  return graph::Captured(step, state, how);
}

/// What a peer needs to run the very same steps, and what it should get.
void save(const std::string& path, Workload& w, graph::Captured& step, const Tensors& batch) {
  io::TensorFile file;
  for (const nn::NamedVariable& p : w.net->named_parameters()) {
    file.tensors.push_back({"parameter." + p.name, p.variable.clone().value()});
  }
  file.tensors.push_back({"input", w.input});
  if (w.target.defined()) file.tensors.push_back({"target", w.target});
  if (!w.optimizer) {
    file.tensors.push_back({"output", step(batch)[0]});
  } else {
    std::vector<double> losses;
    for (int i = 0; i < 3; ++i) losses.push_back(step(batch)[0].item());
    file.tensors.push_back({"losses", Tensor::from(losses, {3}, DType::f64)});
  }
  io::save_safetensors(path, file);
}

nlohmann::json measure(const WorkloadEntry& entry, const StepOptions& options) {
  Workload w = entry.make();
  Generator generator(1);
  graph::Captured step = captured(w, generator, options);
  Tensors batch{w.input};
  if (w.target.defined()) batch.push_back(w.target);
  const NoGrad mode(w.optimizer != nullptr);

  const auto start = Clock::now();
  if (!options.save_dir.empty()) {
    save(options.save_dir + "/" + entry.name + ".safetensors", w, step, batch);
  } else {
    step(batch);
  }
  const double first = seconds_since(start);
  reset_peak_memory();
  for (int i = 0; i < 3; ++i) step(batch);
  auto begin = Clock::now();
  step(batch);
  // Blocks of about 0.15 s: their minimum and median stand against a machine that others use too.
  const int per_block = std::max(1, static_cast<int>(0.15 / std::max(seconds_since(begin), 1e-7)));
  std::vector<double> blocks;
  const auto measuring = Clock::now();
  while (seconds_since(measuring) < options.seconds || blocks.size() < 3) {
    begin = Clock::now();
    for (int i = 0; i < per_block; ++i) step(batch);
    blocks.push_back(seconds_since(begin) / per_block);
  }
  std::sort(blocks.begin(), blocks.end());
  if (options.explain) std::cerr << entry.name << "\n" << step.report().str();
  return {{"name", entry.name},
          {"text", entry.text},
          {"ms_min", blocks.front() * 1e3},
          {"ms_median", blocks[blocks.size() / 2] * 1e3},
          {"first_ms", first * 1e3},
          {"threads", num_threads()},
          {"gflop", step.report().flops / 1e9},
          {"nodes", step.report().steps},
          {"arena_bytes", step.report().arena_bytes},
          {"state_bytes", step.report().state_bytes},
          {"peak_bytes", memory_stats().peak_bytes}};
}

}  // namespace

void run_steps(const StepOptions& options) {
  for (const std::string& name : options.only) {
    NameList names;
    const auto known = [&](const WorkloadEntry& e) { return e.name == name; };
    for (const WorkloadEntry& e : workloads()) names.add(e.name);
    if (std::none_of(workloads().begin(), workloads().end(), known)) {
      throw Error("bench", "there is no workload \"" + name + "\"").hint("there are: " + names.str());
    }
  }
  for (const WorkloadEntry& e : workloads()) {
    const bool wanted =
        options.only.empty() || std::find(options.only.begin(), options.only.end(), e.name) != options.only.end();
    if (wanted) std::cout << measure(e, options).dump() << std::endl;
  }
}

}  // namespace lamina::bench
