// Freezing and gradual unfreezing.
#include <cmath>

#include "lamina/core/error.h"
#include "lamina/io/files.h"
#include "lamina/nn/transfer.h"
#include "lamina/optim/sgd.h"
#include "lamina/train/checkpoint.h"
#include "lamina/train/run_dir.h"
#include "tests/train/toy.h"

namespace lamina::train {
namespace {

using namespace testing;

using Values = std::map<std::string, std::vector<double>>;

Values values_of(Task& task) {
  Values all;
  for (const nn::NamedVariable& v : task.module().state()) all[v.name] = v.variable.value().values();
  return all;
}

/// The names of what differs.
std::vector<std::string> changed(const Values& before, const Values& after) {
  std::vector<std::string> names;
  for (const auto& [name, values] : before) {
    if (values != after.at(name)) names.push_back(name);
  }
  return names;
}

using Names = std::vector<std::string>;

TEST(Freezing, WhatIsFrozenKeepsEveryBit) {
  for (const int64_t accumulate : {1, 3}) {
    Supervised task{toy_net(), loss::cross_entropy, {metrics::accuracy()}};
    const Values before = values_of(task);
    Trainer trainer{task, optim::AdamW{{.lr = 0.02, .weight_decay = 0.1, .decay_all = true}},
                    quiet({.epochs = 2, .batch = 16, .accumulate = accumulate, .clip_norm = 1, .freeze = {"0", "1"}})};
    trainer.fit(blobs(70, 1), blobs(30, 2));
    EXPECT_EQ(changed(before, values_of(task)), Names({"4.bias", "4.weight"}));
  }
}

TEST(Freezing, LayersBeginInTheirEpoch) {
  Supervised task{toy_net(), loss::cross_entropy, {metrics::accuracy()}};
  Values last = values_of(task);
  std::vector<Names> per_epoch;
  Trainer trainer{task, optim::Adam{{.lr = 0.02}},
                  quiet({.epochs = 4,
                         .batch = 16,
                         .freeze = {"*"},
                         .unfreeze = {{.epoch = 4, .layers = {"0"}}, {.epoch = 2, .layers = {"1"}}}})};
  EXPECT_NE(error_of([&] { trainer.fit(blobs(70, 1)); }).find("nothing is left to train"), std::string::npos);

  Trainer gradual{task, optim::Adam{{.lr = 0.02}},
                  quiet({.epochs = 4,
                         .batch = 16,
                         .freeze = {"0", "1"},
                         .unfreeze = {{.epoch = 4, .layers = {"0"}}, {.epoch = 2, .layers = {"1"}}}})};
  gradual.add(on_step([&](Trainer& t) {
    if (t.progress().batch != t.progress().batches) return;
    const Values now = values_of(task);
    per_epoch.push_back(changed(last, now));
    last = now;
  }));
  gradual.fit(blobs(70, 1), blobs(30, 2));
  const Names norm{"1.bias", "1.num_batches_tracked", "1.running_mean", "1.running_var", "1.weight"};
  const Names head{"4.bias", "4.weight"};
  Names two = norm, four{"0.bias", "0.weight"};
  two.insert(two.end(), head.begin(), head.end());
  four.insert(four.end(), two.begin(), two.end());
  // The bias before a batch normalization has no gradient but rounding, which Adam makes a step of.
  EXPECT_EQ(per_epoch, (std::vector<Names>{head, two, two, four}));
}

/// Adam's first step on a parameter is lr in every element whose gradient is not tiny, whenever it begins.
TEST(Freezing, TheFirstStepOfALaterLayerIsAsLargeAsAFirstStep) {
  Supervised task{toy_net(), loss::cross_entropy, {}};
  std::vector<double> before;
  double largest = 0;
  Trainer trainer{task, optim::Adam{{.lr = 0.01}},
                  quiet({.epochs = 3, .batch = 35, .freeze = {"0"}, .unfreeze = {{.epoch = 3, .layers = {"0"}}}})};
  trainer.add(on_step([&](Trainer& t) {
    const std::vector<double> now = task.module().state()[0].variable.value().values();
    if (t.progress().step == 5) {
      for (size_t i = 0; i < now.size(); ++i) largest = std::max(largest, std::abs(now[i] - before[i]));
    }
    before = now;
  }));
  trainer.fit(blobs(70, 1));
  EXPECT_NEAR(largest, 0.01, 1e-5);
}

TrainerOptions gradual_options(const std::string& run_dir) {
  return quiet({.epochs = 4,
                .batch = 16,
                .ema_decay = 0.9,
                .run_dir = run_dir,
                .checkpoint_steps = 2,
                .freeze = {"0", "1"},
                .unfreeze = {{.epoch = 2, .layers = {"1"}}, {.epoch = 3, .layers = {"0"}}},
                .log_steps = 3,
                .statistics_steps = 4});
}

void train(const std::string& run_dir, int64_t stop = -1) {
  Supervised task{toy_net(), loss::cross_entropy, {metrics::accuracy()}};
  Trainer trainer{task, optim::Nadam{{.lr = 0.02}}, gradual_options(run_dir)};
  if (stop >= 0) trainer.add(stop_at(stop));
  trainer.fit(blobs(70, 1), blobs(30, 2));
}

TEST(Freezing, ARunThatStoppedInAnyEpochEndsWithTheSameBits) {
  const TempFolder folder;
  train(folder / "straight");
  for (const int64_t step : {3, 5, 7, 10, 11, 16}) {
    const std::string run = folder / ("stopped-" + std::to_string(step));
    train(run, step);
    train(run);
    for (const char* file : {"model", "optimizer"}) {
      const std::string path = std::string("/checkpoints/last/") + file + ".safetensors";
      EXPECT_EQ(io::read_file(folder / "straight" + path), io::read_file(run + path)) << step << file;
    }
  }
  Supervised task{toy_net(), loss::cross_entropy, {metrics::accuracy()}};
  TrainerOptions other = gradual_options(folder / "straight");
  other.unfreeze.pop_back();
  Trainer trainer{task, optim::Nadam{{.lr = 0.02}}, other};
  EXPECT_NE(error_of([&] { trainer.fit(blobs(70, 1), blobs(30, 2)); }).find("unfreeze: started with"),
            std::string::npos);
}

TEST(Freezing, AnAverageOverEpochsLeavesFrozenStatistics) {
  Supervised task{toy_net(), loss::cross_entropy, {metrics::accuracy()}};
  const Values before = values_of(task);
  Trainer trainer{task, optim::Adam{{.lr = 0.02}},
                  quiet({.epochs = 3, .batch = 16, .swa_epochs = 2, .freeze = {"0", "1"}})};
  trainer.fit(blobs(70, 1), blobs(30, 2));
  EXPECT_EQ(changed(before, values_of(task)), Names({"4.bias", "4.weight"}));
}

TEST(Freezing, MistakesNameTheNearestPath) {
  const auto message = [](TrainerOptions options) {
    nn::Sequential net = toy_net();
    return error_of([&] { check_freezing(options, net); });
  };
  EXPECT_EQ(message({.freeze = {"0"}, .unfreeze = {{.epoch = 2, .layers = {"0"}}}}), "no error");
  expect_contains(message({.freeze = {"0.weigth"}}), "did you mean \"0.weight\"?");
  expect_contains(message({.freeze = {"0"}, .unfreeze = {{.epoch = 2, .layers = {"4"}}}}),
                  "unfreeze: no frozen parameter matches \"4\"");
  expect_contains(message({.freeze = {"0"}, .unfreeze = {{.epoch = 1, .layers = {"0"}}}}),
                  "epoch must be 2 or more, got 1");
  expect_contains(message({.freeze = {"0"}, .unfreeze = {{.epoch = 2}}}), "layers must name at least one layer");
}

}  // namespace
}  // namespace lamina::train
