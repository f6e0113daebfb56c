#include "cli/train_callbacks.h"

#include <cstdio>
#include <iostream>
#include <memory>

#include "cli/cli.h"
#include "lamina/graph/capture.h"
#include "lamina/io/files.h"
#include "lamina/runtime/profiler.h"
#include "lamina/tensor/storage.h"
#include "lamina/train/trainer.h"

namespace lamina::cli {

namespace {

class Memory final : public train::Callback {
 public:
  void on_compiled(train::Trainer& trainer) override {
    const graph::Report& r = trainer.step_report();
    if (r.steps == 0) return;  // eager: nothing is planned
    std::cout << "memory     " << bytes_text(static_cast<double>(r.arena_bytes + r.state_bytes))
              << " for a step: " << bytes_text(static_cast<double>(r.arena_bytes)) << " of intermediate values, "
              << bytes_text(static_cast<double>(r.state_bytes)) << " of weights and optimizer state\n"
              << std::flush;
  }
  std::string name() const override { return "memory"; }
};

class Explain final : public train::Callback {
 public:
  void on_compiled(train::Trainer& trainer) override {
    std::cout << "\nThe training step\n" << trainer.step_report().str() << '\n';
  }
  std::string name() const override { return "explain"; }
};

class Profile final : public train::Callback {
 public:
  explicit Profile(std::string run_dir) : run_dir_(std::move(run_dir)) {}

  void on_start(train::Trainer&) override { listen(); }

  void on_epoch_start(train::Trainer& trainer) override {
    const train::Progress& p = trainer.progress();
    seconds_ = p.seconds;
    step_ = p.step;
    listen();
  }

  void on_step(train::Trainer& trainer) override {
    if (done_) return;
    const train::Progress& p = trainer.progress();
    const bool last = p.batch == p.batches;
    // The first step also touches its memory for the first time: it counts only where there is no other.
    if (++profiled_ == 1 && !last) profiler_ = {};
    if (last || profiled_ > kSteps) listening_.reset();  // validation is not part of a step
    if (profiled_ > kSteps) report();
  }

  void on_epoch_end(train::Trainer& trainer) override {
    const train::Progress& p = trainer.progress();
    const graph::Report& r = trainer.step_report();
    const double steps = static_cast<double>(p.step - step_), seconds = p.seconds - seconds_;
    if (steps <= 0 || seconds <= 0) return;
    std::printf(
        "profile: %.3f ms per step, %.0f examples/s, %.1f GFLOP/s, %.1f GB/s moved by kernels, peak memory %s\n",
        1e3 * seconds / steps, static_cast<double>(p.examples) / seconds, r.flops * steps / seconds / 1e9,
        r.bytes_moved * steps / seconds / 1e9, bytes_text(static_cast<double>(memory_stats().peak_bytes)).c_str());
  }

  void on_end(train::Trainer&) override {
    listening_.reset();
    if (!done_) report();
  }

  std::string name() const override { return "profile"; }

 private:
  static constexpr int kSteps = 20;

  void listen() {
    if (!done_ && !listening_) listening_ = std::make_unique<StepTimerScope>(&profiler_);
  }

  void report() {
    done_ = true;
    if (profiler_.empty()) return;  // eager steps have no nodes
    const runtime::Machine machine = runtime::measure_machine();
    const std::string file = run_dir_ + "/profile.json";
    io::write_file_atomically(file, profiler_.chrome_trace());
    std::cout << "\nWhere the time of " << (profiled_ > 1 ? profiled_ - 1 : profiled_) << " steps goes ("
              << machine.text() << ")\n"
              << profiler_.table(machine) << "As a trace, for chrome://tracing or ui.perfetto.dev: " << file << "\n\n"
              << std::flush;
  }

  std::string run_dir_;
  runtime::Profiler profiler_;
  std::unique_ptr<StepTimerScope> listening_;
  int profiled_ = 0;
  bool done_ = false;
  double seconds_ = 0;
  int64_t step_ = 0;
};

}  // namespace

train::CallbackPtr print_memory() { return std::make_shared<Memory>(); }
train::CallbackPtr print_step() { return std::make_shared<Explain>(); }
train::CallbackPtr profile_steps(const std::string& run_dir) { return std::make_shared<Profile>(run_dir); }

}  // namespace lamina::cli
