// Thresholds of a run that predicts several tags for each input.
#pragma once

#include <vector>

#include "lamina/tasks/run.h"

namespace lamina::tasks {

/// Chooses the threshold of each tag on these data (the validation part) for the best F1, and writes them to
/// RUN/thresholds.json.
std::vector<double> choose_thresholds(train::Trainer& trainer, const data::DatasetPtr& set, const std::string& run);
/// Those of a run; 0.5 each where it has none. Throws Error naming the file where they do not fit.
std::vector<double> load_thresholds(const std::string& run, const data::DatasetInfo& info);
/// Adds f1_micro_tuned and f1_macro_tuned: with the thresholds of the run.
void add_tuned_scores(train::Trainer& trainer, const data::DatasetPtr& set, const std::string& run,
                      train::Results& results);

}  // namespace lamina::tasks
