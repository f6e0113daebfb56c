#include "lamina/tasks/tagging.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "lamina/core/error.h"
#include "lamina/io/files.h"
#include "lamina/metrics/tags.h"

namespace lamina::tasks {

namespace {

std::string file_of(const std::string& run) { return (std::filesystem::path(run) / "thresholds.json").string(); }

Tensor targets_of(const data::Dataset& set) {
  std::vector<float> values;
  for (int64_t i = 0; i < set.size(); ++i) {
    const std::vector<float> tags = set.get(i).at(1).floats();
    values.insert(values.end(), tags.begin(), tags.end());
  }
  return Tensor::from(values, {set.size(), set.info().outputs()});
}

}  // namespace

std::vector<double> choose_thresholds(train::Trainer& trainer, const data::DatasetPtr& set, const std::string& run) {
  const std::vector<double> thresholds = metrics::best_thresholds(trainer.predict(set), targets_of(*set));
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (size_t i = 0; i < thresholds.size(); ++i) object[set->info().classes[i]] = thresholds[i];
  io::write_file_atomically(file_of(run), object.dump(2) + "\n");
  return thresholds;
}

std::vector<double> load_thresholds(const std::string& run, const data::DatasetInfo& info) {
  std::vector<double> thresholds(info.classes.size(), 0.5);
  std::error_code ignored;
  const std::string file = file_of(run);
  if (!std::filesystem::exists(file, ignored)) return thresholds;
  const nlohmann::json object = nlohmann::json::parse(io::read_file(file), nullptr, false);
  for (size_t i = 0; i < thresholds.size(); ++i) {
    const auto value = object.is_object() ? object.find(info.classes[i]) : object.end();
    if (!object.is_object() || value == object.end() || !value->is_number()) {
      throw Error(file, "has no threshold for \"" + info.classes[i] + "\"")
          .hint("remove the file: then every tag counts from 0.5 on");
    }
    thresholds[i] = value->get<double>();
  }
  return thresholds;
}

void add_tuned_scores(train::Trainer& trainer, const data::DatasetPtr& set, const std::string& run,
                      train::Results& results) {
  const metrics::TagScores scores =
      metrics::scores_at(trainer.predict(set), targets_of(*set), load_thresholds(run, set->info()));
  results.values["f1_micro_tuned"] = scores.f1_micro;
  results.values["f1_macro_tuned"] = scores.f1_macro;
}

}  // namespace lamina::tasks
