#include "lamina/tasks/run.h"

#include <filesystem>

#include "lamina/core/error.h"
#include "lamina/io/files.h"
#include "lamina/train/checkpoint.h"

namespace lamina::tasks {

namespace fs = std::filesystem;

namespace {

fs::path recipe_of(const std::string& run) { return fs::path(run) / "recipe.yaml"; }
fs::path facts_of(const std::string& run) { return fs::path(run) / "data.json"; }

/// "runs/a, runs/b": the runs beside a path, or in it.
std::string runs_near(const std::string& path) {
  NameList names;
  int count = 0;
  for (const fs::path& folder : {fs::path(path), fs::path(path).parent_path(), fs::path("runs")}) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder.empty() ? "." : folder, error)) {
      if (is_run(entry.path().string()) && ++count <= 8) names.add(entry.path().lexically_normal().string());
    }
    if (count > 0) break;
  }
  return names.str() + (count > 8 ? ", …" : "");
}

}  // namespace

std::string new_run_directory(const std::string& name) {
  for (int64_t n = 1;; ++n) {
    const std::string path = "runs/" + name + "-" + std::to_string(n);
    std::error_code error;
    if (!fs::exists(path, error)) return path;
  }
}

bool is_run(const std::string& path) {
  std::error_code error;
  return fs::exists(recipe_of(path), error) && fs::exists(facts_of(path), error);
}

void check_free(const std::string& run_dir) {
  std::error_code error;
  if (fs::exists(run_dir, error) && !fs::is_directory(run_dir, error)) {
    throw Error("--run-dir", "\"" + run_dir + "\" is a file; expected a directory, or a name for a new one");
  }
  if (!fs::exists(recipe_of(run_dir), error)) return;
  throw Error("--run-dir", "\"" + run_dir + "\" holds a run already; nothing was changed")
      .hint("go on with it: lamina train --resume " + run_dir + "; or name another directory");
}

void begin_run(const std::string& run_dir, const recipe::Setting& resolved, const Facts& facts) {
  io::make_folders(run_dir);
  io::write_file_atomically(facts_of(run_dir).string(), to_json(facts));
  io::write_file_atomically(recipe_of(run_dir).string(), resolved.yaml());
}

Run open_run(const std::string& path) {
  if (!is_run(path)) {
    std::error_code error;
    Error missing(path, fs::exists(path, error) ? "is no run directory: it has no recipe.yaml and data.json"
                                                : "there is no such run directory");
    const std::string near = runs_near(path);
    throw missing.hint(near.empty() ? "lamina train RECIPE makes one" : "there are: " + near);
  }
  Run run;
  run.path = path;
  run.recipe = load_recipe(recipe_of(path).string());
  run.facts = facts_from_json(io::read_file(facts_of(path).string()), facts_of(path).string());
  return run;
}

nn::LayerPtr trained_network(const Run& run) {
  nn::LayerPtr net = make_network(run.recipe, run.facts.model_input());
  train::load_weights(*net, run.path);
  return net;
}

}  // namespace lamina::tasks
