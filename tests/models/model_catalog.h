// One record per architecture: what it must have as published, and a small form that the battery of tests trains.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "lamina/core/shape.h"

namespace lamina::models {

struct ModelRecord {
  std::string name;  // of model_table()
  // As published.
  Shape input;
  int64_t outputs;  // classes, or the first extent of the result
  int64_t parameters;
  // Small: the options that make it so, as YAML, and its input. Dropout is off: the tests compare and overfit.
  std::string small;
  Shape small_input;
  bool image_result = false;  // the targets of its training are images
  // Where only the number of its blocks differs from those of another record: that is the one the tests train.
  bool deeper_form = false;
};
std::ostream& operator<<(std::ostream& out, const ModelRecord& record);

const std::vector<ModelRecord>& model_catalog();

}  // namespace lamina::models
