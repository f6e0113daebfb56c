// A recipe, and all that it describes: data, transforms, network, loss, optimizer, schedule, trainer, metrics.
// The sections and their defaults are in docs/recipes.md.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lamina/optim/schedule.h"
#include "lamina/recipe/setting.h"
#include "lamina/tasks/facts.h"
#include "lamina/train/trainer.h"

namespace lamina::io {
struct CsvOptions;
}

namespace lamina::tasks {

/// Reads a recipe and applies overrides ("optimizer.lr=0.01"). Throws Error for a section that there is not.
recipe::Setting load_recipe(const std::string& path, const std::vector<std::string>& overrides = {});
/// "recipes/mnist-mlp.yaml" → "mnist-mlp".
std::string recipe_name(const std::string& path);

class TaskKind;

/// The data of a recipe as its task sees them. `validation` and `test` may be null.
struct DataParts {
  data::DatasetPtr train, validation, test;
  data::Transforms train_transforms, eval_transforms;  // fitted on `train`; they end with what the task does
  Facts facts;
};

/// Opens the data of a recipe, fits its transforms and its task. `resolved` receives the sections task, data and
/// transforms.
DataParts open_data(const recipe::Setting& recipe, recipe::Setting& resolved);

/// What another folder or file holds to test a run's network on, read as its recipe says: its own test part, else all
/// of it. Where that is the place of the run's own data, the part that was held out for testing.
data::DatasetPtr open_to_test(const recipe::Setting& recipe, const Facts& facts, const std::string& place);

/// How the recipe says that its tables are written.
io::CsvOptions csv_options(const recipe::Setting& recipe);
/// All that another folder or file holds, read as a recipe says, whatever its classes are.
data::DatasetPtr open_any(const recipe::Setting& recipe, const Facts& facts, const std::string& place);

/// The recipe's own transforms for evaluation, with what they learnt: without those of its task.
data::Transforms eval_transforms(const recipe::Setting& recipe, const Facts& facts);

/// The network of a recipe with fresh weights, a function of the recipe's seed.
nn::LayerPtr make_network(const recipe::Setting& recipe, const models::ModelInput& input,
                          recipe::Setting* resolved = nullptr);

/// Loss and metrics of a recipe, or those that its task has by default. `resolved` receives the section.
LossFn make_loss(const recipe::Setting& recipe, const TaskKind& kind, recipe::Setting& resolved);
std::vector<metrics::MetricPtr> make_metrics(const recipe::Setting& recipe, const TaskKind& kind, const Facts& facts,
                                             recipe::Setting& resolved);

/// Everything but the data.
struct Plan {
  recipe::Setting resolved;  // the recipe with all defaults filled in; repeats the run
  std::unique_ptr<train::Task> task;
  std::unique_ptr<optim::Optimizer> optimizer;
  optim::SchedulePtr schedule;
  train::TrainerOptions options;

  std::unique_ptr<train::Trainer> trainer() const;
};

/// `resolved` holds what open_data put there.
Plan make_plan(const recipe::Setting& recipe, const Facts& facts, recipe::Setting resolved);

}  // namespace lamina::tasks
