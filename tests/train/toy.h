// A small problem that trains in milliseconds: three blobs in the plane, and a network with everything that a
// checkpoint must keep (batch statistics, dropout, moments).
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "lamina/core/philox.h"
#include "lamina/metrics/metrics.h"
#include "lamina/nn/layers.h"
#include "lamina/nn/loss.h"
#include "lamina/ops/random.h"
#include "lamina/optim/adam.h"
#include "lamina/train/trainer.h"

namespace lamina::train::testing {

inline data::DatasetPtr blobs(int64_t n, uint64_t seed, double spread = 0.5) {
  Philox random(seed);
  std::vector<double> inputs, targets;
  for (int64_t i = 0; i < n; ++i) {
    const auto c = static_cast<double>(i % 3);
    inputs.push_back((c == 0 ? -1 : c) + spread * random.normal());
    inputs.push_back((c == 1 ? 2 : -1) + spread * random.normal());
    targets.push_back(c);
  }
  data::DatasetInfo info;
  info.name = "blobs";
  info.input = {2};
  info.classes = {"a", "b", "c"};
  info.fingerprint = "blobs-" + std::to_string(n) + "-" + std::to_string(seed);
  return data::in_memory(info, Tensor::from(inputs, {n, 2}, DType::f32), Tensor::from(targets, {n}, DType::i64));
}

/// The same initial weights at each call.
inline nn::Sequential toy_net(int64_t hidden = 8) {
  Generator generator(5);
  const GeneratorScope scope(generator);
  return nn::Sequential{nn::Linear{{.in = 2, .out = hidden}}, nn::BatchNorm1d{hidden}, nn::Relu{}, nn::Dropout{0.2},
                        nn::Linear{{.in = hidden, .out = 3}}};
}

/// Quiet, without threads of its own.
inline TrainerOptions quiet(TrainerOptions o = {}) {
  o.progress = false;
  o.workers = 0;
  return o;
}

inline std::vector<std::vector<double>> weights(Task& task) {
  std::vector<std::vector<double>> all;
  for (const nn::NamedVariable& v : task.module().state()) all.push_back(v.variable.value().values());
  return all;
}

/// A folder that is removed afterwards; in memory where that is possible, as checkpoints are synced to the disk.
class TempFolder {
 public:
  TempFolder() {
    const std::filesystem::path memory = "/dev/shm";
    const bool in_memory = access(memory.c_str(), W_OK) == 0;
    std::string pattern = (in_memory ? memory : std::filesystem::temp_directory_path()) / "lamina-train-XXXXXX";
    if (!mkdtemp(pattern.data())) throw std::runtime_error("no temporary folder");
    path_ = pattern;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

/// Calls a function after each step.
class OnStep final : public Callback {
 public:
  explicit OnStep(std::function<void(Trainer&)> call) : call_(std::move(call)) {}
  std::string name() const override { return "on_step"; }
  void on_step(Trainer& t) override { call_(t); }

 private:
  std::function<void(Trainer&)> call_;
};

inline CallbackPtr on_step(std::function<void(Trainer&)> call) { return std::make_shared<OnStep>(std::move(call)); }
inline CallbackPtr stop_at(int64_t step) {
  return on_step([step](Trainer& t) {
    if (t.progress().step == step) t.request_stop("the test wants it");
  });
}

template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

inline void expect_contains(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "looked for: " << part << "\nin: " << text;
}

}  // namespace lamina::train::testing
