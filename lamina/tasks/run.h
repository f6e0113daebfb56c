// Run directories, as the verbs of the command line use them: recipe.yaml (resolved) and data.json beside what the
// trainer writes (see lamina/train/run_dir.h).
#pragma once

#include <string>

#include "lamina/tasks/experiment.h"

namespace lamina::tasks {

/// The first of runs/NAME-1, runs/NAME-2, … that does not exist.
std::string new_run_directory(const std::string& name);

/// Throws Error where the directory holds a run already.
void check_free(const std::string& run_dir);
/// Writes recipe and facts into a directory, which is made.
void begin_run(const std::string& run_dir, const recipe::Setting& resolved, const Facts& facts);

/// A run that has begun.
struct Run {
  std::string path;
  recipe::Setting recipe;
  Facts facts;
};

/// Is there one?
bool is_run(const std::string& path);
/// Throws Error, naming the runs nearby, where the directory holds none.
Run open_run(const std::string& path);
/// Its network with the weights of its best epoch, else its last.
nn::LayerPtr trained_network(const Run& run);

}  // namespace lamina::tasks
