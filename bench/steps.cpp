#include "bench/steps.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "bench/memory.h"
#include "bench/workloads.h"
#include "lamina/core/error.h"
#include "lamina/core/parallel.h"
#include "lamina/engine/grad.h"
#include "lamina/engine/tape.h"
#include "lamina/graph/capture.h"
#include "lamina/io/safetensors.h"
#include "lamina/ops/random.h"
#include "lamina/optim/clip.h"
#include "lamina/runtime/profiler.h"

namespace lamina::bench {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kComparedSteps = 3;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::vector<Variable> variables_of(const std::vector<nn::NamedVariable>& named) {
  std::vector<Variable> list;
  for (const nn::NamedVariable& n : named) list.push_back(n.variable);
  return list;
}

graph::Captured captured(Workload& w, Generator& generator, const StepOptions& options) {
  std::vector<Variable> state = variables_of(w.net->state());
  const graph::CaptureOptions how{.disabled_passes = options.disabled_passes, .recompute = options.recompute};
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
    if (w.clip > 0) grads = optim::clip_norm(grads, w.clip);
    w.optimizer->step(grads);
    return Tensors{loss};
  };
  return graph::Captured(step, state, how);
}

/// What a peer needs to run the very same steps.
io::TensorFile start_of(const Workload& w) {
  io::TensorFile file;
  for (const nn::NamedVariable& p : w.net->named_parameters()) {
    file.tensors.push_back({"parameter." + p.name, p.variable.clone().value()});
  }
  file.tensors.push_back({"input", w.input});
  if (w.target.defined()) file.tensors.push_back({"target", w.target});
  return file;
}

}  // namespace

struct Session::Impl {
  Workload workload;
  Generator generator{1};
  StepOptions options;
  std::unique_ptr<graph::Captured> step;
  Tensors batch;
  double first = 0;
};

Session::Session(const WorkloadEntry& entry, const StepOptions& options) : impl_(std::make_unique<Impl>()) {
  impl_->options = options;
  impl_->workload = entry.make(options.dropout ? entry.dropout : 0);
  Workload& w = impl_->workload;
  impl_->step = std::make_unique<graph::Captured>(captured(w, impl_->generator, options));
  graph::Captured& step = *impl_->step;
  impl_->batch = {w.input};
  if (w.target.defined()) impl_->batch.push_back(w.target);
  io::TensorFile file;
  if (!options.save_file.empty()) file = start_of(w);
  const auto start = Clock::now();
  Tensor result = step(impl_->batch)[0];
  impl_->first = seconds_since(start);
  if (options.save_file.empty()) return;
  if (w.optimizer) {
    std::vector<double> losses{result.item()};
    for (int i = 1; i < kComparedSteps; ++i) losses.push_back(step(impl_->batch)[0].item());
    file.tensors.push_back({"losses", Tensor::from(losses, {kComparedSteps}, DType::f64)});
  } else {
    file.tensors.push_back({"output", result});
  }
  io::save_safetensors(options.save_file, file);
}

Session::~Session() = default;

Times Session::measure(double seconds) {
  graph::Captured& step = *impl_->step;
  const Tensors& batch = impl_->batch;
  reset_peak_resident();
  for (int i = 0; i < 3; ++i) step(batch);
  auto begin = Clock::now();
  step(batch);
  // Blocks of about 0.15 s: their minimum and median stand against a machine that others use too.
  const int per_block = std::max(1, static_cast<int>(0.15 / std::max(seconds_since(begin), 1e-7)));
  std::vector<double> blocks;
  const auto measuring = Clock::now();
  while (seconds_since(measuring) < seconds || blocks.size() < 3) {
    begin = Clock::now();
    for (int i = 0; i < per_block; ++i) step(batch);
    blocks.push_back(seconds_since(begin) / per_block);
  }
  std::sort(blocks.begin(), blocks.end());
  return {blocks.front() * 1e3, blocks[blocks.size() / 2] * 1e3, peak_resident_bytes()};
}

std::string Session::profile() {
  runtime::Profiler profiler;
  const StepTimerScope on(&profiler);
  for (int i = 0; i < 10; ++i) (*impl_->step)(impl_->batch);
  return profiler.table(runtime::measure_machine());
}

bool Session::has_images() const { return impl_->workload.input.rank() == 4; }
double Session::first_ms() const { return impl_->first * 1e3; }
const graph::Report& Session::report() const { return impl_->step->report(); }

const WorkloadEntry& find_workload(const std::string& name) {
  NameList names;
  for (const WorkloadEntry& e : workloads()) {
    if (e.name == name) return e;
    names.add(e.name);
  }
  throw Error("bench", "there is no workload \"" + name + "\"").hint("there are: " + names.str());
}

std::vector<const WorkloadEntry*> chosen_workloads(const std::vector<std::string>& only) {
  std::vector<const WorkloadEntry*> list;
  for (const std::string& name : only) list.push_back(&find_workload(name));
  for (const WorkloadEntry& e : workloads()) {
    if (only.empty()) list.push_back(&e);
  }
  return list;
}

void run_steps(const std::vector<std::string>& only, const StepOptions& options) {
  for (const WorkloadEntry* entry : chosen_workloads(only)) {
    Session session(*entry, options);
    const Times times = session.measure(options.seconds);
    const graph::Report& report = session.report();
    if (options.profile) std::cerr << entry->name << ", 10 steps\n" << session.profile();
    if (options.explain) std::cerr << entry->name << "\n" << report.str();
    const nlohmann::json row{{"name", entry->name},
                             {"text", entry->text},
                             {"ms_min", times.ms_min},
                             {"ms_median", times.ms_median},
                             {"first_ms", session.first_ms()},
                             {"threads", num_threads()},
                             {"gflop", report.flops / 1e9},
                             {"nodes", report.steps},
                             {"arena_bytes", report.arena_bytes},
                             {"state_bytes", report.state_bytes},
                             {"peak_bytes", times.peak_bytes}};
    std::cout << row.dump() << std::endl;
  }
}

}  // namespace lamina::bench
