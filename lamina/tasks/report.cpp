#include "lamina/tasks/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "lamina/core/error.h"
#include "lamina/io/files.h"
#include "lamina/io/image.h"
#include "lamina/nn/summary.h"
#include "lamina/report/report.h"
#include "lamina/tasks/evaluate.h"
#include "lamina/train/run_dir.h"

namespace lamina::tasks {

namespace {

constexpr size_t kPictures = 24;

std::string text_of(double value, const char* format = "%.4g") {
  char text[40];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

/// A line through the logged values of one name; empty where there are none.
report::Series series_of(const std::vector<train::LogLine>& log, const std::string& event, const std::string& key,
                         const std::string& name, double steps_per_epoch) {
  report::Series s{name, {}, {}};
  for (const train::LogLine& line : log) {
    const auto it = line.values.find(key);
    if (line.event != event || it == line.values.end()) continue;
    s.x.push_back(static_cast<double>(line.step) / steps_per_epoch);
    s.y.push_back(it->second);
  }
  return s;
}

double steps_per_epoch(const std::vector<train::LogLine>& log) {
  double epochs = 0, steps = 0;
  for (const train::LogLine& line : log) {
    if (line.event != "epoch") continue;
    ++epochs;
    steps = static_cast<double>(line.step);
  }
  return epochs > 0 && steps > 0 ? steps / epochs : 1;
}

void add_chart(report::Report& r, const std::string& title, std::vector<report::Series> series, bool log_y = false) {
  std::erase_if(series, [](const report::Series& s) { return s.x.empty(); });
  if (!series.empty()) r.charts.push_back({title, "epoch", std::move(series), log_y});
}

void add_curves(report::Report& r, const std::vector<train::LogLine>& log) {
  const double per_epoch = steps_per_epoch(log);
  add_chart(r, "Loss",
            {series_of(log, "step", "loss", "training, each step", per_epoch),
             series_of(log, "epoch", "loss", "training", per_epoch),
             series_of(log, "epoch", "validation/loss", "validation", per_epoch)},
            true);
  std::vector<std::string> keys;
  for (const train::LogLine& line : log) {
    if (line.event != "epoch") continue;
    for (const auto& [key, value] : line.values) {
      const bool metric = key.starts_with("validation/") && key != "validation/loss";
      if (metric && std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
    }
  }
  for (const std::string& key : keys) {
    const std::string name = key.substr(key.find('/') + 1);
    add_chart(r, name, {series_of(log, "epoch", key, "validation", per_epoch)});
  }
  add_chart(r, "Learning rate", {series_of(log, "step", "lr", "learning rate", per_epoch)});
}

void add_layers(report::Report& r, const Run& run, nn::Layer& net) {
  Shape batch = run.facts.input;
  batch.insert(0, 1);
  const nn::Summary summary = nn::summary(net, batch, run.facts.dtype);
  report::Table table{"Layers, for one example", {"layer", "kind", "output", "parameters", "operations"}, {}};
  for (const nn::SummaryRow& row : summary.rows) {
    if (!row.leaf) continue;
    table.rows.push_back(
        {row.path, row.kind, row.output.str(), std::to_string(row.parameters), text_of(row.flops, "%.0f")});
  }
  table.rows.push_back({"all", "", "", std::to_string(summary.parameters), text_of(summary.flops, "%.0f")});
  r.tables.push_back(std::move(table));
  r.headline.emplace_back("parameters", std::to_string(summary.parameters));
}

/// What the network said of one example.
struct Guess {
  int64_t index = 0, truth = 0, said = 0;
  double probability = 0;
};

std::vector<Guess> mistakes_of(const Tensor& outputs, const data::Dataset& set) {
  std::vector<Guess> wrong;
  const std::vector<double> scores = outputs.values();
  const auto classes = static_cast<size_t>(outputs.size(1));
  for (int64_t i = 0; i < set.size(); ++i) {
    const double* row = scores.data() + static_cast<size_t>(i) * classes;
    const double* best = std::max_element(row, row + classes);
    double sum = 0;
    for (size_t c = 0; c < classes; ++c) sum += std::exp(row[c] - *best);
    const int64_t truth = set.class_of(i);
    if (best - row != truth) wrong.push_back({i, truth, best - row, 1 / sum});
  }
  std::stable_sort(wrong.begin(), wrong.end(),
                   [](const Guess& a, const Guess& b) { return a.probability > b.probability; });
  return wrong;
}

std::string class_name(const std::vector<std::string>& names, int64_t id) {
  return static_cast<size_t>(id) < names.size() ? names[static_cast<size_t>(id)] : std::to_string(id);
}

void add_mistakes(report::Report& r, const Tensor& outputs, const data::Dataset& set) {
  const data::DatasetInfo& info = set.info();
  if (info.target != data::TargetKind::classes || outputs.rank() != 2) return;
  const std::vector<Guess> wrong = mistakes_of(outputs, set);
  const bool pictures = info.input.rank() == 3 && (info.input[0] == 1 || info.input[0] == 3);
  report::Table table{"The most confident mistakes", {"example", "true", "predicted", "probability"}, {}};
  for (size_t i = 0; i < std::min(wrong.size(), kPictures); ++i) {
    const Guess& g = wrong[i];
    const std::string truth = class_name(info.classes, g.truth), said = class_name(info.classes, g.said);
    const std::string share = text_of(100 * g.probability, "%.1f %%");
    const Tensor image = pictures ? set.get(g.index)[0] : Tensor();
    if (image.defined() && image.dtype() == DType::u8) {
      r.pictures.push_back(
          {io::encode_png(image), said + " (" + share + ")", "is " + truth + ", " + set.label(g.index)});
    } else {
      table.rows.push_back({set.label(g.index), truth, said, share});
    }
  }
  r.pictures_title = "The most confident mistakes: " + std::to_string(wrong.size()) + " of " +
                     std::to_string(set.size()) + " are wrong";
  if (!table.rows.empty()) r.tables.push_back(std::move(table));
}

void add_measures(report::Report& r, const Run& run, const Trained& trained) {
  recipe::Setting resolved;
  const DataParts data = open_data(run.recipe, resolved);
  const data::DatasetPtr& set = data.test ? data.test : data.validation ? data.validation : data.train;
  const std::string part = data.test ? "test" : data.validation ? "validation" : "training";
  const train::Results results = trained.trainer->evaluate(set);
  report::Table table{
      "Measured on the " + part + " part, " + std::to_string(results.examples) + " examples", {"measure", "value"}, {}};
  for (const auto& [name, value] : results.values) {
    table.rows.push_back({name, text_of(value, "%.6g")});
    if (name.find('.') == std::string::npos) r.headline.emplace_back(name + ", " + part, text_of(value));
  }
  r.tables.insert(r.tables.begin(), std::move(table));
  for (const auto& [name, counts] : results.tables) {
    r.confusion.classes = run.facts.info.classes;
    const std::vector<double> values = counts.values();
    const auto n = static_cast<size_t>(counts.size(0));
    for (size_t i = 0; i < n; ++i) {
      r.confusion.counts.emplace_back(values.begin() + static_cast<int64_t>(i * n),
                                      values.begin() + static_cast<int64_t>((i + 1) * n));
    }
  }
  add_mistakes(r, trained.trainer->predict(set), *set);
}

std::vector<std::pair<std::string, std::string>> environment_of(const std::string& run) {
  std::vector<std::pair<std::string, std::string>> list;
  const auto json = nlohmann::ordered_json::parse(io::read_file(run + "/environment.json"), nullptr, false);
  if (!json.is_object()) return list;
  for (const auto& [key, value] : json.items())
    list.emplace_back(key, value.is_string() ? value.get<std::string>() : value.dump());
  return list;
}

}  // namespace

std::string write_report(const Run& run) {
  report::Report r;
  r.title = recipe_name(run.path);
  r.recipe = run.recipe.yaml();
  r.command = "lamina train " + run.path + "/recipe.yaml --run-dir " + run.path + "-again";
  const std::vector<train::LogLine> log = train::read_log(run.path);
  add_curves(r, log);
  const Trained trained = load_trained(run);
  try {
    add_measures(r, run, trained);
  } catch (const Error& e) {
    r.notes.push_back(std::string("The data could not be opened, so nothing was measured anew: ") + e.what());
  }
  add_layers(r, run, trained.plan.task->net());
  r.environment = environment_of(run.path);
  for (const train::LogLine& line : log) {
    if (line.event == "stop" && !line.reason.empty()) r.notes.push_back("Stopped: " + line.reason);
  }
  const std::string path = run.path + "/report.html";
  io::write_file_atomically(path, report::html(r));
  return path;
}

}  // namespace lamina::tasks
