// What a run leaves behind, and what it does where it cannot write.
#include "lamina/train/run_dir.h"

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>

#include "lamina/core/error.h"
#include "lamina/io/files.h"
#include "lamina/train/checkpoint.h"
#include "tests/train/toy.h"

namespace lamina::train {
namespace {

using namespace testing;
namespace fs = std::filesystem;

struct ToyRun {
  explicit ToyRun(TrainerOptions options) : trainer(task, optim::Adam{{.lr = 0.02}}, quiet(std::move(options))) {}
  Results fit() { return trainer.fit(blobs(70, 1), blobs(30, 2)); }
  Supervised task{toy_net(), loss::cross_entropy, {metrics::accuracy()}};
  Trainer trainer;
};

TEST(RunDirectory, HoldsLogsEnvironmentAndCheckpoints) {
  const TempFolder folder;
  const std::string dir = folder / "a/b/run";
  ToyRun run{{.epochs = 2, .batch = 16, .run_dir = dir, .log_steps = 2, .statistics_steps = 5}};
  run.fit();

  int steps = 0, epochs = 0, statistics = 0;
  for (const LogLine& line : read_log(dir)) {
    steps += line.event == "step";
    epochs += line.event == "epoch";
    statistics += line.event == "statistics";
    const auto has = [&](const char* name) { return line.values.count(name) > 0; };
    EXPECT_TRUE(line.event != "step" || (has("loss") && has("lr")));
    EXPECT_TRUE(line.event != "epoch" || (has("validation/accuracy") && has("validation/loss")));
    EXPECT_TRUE(line.event != "statistics" || (has("gradient/0.weight") && has("weight/4.bias")));
  }
  EXPECT_EQ(steps, 5);
  EXPECT_EQ(epochs, 2);
  EXPECT_EQ(statistics, 2);

  std::ifstream csv(dir + "/log.csv");
  std::string line;
  std::getline(csv, line);
  EXPECT_EQ(line, "epoch,step,loss,lr,seconds,validation/accuracy,validation/loss");
  std::getline(csv, line);
  EXPECT_EQ(line.substr(0, 4), "1,5,");

  const auto environment = nlohmann::json::parse(io::read_file(dir + "/environment.json"));
  for (const char* key :
       {"lamina", "started", "command", "cpu", "cores", "threads", "system", "seed", "training data"}) {
    EXPECT_FALSE(environment.at(key).get<std::string>().empty()) << key;
  }
  expect_contains(environment.at("training data").get<std::string>(), "blobs, 70 examples");

  for (const char* file : {"model.safetensors", "optimizer.safetensors", "state.json"}) {
    EXPECT_TRUE(fs::exists(dir + "/checkpoints/last/" + file)) << file;
  }
}

TEST(RunDirectory, KeepsAsManyCheckpointsAsAskedBesidesBestAndLast) {
  const TempFolder folder;
  ToyRun run{{.epochs = 6, .batch = 35, .run_dir = folder / "run", .checkpoint_steps = 1, .keep = 1}};
  run.fit();
  const std::vector<std::string> names = list_checkpoints(folder / "run");
  const std::string best = pointed_to(folder / "run", "best"), last = pointed_to(folder / "run", "last");
  EXPECT_EQ(last, "epoch-0006");
  EXPECT_EQ(best, "epoch-000" + std::to_string(run.trainer.best().epoch + 1));
  EXPECT_EQ(names.size(), best == last ? 2U : 3U);
}

TEST(RunDirectory, BestIsByTheMetricAskedFor) {
  const TempFolder folder;
  for (const std::string metric : {"accuracy", "loss"}) {
    ToyRun run{{.epochs = 6, .batch = 16, .run_dir = folder / metric, .best_metric = metric}};
    run.fit();
    double best = metric == "loss" ? 1e9 : -1;
    int64_t epoch = 0;
    for (const LogLine& line : read_log(folder / metric)) {
      if (line.event != "epoch") continue;
      const double value = line.values.at("validation/" + metric);
      if (metric == "loss" ? value < best : value > best) {
        best = value;
        epoch = line.epoch;
      }
    }
    EXPECT_EQ(pointed_to(folder / metric, "best"), "epoch-000" + std::to_string(epoch));
  }
}

TEST(RunDirectory, WeightsComeBackFromBestFromAFolderAndFromAFile) {
  const TempFolder folder;
  const std::string dir = folder / "run";
  ToyRun run{{.epochs = 2, .batch = 16, .run_dir = dir}};
  run.fit();
  for (const std::string& path : {dir, dir + "/checkpoints/best", dir + "/checkpoints/best/model.safetensors"}) {
    Supervised fresh{toy_net(), loss::cross_entropy};
    const auto initial = weights(fresh);
    load_weights(fresh.module(), path);
    EXPECT_NE(weights(fresh), initial);
    ToyRun again{{.run_dir = dir}};
    again.trainer.load("best");
    EXPECT_EQ(weights(fresh), weights(again.task));
  }
  Supervised fresh{toy_net(), loss::cross_entropy};
  expect_contains(error_of([&] { load_weights(fresh.module(), folder / "nothing"); }), "nothing");
  ToyRun again{{.run_dir = dir}};
  expect_contains(error_of([&] { again.trainer.load("epoch-0009"); }), "there are: epoch-0001");
}

TEST(RunDirectory, IsForOneRunAtATime) {
  const TempFolder folder;
  ToyRun run{{.epochs = 1, .batch = 35, .run_dir = folder / "run"}};
  std::string text;
  run.trainer.add(on_step([&](Trainer&) {
    ToyRun second{{.epochs = 1, .run_dir = folder / "run"}};
    text = error_of([&] { second.fit(); });
  }));
  run.fit();
  expect_contains(text, "another run uses this directory (process " + std::to_string(getpid()) + ")");
  EXPECT_NO_THROW(RunDirectory{folder / "run"});
}

TEST(RunDirectory, TheLogIsCutAtATornLineAndAtTheCheckpoint) {
  const TempFolder folder;
  const std::string dir = folder / "run";
  ToyRun run{{.epochs = 2, .batch = 16, .run_dir = dir, .log_steps = 1}};
  run.fit();
  const size_t all = read_log(dir).size();
  std::ofstream(dir + "/log.jsonl", std::ios::app) << "{\"event\": \"st";
  EXPECT_EQ(read_log(dir).size(), all);
  rewind_log(dir, 5, false);
  EXPECT_EQ(read_log(dir).size(), 5U);
  EXPECT_EQ(io::read_file(dir + "/log.csv"), "");
}

TEST(RunDirectory, StopsAreLoggedWithTheirReason) {
  const TempFolder folder;
  ToyRun run{{.epochs = 2, .batch = 16, .run_dir = folder / "run"}};
  run.trainer.add(stop_at(3));
  run.fit();
  const LogLine last = read_log(folder / "run").back();
  EXPECT_EQ(last.event, "stop");
  EXPECT_EQ(last.reason, "the test wants it");
  EXPECT_EQ(last.step, 3);
}

TEST(Interrupt, CtrlCFinishesTheStepSavesAndSaysHowToGoOn) {
  const TempFolder folder;
  for (int signal : {SIGINT, SIGTERM}) {
    const std::string dir = folder / std::to_string(signal);
    ToyRun run{{.epochs = 2, .batch = 16, .run_dir = dir}};
    run.trainer.add(on_step([signal](Trainer& t) {
      if (t.progress().step == 3) raise(signal);
    }));
    ::testing::internal::CaptureStderr();
    run.fit();
    const std::string said = ::testing::internal::GetCapturedStderr();
    expect_contains(said, "after step 3; saved in " + dir);
    expect_contains(said, "go on with: ");
    EXPECT_EQ(run.trainer.progress().step, 3);
    EXPECT_EQ(pointed_to(dir, "last"), "step-00000003");
    struct sigaction now{};
    sigaction(signal, nullptr, &now);
    EXPECT_EQ(now.sa_handler, SIG_DFL);
  }
}

TEST(InterruptDeathTest, ASecondCtrlCEndsAtOnce) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto twice = [] {
    ToyRun run{{.epochs = 2, .batch = 16}};
    run.trainer.add(on_step([](Trainer&) {
      raise(SIGINT);
      raise(SIGINT);
    }));
    run.fit();
  };
  EXPECT_EXIT(twice(), ::testing::KilledBySignal(SIGINT), "");
}

/// Files may not grow beyond a limit while it lives: what a full disk looks like to those who write.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, SIG_DFL);
  }

 private:
  rlimit before_{};
};

