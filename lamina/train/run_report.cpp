#include "lamina/train/run_report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "lamina/core/error.h"
#include "lamina/data/loader.h"
#include "lamina/graph/capture.h"
#include "lamina/io/files.h"
#include "lamina/nn/summary.h"
#include "lamina/train/callbacks.h"
#include "lamina/train/run_dir.h"
#include "lamina/train/trainer_internal.h"

namespace lamina::train {

namespace fs = std::filesystem;
using nlohmann::ordered_json;
using report::Series;

namespace {

/// "61,706".
std::string grouped(double number) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.0f", number);
  std::string text = digits;
  for (auto i = static_cast<int64_t>(text.size()) - 3; i > 0; i -= 3) text.insert(static_cast<size_t>(i), ",");
  return text;
}

/// "1.2 MiB".
std::string bytes_text(double bytes) {
  const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  for (; bytes >= 1024 && unit < 4; bytes /= 1024) ++unit;
  char text[32];
  std::snprintf(text, sizeof text, unit ? "%.2f %s" : "%.0f %s", bytes, units[unit]);
  return text;
}

/// "235k", "1.2M".
std::string short_text(double number) {
  const char* units[] = {"", "k", "M", "G", "T"};
  size_t unit = 0;
  for (; number >= 1000 && unit < 4; number /= 1000) ++unit;
  char text[32];
  std::snprintf(text, sizeof text, "%.3g%s", number, units[unit]);
  return text;
}

/// Means of neighbours, so that a long run draws as few points as a short one.
Series thinned(const Series& s) {
  constexpr size_t kPoints = 400;
  const size_t group = (s.x.size() + kPoints - 1) / kPoints;
  if (group <= 1) return s;
  Series out{s.name, {}, {}, s.faint};
  for (size_t i = 0; i < s.x.size(); i += group) {
    const size_t end = std::min(s.x.size(), i + group);
    double x = 0, y = 0;
    for (size_t k = i; k < end; ++k) x += s.x[k], y += s.y[k];
    out.x.push_back(x / static_cast<double>(end - i));
    out.y.push_back(y / static_cast<double>(end - i));
  }
  return out;
}

class Curves {
 public:
  explicit Curves(const std::vector<LogLine>& lines) : lines_(lines) {
    for (const LogLine& line : lines) {
      if (line.event == "epoch" && line.epoch > 0)
        steps_per_epoch_ = static_cast<double>(line.step) / static_cast<double>(line.epoch);
    }
    x_label_ = steps_per_epoch_ > 0 ? "epoch" : "step";
  }

  Series of(const std::string& event, const std::string& key, const std::string& name) const {
    Series s{name, {}, {}};
    for (const LogLine& line : lines_) {
      const auto it = line.values.find(key);
      if (line.event != event || it == line.values.end()) continue;
      s.x.push_back(steps_per_epoch_ > 0 ? static_cast<double>(line.step) / steps_per_epoch_
                                         : static_cast<double>(line.step));
      s.y.push_back(it->second);
    }
    return s;
  }

  std::set<std::string> keys(const std::string& event, const std::string& prefix) const {
    std::set<std::string> found;
    for (const LogLine& line : lines_) {
      if (line.event != event) continue;
      for (const auto& [key, value] : line.values) {
        if (key.starts_with(prefix)) found.insert(key);
      }
    }
    return found;
  }

  const std::string& x_label() const { return x_label_; }

