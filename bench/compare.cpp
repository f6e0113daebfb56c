#include "bench/compare.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "bench/machine.h"
#include "bench/peer.h"
#include "bench/steps.h"
#include "lamina/core/error.h"
#include "lamina/core/parallel.h"
#include "lamina/graph/capture.h"

namespace lamina::bench {

namespace {

using nlohmann::json;

constexpr double kProbeSeconds = 0.5;
// Of the first result, relative; and of two more training steps, where rounding grows with every update.
constexpr double kAgreement = 1e-4, kAgreementLater = 2e-2;

/// One setting of one peer.
json request(const std::string& file, const std::string& mode, int threads, bool channels_last, double seconds) {
  return {{"file", file}, {"mode", mode}, {"threads", threads}, {"channels_last", channels_last}, {"seconds", seconds}};
}

std::string describe(const std::string& peer, const json& r) {
  std::string text = peer + ", " + std::to_string(r["threads"].get<int>()) + " threads";
  return r["channels_last"].get<bool>() ? text + ", channels-last" : text;
}

class Comparison {
 public:
  explicit Comparison(const CompareOptions& options) : options_(options), machine_(measure_machine()) {
    std::string pattern = std::filesystem::temp_directory_path() / "lamina-bench-XXXXXX";
    if (!mkdtemp(pattern.data())) throw Error("bench", "could not make a temporary folder").detail(pattern);
    folder_ = pattern;
    for (const std::string& name : options.peers) start(name);
  }
  ~Comparison() { std::filesystem::remove_all(folder_); }

  void run() {
    if (!options_.json) print_head();
    json rows = json::array();
    for (const WorkloadEntry* entry : chosen_workloads(options_.only)) {
      json row = measure(*entry);
      if (!options_.json) print(row);
      rows.push_back(std::move(row));
    }
    if (options_.json) std::cout << json{{"machine", machine_.json()}, {"rows", rows}}.dump(2) << "\n";
  }

 private:
  void start(const std::string& name) {
    static const std::map<std::string, std::string> kScripts{{"torch", "torch_peer.py"},
                                                             {"torch-compiled", "torch_peer.py"},
                                                             {"jax", "jax_peer.py"},
                                                             {"ort", "ort_peer.py"}};
    const auto script = kScripts.find(name);
    if (script == kScripts.end()) {
      throw Error("peers", "there is no peer \"" + name + "\"").hint("there are: torch, torch-compiled, jax, ort");
    }
    try {
      peers_[name] =
          std::make_unique<Peer>(options_.environment + "/bin/python", options_.scripts + "/" + script->second);
    } catch (const Error& e) {
      std::cerr << "Without " << name << ": " << e.what() << "\n";
    }
  }

  /// The peer's settings, each tried briefly; the best one, or null where it cannot run the workload.
  json best_setting(const std::string& name, Peer& peer, const std::string& file, bool image) {
    json best;
    double least = 0;
    const std::string mode = name == "torch-compiled" ? "compile" : "eager";
    const bool has_layouts = image && name.rfind("torch", 0) == 0;
    std::vector<int> thread_counts{1};
    if (num_threads() > 1 && name != "jax") thread_counts.push_back(num_threads());
    for (int threads : thread_counts) {
      for (bool channels_last : {false, true}) {
        if (channels_last && !has_layouts) continue;
        json r = request(file, mode, threads, channels_last, kProbeSeconds);
        const json answer = peer.ask(r);
        if (answer.contains("error")) {
          std::cerr << describe(name, r) << ": " << answer["error"].get<std::string>() << "\n";
          continue;
        }
        const std::vector<double> errors = answer["errors"];
        for (size_t i = 0; i < errors.size(); ++i) {
          if (errors[i] <= (i == 0 ? kAgreement : kAgreementLater)) continue;
          throw Error("bench", "Lamina and " + name + " disagree: relative difference " + std::to_string(errors[i]) +
                                   " in step " + std::to_string(i + 1))
              .detail(file);
        }
        const double ms = answer["ms_median"];
        if (best.is_null() || ms < least) {
          least = ms;
          best = r;
          best["first_ms"] = answer["first_ms"];
          best["errors"] = errors;
        }
      }
    }
    return best;
  }

