#include "lamina/runtime/profiler.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace lamina::runtime {

void Profiler::record(const StepInfo& step, double begin, double end) {
  std::string details = step.kernel.empty() ? "" : "[" + step.kernel + "]";
  if (!step.module_path.empty()) details += (details.empty() ? "# " : "  # ") + step.module_path;
  Total& t = totals_[step.name + (details.empty() ? "" : "  " + details)];
  ++t.runs;
  t.seconds += end - begin;
  t.flops += step.flops;
  t.bytes += step.bytes;
  events_.push_back({step.name, std::move(details), begin, end, step.flops, step.bytes});
}

std::string Profiler::table(const Machine& machine) const {
  std::vector<std::pair<std::string, Total>> rows(totals_.begin(), totals_.end());
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.second.seconds > b.second.seconds; });
  double whole = 0;
  for (const auto& row : rows) whole += row.second.seconds;
  std::string text = "    runs         ms   share     MFLOP        MB   GFLOP/s      GB/s   limit  node\n";
  for (const auto& [name, t] : rows) {
    const double seconds = std::max(t.seconds, 1e-12), runs = static_cast<double>(t.runs);
    char line[160];
    std::snprintf(line, sizeof line, "%8lld %10.3f %6.1f%% %9.3f %9.3f %9.1f %9.1f %6.0f%%  ",
                  static_cast<long long>(t.runs), t.seconds * 1e3, 100 * t.seconds / std::max(whole, 1e-12),
                  t.flops / runs * 1e-6, t.bytes / runs * 1e-6, t.flops / seconds * 1e-9, t.bytes / seconds * 1e-9,
                  100 * machine.seconds(t.flops, t.bytes) / seconds);
    text += line + name + "\n";
  }
  return text;
}

std::string Profiler::chrome_trace() const {
  nlohmann::json events = nlohmann::json::array();
  for (const Event& e : events_) {
    events.push_back({{"name", e.name},
                      {"ph", "X"},
                      {"pid", 1},
                      {"tid", 1},
                      {"ts", (e.begin - events_.front().begin) * 1e6},
                      {"dur", (e.end - e.begin) * 1e6},
                      {"args", {{"details", e.details}, {"flops", e.flops}, {"bytes", e.bytes}}}});
  }
  return nlohmann::json{{"traceEvents", std::move(events)}}.dump();
}

}  // namespace lamina::runtime
