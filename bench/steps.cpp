#include "bench/steps.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "bench/memory.h"
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

}  // namespace

struct Session::Impl {
  const Workload& workload;
  StepOptions options;
  nn::LayerPtr net = {};
  std::unique_ptr<optim::Optimizer> optimizer = {};  // none: inference
  Generator generator{1};
  std::unique_ptr<graph::Captured> step = {};
  Tensors batch = {};
  double first = 0, prepare = 0;

  Tensors run(const Tensors& in) {
    if (!optimizer) return {(*net)(in[0])};
    const nn::ModeScope mode(nn::Mode::train);
    const GeneratorScope random(generator);
    auto [loss, grads] =
        value_and_grad([&] { return workload.training.loss((*net)(in[0]), in[1]); }, optimizer->parameters());
    if (workload.training.clip > 0) grads = optim::clip_norm(grads, workload.training.clip);
    optimizer->step(grads);
    return {loss};
  }

  std::vector<Variable> state() {
    std::vector<Variable> all = variables_of(net->state());
    if (!optimizer) return all;
    optimizer->bind(net->named_parameters());
    for (const Variable& v : variables_of(optimizer->state())) all.push_back(v);
    all.push_back(generator.state());
    return all;
  }

  /// What a peer needs to run the very same steps.
  io::TensorFile start() const {
    io::TensorFile file;
    for (const nn::NamedVariable& p : net->named_parameters()) {
      file.tensors.push_back({"parameter." + p.name, p.variable.clone().value()});
    }
    file.tensors.push_back({"input", batch[0]});
    if (optimizer) file.tensors.push_back({"target", batch[1]});
    return file;
  }
};

Session::Session(const Workload& workload, const StepOptions& options)
    : impl_(std::make_unique<Impl>(Impl{workload, options})) {
  Impl& s = *impl_;
  s.net = workload.net(options.dropout ? workload.dropout : 0);
  s.batch = {workload.input()};
  if (!workload.is_inference()) {
    s.optimizer = workload.training.optimizer();
    s.batch.push_back(workload.training.target());
  }
  s.step =
      std::make_unique<graph::Captured>([&s](const Tensors& in) { return s.run(in); }, s.state(),
                                        graph::CaptureOptions{.disabled_passes = options.disabled_passes,
                                                              .recompute = options.recompute || workload.recompute});
  io::TensorFile file;
  if (!options.save_file.empty()) file = s.start();
  const auto start = Clock::now();
  s.step->prepare(s.batch);
  s.prepare = seconds_since(start);
  Tensor result = (*s.step)(s.batch)[0];
  s.first = seconds_since(start);
  if (options.save_file.empty()) return;
  if (s.optimizer) {
    std::vector<double> losses{result.item()};
    for (int i = 1; i < kComparedSteps; ++i) losses.push_back((*s.step)(s.batch)[0].item());
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

bool Session::has_images() const { return impl_->batch[0].rank() == 4; }
double Session::first_ms() const { return impl_->first * 1e3; }
double Session::prepare_ms() const { return impl_->prepare * 1e3; }
const graph::Report& Session::report() const { return impl_->step->report(); }

void run_steps(const std::vector<std::string>& only, const StepOptions& options) {
  for (const Workload* entry : chosen_workloads(only)) {
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
                             {"prepare_ms", session.prepare_ms()},
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