  json measure(const WorkloadEntry& entry) {
    const std::string file = folder_ + "/" + entry.name + ".safetensors";
    Session ours(entry, {.save_file = file});
    const bool image = ours.report().flops > 0 && entry.make().input.rank() == 4;
    std::map<std::string, json> settings;
    for (auto& [name, peer] : peers_) {
      const bool inference = entry.name.rfind("infer", 0) == 0;
      if (name == "ort" && !inference) continue;
      if (json best = best_setting(name, *peer, file, image); !best.is_null()) settings[name] = std::move(best);
    }
    // Ours, theirs, ours, theirs: a drift of the machine meets all alike.
    constexpr int kRounds = 3;
    std::vector<double> our_ms;
    std::map<std::string, std::vector<double>> their_ms;
    std::map<std::string, double> their_peak;
    for (int round = 0; round < kRounds; ++round) {
      our_ms.push_back(ours.measure(options_.seconds / kRounds).ms_median);
      for (auto& [name, setting] : settings) {
        setting["seconds"] = options_.seconds / kRounds;
        const json answer = peers_[name]->ask(setting);
        if (answer.contains("error")) continue;
        their_ms[name].push_back(answer["ms_median"]);
        their_peak[name] = answer["peak_bytes"];
      }
    }
    std::filesystem::remove(file);
    return row(entry, ours, median(our_ms), settings, their_ms, their_peak);
  }

  static double median(std::vector<double> v) {
    std::sort(v.begin(), v.end());
    return v[v.size() / 2];
  }

  json row(const WorkloadEntry& entry, const Session& ours, double our_ms, const std::map<std::string, json>& settings,
           const std::map<std::string, std::vector<double>>& their_ms,
           const std::map<std::string, double>& their_peak) {
    const graph::Report& report = ours.report();
    // What binds: multiplications at the FMA peak, or weights and moments at the memory's bandwidth.
    const double floor_ms = std::max(report.flops / machine_.flops_per_second,
                                     2 * static_cast<double>(report.state_bytes) / machine_.bytes_per_second) *
                            1e3;
    json r{{"name", entry.name},
           {"text", entry.text},
           {"ours_ms", our_ms},
           {"first_ms", ours.first_ms()},
           {"floor_ms", floor_ms},
           {"limit", floor_ms / our_ms},
           {"arena_bytes", report.arena_bytes + report.state_bytes},
           {"peers", json::object()},
           {"peer", nullptr},
           {"peer_ms", nullptr},
           {"ratio", nullptr}};
    for (const auto& [name, times] : their_ms) {
      const double ms = median(times);
      const json& setting = settings.at(name);
      r["peers"][name] = {{"ms", ms},
                          {"setting", describe(name, setting)},
                          {"first_ms", setting.at("first_ms")},
                          {"errors", setting.at("errors")},
                          {"peak_bytes", their_peak.at(name)}};
      if (r["peer"].is_null() || ms < r["peer_ms"].get<double>()) {
        r["peer"] = name;
        r["peer_ms"] = ms;
        r["ratio"] = ms / our_ms;
      }
    }
    return r;
  }

  void print_head() const {
    std::cout << machine_.text() << "\n\n";
    std::printf("%-20s %10s %8s %10s", "workload", "ours ms", "limit", "first ms");
    for (const auto& [name, peer] : peers_) std::printf(" %15s", (name + " ms").c_str());
    std::printf(" %8s\n", "ratio");
    std::fflush(stdout);
  }

  void print(const json& r) const {
    std::printf("%-20s %10.4f %7.0f%% %10.1f", r["name"].get<std::string>().c_str(), r["ours_ms"].get<double>(),
                100 * r["limit"].get<double>(), r["first_ms"].get<double>());
    for (const auto& [name, peer] : peers_) {
      if (r["peers"].contains(name)) {
        std::printf(" %15.4f", r["peers"][name]["ms"].get<double>());
      } else {
        std::printf(" %15s", "");
      }
    }
    if (!r["ratio"].is_null()) std::printf(" %7.2fx", r["ratio"].get<double>());
    std::printf("\n");
    std::fflush(stdout);
  }

  const CompareOptions& options_;
  Machine machine_;
  std::string folder_;
  std::map<std::string, std::unique_ptr<Peer>> peers_;
};

}  // namespace

void run_compare(const CompareOptions& options) { Comparison(options).run(); }

}  // namespace lamina::bench
