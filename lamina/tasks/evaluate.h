// How good a trained network is.
#pragma once

#include <string>
#include <vector>

#include "lamina/tasks/run.h"

namespace lamina::tasks {

/// Loss and metrics of a run's best weights on a data set of the same kind; of tags also F1 with the thresholds of the
/// run. Throws Error where the shape of its inputs or its classes are others. `picture`: where a PNG of examples goes,
/// of tasks that show some; throws Error for others.
train::Results evaluate(const Run& run, const data::DatasetPtr& set, const std::string& picture = "");

/// The same run, evaluated on several views of each input: "ten_crop" or "five_crop" in the place of its center_crop,
/// or "flip" for the image and its mirror image. Throws Error where the run has no center_crop, and for other words.
Run with_views(Run run, const std::string& views);

/// The task, weights and transforms of a run, ready to evaluate and predict.
struct Trained {
  Plan plan;
  std::unique_ptr<train::Trainer> trainer;
};
Trained load_trained(const Run& run);

/// A confusion matrix [true, predicted] as text: at most 20 classes, else the pairs confused most often.
std::string confusion_text(const Tensor& counts, const std::vector<std::string>& classes);

}  // namespace lamina::tasks