TEST(Checkpoint, AFullDiskIsAnErrorAndTheEarlierCheckpointStays) {
  const TempFolder folder;
  const std::string dir = folder / "run";
  std::string before;
  {
    ToyRun run{{.epochs = 3, .batch = 16, .run_dir = dir}};
    std::unique_ptr<FullDisk> full;
    run.trainer.add(on_step([&](Trainer& t) {
      if (t.progress().step != 8) return;
      before = io::read_file(dir + "/checkpoints/last/model.safetensors");
      full = std::make_unique<FullDisk>(600);
    }));
    const std::string text = error_of([&] { run.fit(); });
    full.reset();
    EXPECT_NE(text, "no error");
    expect_contains(text, dir);
  }
  EXPECT_EQ(pointed_to(dir, "last"), "epoch-0001");
  EXPECT_EQ(io::read_file(dir + "/checkpoints/last/model.safetensors"), before);
  ToyRun again{{.epochs = 3, .batch = 16, .run_dir = dir}};
  again.fit();
  EXPECT_EQ(pointed_to(dir, "last"), "epoch-0003");
}

TEST(Checkpoint, AFolderThatCannotBeWrittenIsAnError) {
  const TempFolder folder;
  const std::string dir = folder / "run";
  fs::create_directories(dir);
  std::ofstream(dir + "/checkpoints") << "a file where a folder should be";
  ToyRun run{{.epochs = 1, .run_dir = dir}};
  expect_contains(error_of([&] { run.fit(); }), dir + "/checkpoints");
  ToyRun nowhere{{.epochs = 1, .run_dir = "/proc/lamina"}};
  expect_contains(error_of([&] { nowhere.fit(); }), "/proc/lamina");
}

}  // namespace
}  // namespace lamina::train
