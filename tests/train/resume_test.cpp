// A run that stopped, however it stopped, ends as one that did not.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "lamina/core/error.h"
#include "lamina/io/files.h"
#include "lamina/optim/schedule.h"
#include "lamina/optim/sgd.h"
#include "lamina/train/checkpoint.h"
#include "lamina/train/run_dir.h"
#include "tests/train/toy.h"

namespace lamina::train {
namespace {

using namespace testing;
namespace fs = std::filesystem;

constexpr int64_t kSteps = 3 * 5;  // of the run below: 70 examples in batches of 16

TrainerOptions run_options(const std::string& run_dir) {
  return quiet({.epochs = 3,
                .batch = 16,
                .clip_norm = 1,
                .run_dir = run_dir,
                .checkpoint_steps = 2,
                .log_steps = 3,
                .statistics_steps = 4});
}

/// Trains (on) in a folder; stops after the given step, if any.
void train(const std::string& run_dir, int64_t stop = -1, int pause_ms = 0) {
  Supervised task{toy_net(), loss::cross_entropy, {metrics::accuracy()}};
  Trainer trainer{task, optim::Adam{{.lr = 0.02}}, run_options(run_dir)};
  trainer.set_schedule(
      std::make_shared<optim::Warmup>(optim::WarmupOptions{.fraction = 0.2}, std::make_shared<optim::Cosine>()));
  if (stop >= 0) trainer.add(stop_at(stop));
  if (pause_ms)
    trainer.add(on_step([=](Trainer&) { std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms)); }));
  trainer.fit(blobs(70, 1), blobs(30, 2));
}

/// The log without times.
std::string log_of(const std::string& run_dir) {
  std::string text;
  for (LogLine line : read_log(run_dir)) {
    line.values.erase("seconds");
    text += line.json() + "\n";
  }
  return text;
}

std::string table_of(const std::string& run_dir) {
  std::vector<LogLine> lines = read_log(run_dir);
  for (LogLine& line : lines) line.values.erase("seconds");
  return epochs_as_csv(lines);
}

void expect_equal_runs(const std::string& a, const std::string& b) {
  for (const char* file : {"model.safetensors", "optimizer.safetensors"}) {
    for (const char* link : {"last", "best"}) {
      const std::string path = std::string("/checkpoints/") + link + "/" + file;
      EXPECT_EQ(io::read_file(a + path), io::read_file(b + path)) << path;
    }
  }
  EXPECT_EQ(pointed_to(a, "best"), pointed_to(b, "best"));
  EXPECT_EQ(log_of(a), log_of(b));
  EXPECT_EQ(table_of(a), table_of(b));
}

TEST(Resume, FromAnyStepEndsWithTheSameBitsAndTheSameLog) {
  const TempFolder folder;
  train(folder / "straight");
  EXPECT_EQ(pointed_to(folder / "straight", "last"), "epoch-0003");
  for (int64_t step = 1; step < kSteps; ++step) {
    const std::string run = folder / ("stopped-" + std::to_string(step));
    train(run, step);
    train(run);
    expect_equal_runs(folder / "straight", run);
    if (HasFailure()) return;
  }
}

TEST(Resume, AgainAndAgain) {
  const TempFolder folder;
  train(folder / "straight");
  for (int64_t step = 1; step <= kSteps; ++step) train(folder / "run", step);
  train(folder / "run");
  expect_equal_runs(folder / "straight", folder / "run");
}

/// Not a test of its own: what the next one runs in another process and kills.
TEST(ResumeChild, TrainsInTheFolderItIsGiven) {
  const char* run_dir = std::getenv("LAMINA_TEST_RUN_DIR");
  if (!run_dir) GTEST_SKIP() << "runs as a child of Resume.AfterKillsAtAnyMoment";
  train(run_dir, -1, 3);
}

pid_t start_child(const std::string& run_dir) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  const int null = open("/dev/null", O_WRONLY);
  dup2(null, STDOUT_FILENO);
  setenv("LAMINA_TEST_RUN_DIR", run_dir.c_str(), 1);
  execl("/proc/self/exe", "test_train", "--gtest_filter=ResumeChild.*", static_cast<char*>(nullptr));
  _exit(127);
}

