// What a run keeps of its data, so that its network can be rebuilt and used without them.
#pragma once

#include <string>

#include "lamina/data/transform.h"
#include "lamina/models/registry.h"

namespace lamina::tasks {

struct Facts {
  data::DatasetInfo info;
  Shape input;                    // of one input after the transforms
  DType dtype = DType::f32;       // likewise
  Shape target;                   // of one target, where it is a tensor of another shape than the data set's
  int64_t outputs = 0;            // of the network: classes, columns, channels
  std::string transforms = "[]";  // what the evaluation transforms learnt: data::state_of
  std::string task = "{}";        // what the task learnt: TaskKind::state

  models::ModelInput model_input() const { return {input, outputs, dtype}; }
};

std::string to_json(const Facts& facts);
/// `name` stands for the text in errors.
Facts facts_from_json(const std::string& text, const std::string& name);

/// "classes", "tags", "values", "none" or "text".
std::string name_of(data::TargetKind kind);

}  // namespace lamina::tasks
