#include "lamina/train/run_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "lamina/core/error.h"
#include "lamina/core/parallel.h"
#include "lamina/io/files.h"
#include "lamina/runtime/doctor.h"

namespace lamina::train {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

RunDirectory::RunDirectory(std::string path) : path_(std::move(path)) {
  io::make_folders(path_);
  const std::string file = path_ + "/.lock";
  lock_ = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_ < 0) throw Error(path_, std::string("the run directory cannot be written: ") + std::strerror(errno));
  if (flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    char holder[32] = {};
    const bool known = pread(lock_, holder, sizeof holder - 1, 0) > 0;
    close(lock_);
    throw Error(path_, "another run uses this directory" + (known ? " (process " + std::string(holder) + ")" : ""))
        .hint("wait for it, or choose another run directory");
  }
  const std::string pid = std::to_string(getpid());
  // The number is for the message above; the lock does not depend on it.
  if (ftruncate(lock_, 0) == 0) static_cast<void>(!pwrite(lock_, pid.data(), pid.size(), 0));
}

RunDirectory::~RunDirectory() {
  static_cast<void>(!ftruncate(lock_, 0));
  close(lock_);
}

std::string LogLine::json() const {
  ordered_json j;
  j["event"] = event;
  j["epoch"] = epoch;
  j["step"] = step;
  for (const auto& [name, value] : values) j[name] = value;
  if (!reason.empty()) j["reason"] = reason;
  return j.dump();
}

namespace {

std::string log_path(const std::string& run_dir) { return run_dir + "/log.jsonl"; }

LogLine parsed(const ordered_json& j) {
  LogLine line;
  for (const auto& [key, value] : j.items()) {
    if (key == "event")
      line.event = value.get<std::string>();
    else if (key == "epoch")
      line.epoch = value.get<int64_t>();
    else if (key == "step")
      line.step = value.get<int64_t>();
    else if (key == "reason")
      line.reason = value.get<std::string>();
    else if (value.is_number())
      line.values[key] = value.get<double>();
    else if (value.is_null())
      line.values[key] = NAN;
  }
  return line;
}

}  // namespace

std::vector<LogLine> read_log(const std::string& run_dir) {
  std::vector<LogLine> lines;
  std::ifstream in(log_path(run_dir));
  for (std::string text; std::getline(in, text);) {
    const ordered_json j = ordered_json::parse(text, nullptr, false);
    if (j.is_discarded() || !j.is_object()) break;  // torn by a crash: nothing after it counts
    try {
      lines.push_back(parsed(j));
    } catch (const ordered_json::exception&) {
      throw Error(log_path(run_dir) + ":" + std::to_string(lines.size() + 1), "is not a line of a run's log")
          .hint("remove the line, or the file");
    }
  }
  return lines;
}

void rewind_log(const std::string& run_dir, int64_t step, bool epoch_done) {
  if (!fs::exists(log_path(run_dir))) return;
  std::string kept;
  std::vector<LogLine> lines;
  for (LogLine& line : read_log(run_dir)) {
    const bool before = line.step < step || (line.step == step && (epoch_done || line.event != "epoch"));
    if (!before || line.event == "stop") continue;
    kept += line.json() + "\n";
    lines.push_back(std::move(line));
  }
  io::write_file_atomically(log_path(run_dir), kept);
  io::write_file_atomically(run_dir + "/log.csv", epochs_as_csv(lines));
}

std::string epochs_as_csv(const std::vector<LogLine>& lines) {
  std::set<std::string> columns;
  for (const LogLine& line : lines) {
    if (line.event != "epoch") continue;
    for (const auto& [name, value] : line.values) columns.insert(name);
  }
  if (columns.empty()) return "";
  std::string text = "epoch,step";
  for (const std::string& c : columns) text += "," + c;
  text += "\n";
  for (const LogLine& line : lines) {
    if (line.event != "epoch") continue;
    text += std::to_string(line.epoch) + "," + std::to_string(line.step);
    for (const std::string& c : columns) {
      const auto it = line.values.find(c);
      char number[32] = "";
      if (it != line.values.end()) std::snprintf(number, sizeof number, "%.9g", it->second);
      text += std::string(",") + number;
    }
    text += "\n";
  }
  return text;
}

namespace {

std::string first_line_with(const char* file, const std::string& key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(key)) continue;
    const size_t start = line.find_first_of(":=");
    if (start == std::string::npos) continue;
    std::string value = line.substr(line.find_first_not_of(" \t:=\"", start));
    while (!value.empty() && (value.back() == '"' || value.back() == ' ')) value.pop_back();
    return value;
  }
  return "unknown";
}

/// Words that the shell would take apart are quoted.
std::string command_line() {
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  std::string text;
  for (std::string word; std::getline(in, word, '\0');) {
    const bool plain = !word.empty() && word.find_first_of(" \t\n'\"\\$&|;<>()*?[]{}#~`!") == std::string::npos;
    std::string quoted = word;
    if (!plain) {
      quoted = "'";
      for (char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
      quoted += "'";
    }
    text += (text.empty() ? "" : " ") + quoted;
  }
  return text;
}

std::string now() {
  const std::time_t t = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&t, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> environment() {
  utsname system{};
  uname(&system);
  std::vector<std::pair<std::string, std::string>> list{
      {"lamina", LAMINA_VERSION},
      {"started", now()},
      {"command", command_line()},
      {"folder", fs::current_path().string()},
      {"cpu", first_line_with("/proc/cpuinfo", "model name")},
      {"cores", std::to_string(std::thread::hardware_concurrency())},
      {"threads", std::to_string(num_threads())},
      {"system", first_line_with("/etc/os-release", "PRETTY_NAME") + ", " + system.sysname + " " + system.release},
      {"compiler",
#ifdef __clang__
       "clang " __clang_version__
#else
       "g++ " __VERSION__
#endif
      }};
  for (const runtime::Finding& f : runtime::examine()) {
    if (f.group == "libraries" || f.name == "vector kernels for") list.emplace_back(f.name, f.value);
  }
  return list;
}

void write_environment(const std::string& run_dir, const std::vector<std::pair<std::string, std::string>>& more) {
  const std::string path = run_dir + "/environment.json";
  ordered_json j;
  if (fs::exists(path)) j = ordered_json::parse(io::read_file(path), nullptr, false);
  if (!j.is_object()) {
    j = ordered_json::object();
    for (const auto& [name, value] : environment()) j[name] = value;
    for (const auto& [name, value] : more) j[name] = value;
  } else {
    j["resumed"].push_back({{"started", now()}, {"command", command_line()}});
  }
  io::write_file_atomically(path, j.dump(2) + "\n");
}

}  // namespace lamina::train