/// Kills the child some time after its first checkpoint; false where it ended before.
bool kill_after_progress(pid_t pid, const std::string& run, std::chrono::microseconds delay, int* status) {
  const std::string before = pointed_to(run, "last");
  while (pointed_to(run, "last") == before) {
    if (waitpid(pid, status, WNOHANG) == pid) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  std::this_thread::sleep_for(delay);
  kill(pid, SIGKILL);
  waitpid(pid, status, 0);
  return WIFSIGNALED(*status);
}

TEST(Resume, AfterKillsAtAnyMoment) {
  const TempFolder folder;
  train(folder / "straight");
  const std::string run = folder / "killed";
  int kills = 0, status = 0;
  for (int attempt = 0;; ++attempt) {
    const pid_t pid = start_child(run);
    ASSERT_GT(pid, 0);
    if (!kill_after_progress(pid, run, std::chrono::microseconds(attempt * 1700 % 7000), &status)) break;
    ++kills;
    for (const std::string& name : list_checkpoints(run)) {
      EXPECT_NO_THROW(
          load_weights(Supervised(toy_net(), loss::cross_entropy).module(), fs::path(run) / "checkpoints" / name));
    }
  }
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_GE(kills, 3);
  expect_equal_runs(folder / "straight", run);
  for (const fs::directory_entry& e : fs::directory_iterator(run + "/checkpoints")) {
    EXPECT_NE(e.path().filename().string().substr(0, 4), ".unf") << "left behind: " << e.path();
  }
}

TEST(Resume, AFinishedRunIsLoadedAndEvaluated) {
  const TempFolder folder;
  train(folder / "run");
  Supervised task{toy_net(), loss::cross_entropy, {metrics::accuracy()}};
  Trainer trainer{task, optim::Adam{{.lr = 0.02}}, run_options(folder / "run")};
  const std::string before = io::read_file((folder / "run") + "/log.jsonl");
  const Results results = trainer.fit(blobs(70, 1), blobs(30, 2));
  EXPECT_EQ(trainer.progress().step, kSteps);
  EXPECT_EQ(results.values.at("accuracy"), trainer.progress().values.at("validation/accuracy"));
  EXPECT_EQ(io::read_file((folder / "run") + "/log.jsonl"), before);
}

TEST(Resume, MoreEpochsGoOn) {
  const TempFolder folder;
  train(folder / "run");
  Supervised task{toy_net(), loss::cross_entropy, {metrics::accuracy()}};
  TrainerOptions options = run_options(folder / "run");
  options.epochs = 5;
  Trainer trainer{task, optim::Adam{{.lr = 0.02}}, options};
  trainer.fit(blobs(70, 1), blobs(30, 2));
  EXPECT_EQ(trainer.progress().step, 25);
  EXPECT_EQ(pointed_to(folder / "run", "last"), "epoch-0005");
}

TEST(Resume, AnotherNetworkIsRefusedWithItsDifferencesAndNothingIsLost) {
  const TempFolder folder;
  train(folder / "run", 4);
  const std::string model = (folder / "run") + "/checkpoints/last/model.safetensors", before = io::read_file(model);
  Supervised task{
      nn::Sequential{nn::Linear{{.in = 2, .out = 8}}, nn::Linear{{.in = 8, .out = 4}}, nn::Linear{{.in = 4, .out = 3}}},
      loss::cross_entropy,
      {metrics::accuracy()}};
  const auto weights_before = weights(task);
  Trainer trainer{task, optim::Adam{{.lr = 0.02}}, run_options(folder / "run")};
  const std::string text = error_of([&] { trainer.fit(blobs(70, 1), blobs(30, 2)); });
  expect_contains(text, "does not fit this network");
  expect_contains(text, "missing     2.weight [3, 4] f32");
  expect_contains(text, "unexpected  4.weight [3, 8] f32");
  expect_contains(text, "mismatched  1.weight: the file has [8] f32, wanted is [4, 8] f32");
  EXPECT_EQ(weights(task), weights_before);
  EXPECT_EQ(io::read_file(model), before);
  train(folder / "run");  // the right one still goes on
}

TEST(Resume, OtherSettingsOrDataAreRefused) {
  const TempFolder folder;
  train(folder / "run", 4);
  Supervised task{toy_net(), loss::cross_entropy, {metrics::accuracy()}};
  TrainerOptions options = run_options(folder / "run");
  options.batch = 8;
  Trainer other_batch{task, optim::Adam{}, options};
  expect_contains(error_of([&] { other_batch.fit(blobs(70, 1), blobs(30, 2)); }), "batch: started with 16, now 8");
  Trainer other_rule{task, optim::Sgd{}, run_options(folder / "run")};
  expect_contains(error_of([&] { other_rule.fit(blobs(70, 1), blobs(30, 2)); }),
                  "optimizer: started with \"adam\", now \"sgd\"");
  Trainer other_data{task, optim::Adam{}, run_options(folder / "run")};
  expect_contains(error_of([&] { other_data.fit(blobs(70, 3), blobs(30, 2)); }), "training data");
}

TEST(Resume, ADamagedStateIsAnErrorThatNamesTheFile) {
  const TempFolder folder;
  train(folder / "run", 4);
  const std::string file = (folder / "run") + "/checkpoints/last/state.json", text = io::read_file(file);
  for (const std::string& damaged :
       {std::string(), text.substr(0, text.size() / 2), std::string("{}"), std::string("[1]")}) {
    io::write_file_atomically(file, damaged);
    expect_contains(error_of([&] { train(folder / "run"); }), "state.json: is not the state of a run");
  }
  io::write_file_atomically(file, text);
  train(folder / "run");
}

}  // namespace
}  // namespace lamina::train
