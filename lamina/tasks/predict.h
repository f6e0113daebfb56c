// What a trained network says of pictures and rows of tables.
#pragma once

#include <string>
#include <vector>

#include "lamina/tasks/run.h"

namespace lamina::tasks {

/// A class with its probability, or a target column with its value.
struct Answer {
  std::string name;
  double value = 0;
  bool set = true;  // of a tag: does its probability reach the threshold of the run?
};

struct Prediction {
  std::string file;             // "digit.png", "rows.csv:3"
  std::vector<Answer> answers;  // classes: the most probable first; tags and values: in their order
  Tensor picture;               // of tasks that make pictures: u8 [channels, height, width]
};

struct PredictOptions {
  int64_t top = 3;      // classes named
  bool invert = false;  // pictures: dark on light, where the network was trained on light on dark
};

/// Pictures (any size, grey or colour: they are brought to the shape the network was trained on) or CSV files (a
/// row each; columns by their names, or in order), by what the run was trained on; of tasks that make pictures out of
/// pictures, those. Throws Error naming the file that does not fit.
std::vector<Prediction> predict(const Run& run, const std::vector<std::string>& files,
                                const PredictOptions& options = {});

/// Does the run's task make pictures, see Prediction::picture?
bool makes_pictures(const Run& run);

}  // namespace lamina::tasks