 private:
  const std::vector<LogLine>& lines_;
  double steps_per_epoch_ = 0;
  std::string x_label_;
};

report::Chart loss_chart(const Curves& curves) {
  report::Chart chart{"Loss", curves.x_label(), {}};
  Series steps = thinned(curves.of("step", "loss", "training, within epochs"));
  steps.faint = true;
  for (Series s :
       {steps, curves.of("epoch", "loss", "training"), curves.of("epoch", "validation/loss", "validation")}) {
    if (!s.x.empty()) chart.series.push_back(std::move(s));
  }
  double low = INFINITY, high = 0;
  for (const Series& s : chart.series) {
    for (double y : s.y) low = std::min(low, y), high = std::max(high, y);
  }
  chart.log_y = low > 0 && high / low > 10;
  return chart;
}

/// Shares between 0 and 1 together, everything else for itself.
void add_metric_charts(report::Report& page, const Curves& curves) {
  report::Chart shares{"Validation metrics", curves.x_label(), {}};
  std::vector<report::Chart> others;
  for (const std::string& key : curves.keys("epoch", "validation/")) {
    if (key == "validation/loss") continue;
    Series s = curves.of("epoch", key, key.substr(11));
    const bool share = std::all_of(s.y.begin(), s.y.end(), [](double y) { return y >= 0 && y <= 1; });
    if (share)
      shares.series.push_back(std::move(s));
    else
      others.push_back({"Validation " + key.substr(11), curves.x_label(), {std::move(s)}});
  }
  if (!shares.series.empty()) page.charts.push_back(std::move(shares));
  for (report::Chart& c : others) page.charts.push_back(std::move(c));
}

void add_norm_chart(report::Report& page, const Curves& curves) {
  constexpr size_t kLines = 6;
  report::Chart chart{"Gradient norms", curves.x_label(), {}, true};
  for (const std::string& key : curves.keys("statistics", "gradient/")) {
    if (key.ends_with("weight") && chart.series.size() < kLines)
      chart.series.push_back(thinned(curves.of("statistics", key, key.substr(9))));
  }
  if (!chart.series.empty()) page.charts.push_back(std::move(chart));
}

void add_environment(report::Report& page, const std::string& run_dir) {
  const std::string path = run_dir + "/environment.json";
  if (!fs::exists(path)) return;
  const ordered_json j = ordered_json::parse(io::read_file(path), nullptr, false);
  if (!j.is_object()) return;
  for (const auto& [key, value] : j.items()) {
    if (key == "command" || key == "folder") continue;
    if (key == "resumed")
      page.environment.emplace_back("resumed", std::to_string(value.size()) + " times");
    else
      page.environment.emplace_back(key, value.is_string() ? value.get<std::string>() : value.dump());
  }
  page.command = j.value("command", "");
  if (const std::string folder = j.value("folder", ""); !folder.empty())
    page.command = "cd " + folder + "\n" + page.command;
}

void add_step_figures(report::Report& page, const std::string& run_dir) {
  const std::string path = run_dir + "/step.json";
  if (!fs::exists(path)) return;
  const ordered_json j = ordered_json::parse(io::read_file(path), nullptr, false);
  if (!j.is_object()) return;
  const auto number = [&](const char* key) { return j.value(key, 0.0); };
  report::Table table{"Training step", {"", ""}, {}};
  table.rows = {{"operations recorded", grouped(number("nodes"))},
                {"kernels run", grouped(number("kernels"))},
                {"fused groups", grouped(number("fused_groups"))},
                {"memory planned for intermediate values", bytes_text(number("arena_bytes"))},
                {"parameters, moments and buffers", bytes_text(number("state_bytes"))},
                {"floating-point operations", short_text(number("flops"))},
                {"bytes read and written", bytes_text(number("bytes_moved"))}};
  if (number("plans") > 1) {
    table.rows.push_back({"plans kept, one for each shape of a batch", grouped(number("plans"))});
    table.rows.push_back({"plans captured in all", grouped(number("captures"))});
    table.rows.push_back({"memory planned for all of them", bytes_text(number("plans_arena_bytes"))});
  }
  for (const auto& refusal : j.value("refusals", ordered_json::array()))
    table.rows.push_back({"refused", refusal.get<std::string>()});
  page.tables.push_back(std::move(table));
}

}  // namespace

