// A run directory:
//
//   recipe.yaml        what was asked for, resolved (written by the command line)
//   environment.json   machine, versions, command, data, seed
//   log.jsonl log.csv  what was measured
//   checkpoints/       see checkpoint.h
//   report.html
#pragma once

#include <map>
#include <string>
#include <vector>

namespace lamina::train {

/// Holds a run directory for one run: makes it where it is missing, and locks it. Throws Error where another run holds
/// it, or it cannot be written.
class RunDirectory {
 public:
  explicit RunDirectory(std::string path);
  ~RunDirectory();
  RunDirectory(const RunDirectory&) = delete;

 private:
  std::string path_;
  int lock_ = -1;
};

/// One line of log.jsonl.
struct LogLine {
  std::string event;  // "step", "epoch", "statistics", "stop"
  int64_t step = 0, epoch = 0;
  std::map<std::string, double> values;
  std::string reason;  // of "stop"
  std::string json() const;
};

/// All whole lines of a run's log; empty where there is none.
std::vector<LogLine> read_log(const std::string& run_dir);

/// Drops what was logged after a checkpoint: lines beyond its step, of its epoch's end unless that had been reached,
/// and notes of a stop. log.csv is written anew to agree.
void rewind_log(const std::string& run_dir, int64_t step, bool epoch_done);

/// A CSV table of the epochs: epoch, step, then all values by name.
std::string epochs_as_csv(const std::vector<LogLine>& lines);

/// Machine, versions, threads, command and start time of this process, by name, in the order to show.
std::vector<std::pair<std::string, std::string>> environment();
/// environment() with more entries, as JSON; a file that is there keeps its content and notes the resumption.
void write_environment(const std::string& run_dir, const std::vector<std::pair<std::string, std::string>>& more);

}  // namespace lamina::train
