#include "lamina/train/callbacks.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "lamina/core/error.h"
#include "lamina/io/files.h"
#include "lamina/train/run_dir.h"
#include "lamina/train/trainer.h"

namespace lamina::train {

namespace {

/// A file that lines are added to. Each is written at once and checked: what a checkpoint knows of is then in the file
/// before it, and whoever follows the file sees it grow.
class Appender {
 public:
  void open(const std::string& path) {
    path_ = path;
    file_.reset(std::fopen(path.c_str(), "ab"));
    if (!file_) fail();
  }
  void add(const std::string& line) {
    if (std::fputs((line + "\n").c_str(), file_.get()) < 0 || std::fflush(file_.get()) != 0) fail();
  }

 private:
  struct Close {
    void operator()(std::FILE* f) const { std::fclose(f); }
  };
  [[noreturn]] void fail() const { throw Error(path_, std::string("cannot be written: ") + std::strerror(errno)); }

  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
};

class JsonLines final : public Callback {
 public:
  std::string name() const override { return "log_json_lines"; }

  void on_start(Trainer& t) override { out_.open(t.options().run_dir + "/log.jsonl"); }

  void on_step(Trainer& t) override {
    const Progress& p = t.progress();
    const TrainerOptions& o = t.options();
    loss_sum_ += p.loss;
    ++losses_;
    if (o.log_steps > 0 && p.step % o.log_steps == 0) {
      out_.add(LogLine{"step",
                       p.step,
                       p.epoch + 1,
                       {{"loss", loss_sum_ / static_cast<double>(losses_)}, {"lr", p.values.at("lr")}},
                       ""}
                   .json());
      loss_sum_ = 0;
      losses_ = 0;
    }
    if (o.statistics_steps > 0 && p.step % o.statistics_steps == 0) {
      LogLine line{"statistics", p.step, p.epoch + 1, {}, ""};
      for (const ParameterNorms& n : t.norms()) {
        line.values["gradient/" + n.name] = n.gradient;
        line.values["weight/" + n.name] = n.weight;
      }
      out_.add(line.json());
    }
  }

  void on_epoch_end(Trainer& t) override {
    const Progress& p = t.progress();
    out_.add(LogLine{"epoch", p.step, p.epoch + 1, p.values, ""}.json());
  }

  void on_end(Trainer& t) override {
    const Progress& p = t.progress();
    if (!t.stop_reason().empty())
      out_.add(LogLine{"stop", p.step, p.epoch + (p.batch > 0), {}, t.stop_reason()}.json());
  }

  std::string state() const override { return nlohmann::json{{"loss_sum", loss_sum_}, {"losses", losses_}}.dump(); }
  void load_state(const std::string& json) override {
    const nlohmann::json j = nlohmann::json::parse(json);
    loss_sum_ = j.at("loss_sum").get<double>();
    losses_ = j.at("losses").get<int64_t>();
  }

 private:
  Appender out_;
  double loss_sum_ = 0;
  int64_t losses_ = 0;
};

class Csv final : public Callback {
 public:
  std::string name() const override { return "log_csv"; }
  void on_epoch_end(Trainer& t) override {
    if (std::chrono::steady_clock::now() - written_ > std::chrono::seconds(1)) write(t);
  }
  void on_end(Trainer& t) override { write(t); }

 private:
  /// From log.jsonl, which is ahead of it: a new column needs no care.
  void write(Trainer& t) {
    const std::string& run_dir = t.options().run_dir;
    io::write_file_atomically(run_dir + "/log.csv", epochs_as_csv(read_log(run_dir)));
    written_ = std::chrono::steady_clock::now();
  }
  std::chrono::steady_clock::time_point written_;
};

class EarlyStopping final : public Callback {
 public:
  std::string name() const override { return "stop_early"; }
  void on_epoch_end(Trainer& t) override {
    const Best& best = t.best();
    const int64_t waited = t.progress().epoch - best.epoch;
    if (best.epoch < 0 || waited < t.options().patience || t.progress().epoch + 1 >= t.progress().epochs) return;
    t.request_stop("no improvement of " + best.metric + " for " + std::to_string(waited) + " epochs; the best was " +
                   value_text(best.value) + " in epoch " + std::to_string(best.epoch + 1));
  }
};

class Checkpoints final : public Callback {
 public:
  std::string name() const override { return "save_checkpoints"; }
  void on_step(Trainer& t) override {
    const int64_t every = t.options().checkpoint_steps;
    if (every > 0 && t.progress().step % every == 0) save(t);
  }
  void on_epoch_end(Trainer& t) override { save(t); }
  void on_end(Trainer& t) override {
    if (saved_step_ != t.progress().step) save(t);
  }

 private:
  void save(Trainer& t) {
    t.save_checkpoint();
    saved_step_ = t.progress().step;
  }
  int64_t saved_step_ = -1;
};

}  // namespace

CallbackPtr log_json_lines() { return std::make_shared<JsonLines>(); }
CallbackPtr log_csv() { return std::make_shared<Csv>(); }
CallbackPtr stop_early() { return std::make_shared<EarlyStopping>(); }
CallbackPtr save_checkpoints() { return std::make_shared<Checkpoints>(); }

std::string clock_text(double seconds) {
  const auto s = static_cast<int64_t>(seconds + 0.5);
  char text[32];
  if (s >= 3600) {
    std::snprintf(text, sizeof text, "%d:%02d:%02d", static_cast<int>(s / 3600), static_cast<int>(s / 60 % 60),
                  static_cast<int>(s % 60));
  } else {
    std::snprintf(text, sizeof text, "%d:%02d", static_cast<int>(s / 60), static_cast<int>(s % 60));
  }
  return text;
}

std::string value_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

}  // namespace lamina::train