report::Report report_of_run(const std::string& run_dir) {
  if (!fs::is_directory(run_dir)) throw Error(run_dir, "there is no such run directory");
  report::Report page;
  page.title = fs::path(run_dir + "/.").lexically_normal().parent_path().filename().string();
  const std::vector<LogLine> lines = read_log(run_dir);
  const Curves curves(lines);
  page.charts.push_back(loss_chart(curves));
  add_metric_charts(page, curves);
  Series rates = thinned(curves.of("step", "lr", "learning rate"));
  if (!rates.x.empty()) page.charts.push_back({"Learning rate", curves.x_label(), {std::move(rates)}});
  add_norm_chart(page, curves);
  for (auto it = lines.rbegin(); it != lines.rend(); ++it) {
    if (it->event != "epoch") continue;
    page.headline.emplace_back("epochs", std::to_string(it->epoch));
    if (const auto s = it->values.find("seconds"); s != it->values.end())
      page.headline.emplace_back("training time", clock_text(s->second));
    break;
  }
  if (!lines.empty() && lines.back().event == "stop")
    page.notes.push_back("The run ended early: " + lines.back().reason + ".");
  add_environment(page, run_dir);
  add_step_figures(page, run_dir);
  if (fs::exists(run_dir + "/recipe.yaml")) page.recipe = io::read_file(run_dir + "/recipe.yaml");
  return page;
}

void add_layers(report::Report& page, nn::Module& network, const Shape& input, DType dtype) {
  page.headline.emplace_back("parameters", grouped(static_cast<double>(network.parameter_count())));
  const auto* layer = dynamic_cast<const nn::Layer*>(&network);
  if (!layer) return;
  report::Table table{"Layers, for one example", {"layer", "kind", "output", "parameters", "FLOP"}, {}};
  for (const nn::SummaryRow& row : nn::summary(*layer, input, dtype).rows) {
    if (row.path.empty()) continue;
    table.rows.push_back(
        {row.path, row.kind, row.output.str(), grouped(static_cast<double>(row.parameters)), short_text(row.flops)});
  }
  page.tables.push_back(std::move(table));
}

void save_step_figures(const std::string& run_dir, const graph::Report& step, const PlanFigures& captured) {
  const ordered_json j = {{"nodes", step.nodes},
                          {"kernels", step.steps},
                          {"fused_groups", step.fused_groups},
                          {"arena_bytes", step.arena_bytes},
                          {"state_bytes", step.state_bytes},
                          {"flops", step.flops},
                          {"bytes_moved", step.bytes_moved},
                          {"plans", captured.plans},
                          {"captures", captured.captures},
                          {"plans_arena_bytes", captured.arena_bytes},
                          {"refusals", step.refusals}};
  io::write_file_atomically(run_dir + "/step.json", j.dump(2) + "\n");
}

void Trainer::Impl::write_report(const data::DatasetPtr& set, const Results& results) {
  check_set(set);
  report::Report page = report_of_run(options.run_dir);
  page.notes.insert(page.notes.begin(), "Results on \"" + set->info().name + "\", " +
                                            grouped(static_cast<double>(set->size())) + " examples.");
  task.add_results(page, results, trainer, set);
  const data::Example first = data::apply_all(eval_transforms, set->get(0), options.seed, 0, 0);
  Shape input = first[0].shape();
  input.insert(0, 1);
  const bool scaled = !transforms_set && first[0].dtype() == DType::u8 && input.rank() == 4;
  add_layers(page, task.module(), input, scaled ? DType::f32 : first[0].dtype());
  for (const report::Figure& f : page.figures) io::write_file_atomically(options.run_dir + "/" + f.file, f.png);
  io::write_file_atomically(options.run_dir + "/report.html", report::html(page));
}

void Task::add_results(report::Report& page, const Results& results, Trainer& trainer, const data::DatasetPtr& set) {
  train::add_results(page, results, trainer.predict(set), *set);
}

}  // namespace lamina::train
