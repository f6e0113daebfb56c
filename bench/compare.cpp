#include "bench/compare.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "bench/memory.h"
#include "bench/overhead.h"
#include "bench/peer.h"
#include "bench/steps.h"
#include "lamina/core/error.h"
#include "lamina/core/parallel.h"
#include "lamina/graph/capture.h"
#include "lamina/runtime/machine.h"

namespace lamina::bench {

namespace {

using nlohmann::json;

constexpr double kProbeSeconds = 0.5;
// Of the first result, relative; and of two more training steps, where rounding grows with every update (how far, and
// that it is rounding: tests/graph/rounding_test.cpp).
constexpr double kAgreement = 1e-4, kAgreementLater = 2e-2;
constexpr int kRounds = 3;

struct PeerScript {
  const char* name;
  const char* script;
  bool training, inference;
};
constexpr PeerScript kPeers[] = {{"torch", "torch_peer.py", true, true},
                                 {"jax", "jax_peer.py", true, false},
                                 {"ort", "ort_peer.py", false, true},
                                 {"mnn", "mnn_peer.py", false, true}};

const PeerScript& find_peer(const std::string& name) {
  NameList names;
  for (const PeerScript& p : kPeers) {
    if (name == p.name) return p;
    names.add(p.name);
  }
  const std::string nearest = names.nearest(name);
  throw Error("--peers", "there is no peer \"" + name + "\"")
      .hint((nearest.empty() ? "" : "did you mean \"" + nearest + "\"? ") + "there are: none, all, " + names.str());
}

/// One setting of one peer.
json request(const std::string& file, double dropout, const std::string& mode, int threads, bool channels_last) {
  return {{"file", file},
          {"dropout", dropout},
          {"mode", mode},
          {"threads", threads},
          {"channels_last", channels_last},
          {"seconds", kProbeSeconds}};
}

std::string describe(const json& r) {
  std::string text = r["mode"].get<std::string>() + ", " + std::to_string(r["threads"].get<int>()) + " threads";
  return r["channels_last"].get<bool>() ? text + ", channels-last" : text;
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

/// A peer with one workload: a process of its own, so that its memory is that of this workload.
struct Contender {
  std::unique_ptr<Peer> peer;
  json setting;  // the best one
  std::vector<double> ms;
  int64_t peak_bytes = 0;
};

class Comparison {
 public:
  explicit Comparison(const CompareOptions& options) : options_(options), machine_(runtime::measure_machine()) {
    std::string pattern = std::filesystem::temp_directory_path() / "lamina-bench-XXXXXX";
    if (!mkdtemp(pattern.data())) throw Error("bench", "could not make a temporary folder").detail(pattern);
    folder_ = pattern;
    overhead_ns_ = measure_replay_overhead();
    reset_peak_resident();
    resident_at_start_ = resident_bytes();
  }
  ~Comparison() { std::filesystem::remove_all(folder_); }

  void run() {
    const std::vector<const Workload*> chosen = chosen_workloads(options_.only);
    if (!options_.json) print_head();
    json rows = json::array();
    for (const Workload* entry : chosen) {
      json row = measure(*entry);
      if (!options_.json) print(row);
      rows.push_back(std::move(row));
    }
    if (options_.json) {
      std::cout << json{{"machine", machine_json()}, {"rows", rows}}.dump(2) << "\n";
    } else {
      print_details(rows);
    }
  }

 private:
  json machine_json() const {
    return {{"cpu", machine_.cpu},
            {"threads", machine_.threads},
            {"gflops", machine_.flops_per_second / 1e9},
            {"gbytes", machine_.bytes_per_second / 1e9},
            {"replay_ns_per_node", overhead_ns_}};
  }

  /// `dropout` is that of the steps that are timed.
  std::vector<json> settings_of(const std::string& name, const std::string& file, double dropout, bool images) const {
    const bool torch = name == "torch";
    std::vector<int> threads{num_threads()};
    if (num_threads() > 1 && name != "jax") threads.insert(threads.begin(), 1);  // JAX takes all that there are
    std::vector<json> settings;
    for (bool channels_last : {false, true}) {
      if (channels_last && !(torch && images)) continue;
      for (int t : threads) settings.push_back(request(file, dropout, torch ? "eager" : "graph", t, channels_last));
      if (torch && options_.compile)
        settings.push_back(request(file, dropout, "compile", num_threads(), channels_last));
    }
    return settings;
  }

  /// The peer's settings, each tried briefly; the best one, or null where it cannot run the workload.
  json best_setting(const std::string& name, Peer& peer, std::vector<json> settings) {
    json best;
    double least = 0;
    for (json& r : settings) {
      const json answer = peer.ask(r);
      if (answer.contains("error")) {
        const std::string error = answer["error"];
        if (error.find(kNotWritten) != std::string::npos) break;
        std::cerr << name << ", " << describe(r) << ": " << error << "\n";
        continue;
      }
      check_agreement(name, r, answer["errors"]);
      const double ms = answer["ms_median"];
      if (!best.is_null() && ms >= least) continue;
      least = ms;
      best = r;
      best["first_ms"] = answer["first_ms"];
      best["errors"] = answer["errors"];
    }
    return best;
  }

  static void check_agreement(const std::string& name, const json& setting, const std::vector<double>& errors) {
    for (size_t i = 0; i < errors.size(); ++i) {
      if (errors[i] <= (i == 0 ? kAgreement : kAgreementLater)) continue;
      throw Error("bench", "Lamina and " + name + " disagree: relative difference " + std::to_string(errors[i]) +
                               " in step " + std::to_string(i + 1))
          .detail(setting["file"].get<std::string>() + ", " + describe(setting));
    }
  }

  std::map<std::string, Contender> contenders(const Workload& entry, const std::string& file, bool images) {
    std::map<std::string, Contender> list;
    for (const std::string& name : options_.peers) {
      const PeerScript& script = find_peer(name);
      if (!(entry.is_inference() ? script.inference : script.training)) continue;
      Contender c{
          std::make_unique<Peer>(options_.environment + "/bin/python", options_.scripts + "/" + script.script), {}, {}};
      c.setting = best_setting(name, *c.peer, settings_of(name, file, entry.dropout, images));
      if (!c.setting.is_null()) list[name] = std::move(c);
    }
    return list;
  }

  json measure(const Workload& entry) {
    const std::string file = folder_ + "/" + entry.name + ".safetensors";
    auto ours = std::make_unique<Session>(entry, StepOptions{.dropout = false, .save_file = file});
    std::map<std::string, Contender> peers = contenders(entry, file, ours->has_images());
    if (entry.dropout > 0) ours = std::make_unique<Session>(entry, StepOptions{});
    // Ours, theirs, ours, theirs: a drift of the machine meets all alike.
    std::vector<double> our_ms;
    int64_t our_peak = 0;
    for (int round = 0; round < kRounds; ++round) {
      const Times times = ours->measure(options_.seconds / kRounds);
      our_ms.push_back(times.ms_median);
      our_peak = round == 0 ? times.peak_bytes : std::min(our_peak, times.peak_bytes);
      for (auto& [name, c] : peers) {
        c.setting["seconds"] = options_.seconds / kRounds;
        const json answer = c.peer->ask(c.setting);
        if (answer.contains("error")) continue;
        c.ms.push_back(answer["ms_median"]);
        const int64_t peak = answer["peak_bytes"];
        c.peak_bytes = c.ms.size() == 1 ? peak : std::min(c.peak_bytes, peak);
      }
    }
    std::filesystem::remove(file);
    return row(entry, *ours, median(our_ms), our_peak - resident_at_start_, peers);
  }

  json row(const Workload& entry, const Session& ours, double our_ms, int64_t our_peak,
           const std::map<std::string, Contender>& peers) const {
    const graph::Report& report = ours.report();
    // A training step reads and writes weights and moments, inference reads weights.
    const double bytes = (entry.is_inference() ? 1.0 : 2.0) * static_cast<double>(report.state_bytes);
    const double floor_ms = machine_.seconds(report.flops, bytes) * 1e3;
    json r{{"name", entry.name},
           {"text", entry.text},
           {"ours_ms", our_ms},
           {"first_ms", ours.first_ms()},
           {"prepare_ms", ours.prepare_ms()},
           {"floor_ms", floor_ms},
           {"limit", floor_ms / our_ms},
           {"nodes", report.steps},
           {"planned_bytes", report.arena_bytes + report.state_bytes},
           {"peak_bytes", our_peak},
           {"peers", json::object()},
           {"peer", nullptr},
           {"peer_ms", nullptr},
           {"ratio", nullptr}};
    for (const auto& [name, c] : peers) {
      if (c.ms.empty()) continue;
      const double ms = median(c.ms);
      r["peers"][name] = {{"ms", ms},
                          {"setting", describe(c.setting)},
                          {"first_ms", c.setting.at("first_ms")},
                          {"errors", c.setting.at("errors")},
                          {"peak_bytes", c.peak_bytes}};
      if (r["peer"].is_null() || ms < r["peer_ms"].get<double>()) {
        r["peer"] = name;
        r["peer_ms"] = ms;
        r["ratio"] = ms / our_ms;
      }
    }
    return r;
  }

  void print_head() const {
    std::cout << machine_.text() << "\n";
    std::printf("replaying a compiled step: %.1f ns per node besides the kernels\n\n", overhead_ns_);
    std::printf("%-22s %10s %6s", "workload", "ours ms", "limit");
    for (const std::string& name : options_.peers) std::printf(" %10s", (name + " ms").c_str());
    std::printf("  %s\n", options_.peers.empty() ? "" : "best peer ÷ ours");
    std::fflush(stdout);
  }

  void print(const json& r) const {
    std::printf("%-22s %10.4f %5.0f%%", r["name"].get<std::string>().c_str(), r["ours_ms"].get<double>(),
                100 * r["limit"].get<double>());
    for (const std::string& name : options_.peers) {
      if (r["peers"].contains(name)) {
        std::printf(" %10.4f", r["peers"][name]["ms"].get<double>());
      } else {
        std::printf(" %10s", "");
      }
    }
    if (!r["ratio"].is_null()) {
      const std::string peer = r["peer"];
      std::printf("  %5.2f  %s, %s", r["ratio"].get<double>(), peer.c_str(),
                  r["peers"][peer]["setting"].get<std::string>().c_str());
    }
    std::printf("\n");
    std::fflush(stdout);
  }

  /// What a user waits for and pays besides the time of a step.
  void print_details(const json& rows) const {
    std::printf("\n%-22s %22s", "first step, peak", "ours");
    for (const std::string& name : options_.peers) std::printf(" %22s", name.c_str());
    std::printf("\n");
    const auto cell = [](const json& of) {
      std::printf(" %9.1f ms %6.0f MiB", of["first_ms"].get<double>(), of["peak_bytes"].get<double>() / 0x1p20);
    };
    for (const json& r : rows) {
      std::printf("%-22s", r["name"].get<std::string>().c_str());
      cell(r);
      for (const std::string& name : options_.peers) {
        if (r["peers"].contains(name)) {
          cell(r["peers"][name]);
        } else {
          std::printf(" %22s", "");
        }
      }
      std::printf("\n");
    }
  }

  // A peer's answer where it has no such network; trying other settings is of no use.
  static constexpr const char* kNotWritten = "not written";

  const CompareOptions& options_;
  runtime::Machine machine_;
  std::string folder_;
  double overhead_ns_ = 0;
  int64_t resident_at_start_ = 0;
};

}  // namespace

std::vector<std::string> peer_names() {
  std::vector<std::string> names;
  for (const PeerScript& p : kPeers) names.emplace_back(p.name);
  return names;
}

void run_compare(const CompareOptions& options) {
  for (const std::string& name : options.peers) find_peer(name);
  Comparison(options).run();
}

}  // namespace lamina::bench
