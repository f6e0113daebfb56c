#include "lamina/tasks/experiment.h"

#include <algorithm>
#include <filesystem>

#include "lamina/core/error.h"
#include "lamina/metrics/metric.h"
#include "lamina/nn/init.h"
#include "lamina/nn/loss.h"
#include "lamina/recipe/resolver.h"
#include "lamina/tasks/kind.h"
#include "lamina/tasks/transfer.h"

namespace lamina::tasks {

using recipe::Setting;

namespace {

constexpr const char* kSections[] = {"seed", "task",      "data",     "transforms", "model",  "init",
                                     "loss", "optimizer", "schedule", "trainer",    "metrics"};

/// A section, or what stands for it where it is missing.
Setting section_or(const Setting& recipe, std::string_view name, const std::string& standard) {
  if (const Setting* given = recipe.find(name); given && given->defined()) return *given;
  return recipe::parse_yaml(standard, "default of " + std::string(name));
}

int64_t seed_of(const Setting& recipe) {
  if (const Setting* seed = recipe.find("seed")) return recipe::to_int(*seed, "seed");
  const Setting* trainer = recipe.find("trainer");
  const Setting* seed = trainer ? trainer->find("seed") : nullptr;
  return seed ? recipe::to_int(*seed, "seed") : train::TrainerOptions{}.seed;
}

struct EarlyStopping {
  std::string metric;
  int64_t patience = 3;
  LAMINA_OPTIONS(metric, patience)
};

/// The keys of TrainerOptions that belong to a call, not to a recipe.
constexpr const char* kNotInRecipes[] = {"run_dir", "progress", "handle_signals"};

void check_best_metric(const Setting& trainer, const train::TrainerOptions& options, const train::Task& task) {
  if (options.best_metric.empty() || options.best_metric == "loss") return;
  NameList names;
  names.add("loss");
  for (const auto& m : task.metrics()) {
    if (m->name() == options.best_metric) return;
    names.add(m->name());
  }
  const Setting* stopping = trainer.find("early_stopping");
  const Setting* at = stopping ? stopping->find("metric") : trainer.find("best_metric");
  recipe::fail_unknown(at ? *at : trainer, "metric in this recipe's list", options.best_metric, names);
}

train::TrainerOptions make_trainer_options(const Setting& recipe, Setting& resolved, train::Task& task) {
  const Setting section = section_or(recipe, "trainer", "{}");
  for (const char* key : kNotInRecipes) {
    if (const Setting* s = section.find(key)) {
      throw Error(s->origin, std::string("trainer: \"") + key + "\" belongs to a call, not to a recipe")
          .hint("the run directory is given by --run-dir");
    }
  }
  train::TrainerOptions options;
  recipe::Resolver resolver(section, "trainer", {"early_stopping"});
  options.visit(resolver);
  resolver.finish();
  options.seed = seed_of(recipe);
  if (const Setting* s = section.find("early_stopping")) {
    EarlyStopping stopping;
    recipe::OptionReader reader(*s, "early_stopping");
    stopping.visit(reader);
    reader.finish();
    options.patience = stopping.patience;
    if (!stopping.metric.empty()) options.best_metric = stopping.metric;
  }
  recipe::with_place(section, [&] {
    train::check_options(options);
    train::check_freezing(options, task.module());
  });
  check_best_metric(section, options, task);
  Setting kept = resolver.resolved();
  std::erase_if(kept.fields, [](const auto& field) {
    return field.first == "seed" ||
           std::find(std::begin(kNotInRecipes), std::end(kNotInRecipes), field.first) != std::end(kNotInRecipes);
  });
  kept.field("patience") = Setting::scalar(std::to_string(options.patience), section.origin);
  kept.field("best_metric") = Setting::scalar(options.best_metric, section.origin);
  kept.field("best_metric").quoted = true;
  resolved.field("trainer") = kept;
  return options;
}

}  // namespace

std::string recipe_name(const std::string& path) { return std::filesystem::path(path).stem().string(); }

Setting load_recipe(const std::string& path, const std::vector<std::string>& overrides) {
  Setting root = recipe::load_yaml(path);
  for (const std::string& o : overrides) recipe::apply_override(root, o);
  if (root.kind != Setting::Kind::map) recipe::fail(root, "recipe", "a map of sections");
  NameList names;
  for (const char* s : kSections) names.add(s);
  for (const auto& [key, value] : root.fields) {
    if (std::find(std::begin(kSections), std::end(kSections), key) == std::end(kSections)) {
      recipe::fail_unknown(value, "section", key, names);
    }
  }
  return root;
}

nn::LayerPtr make_network(const Setting& recipe, const models::ModelInput& input, Setting* resolved) {
  const Setting* model = recipe.find("model");
  if (!model || !model->defined()) {
    throw Error(recipe.origin, "the section \"model\" is missing")
        .hint("for example model: {name: mlp, hidden: [300, 100]}");
  }
  nn::seed(seed_of(recipe));
  return models::make_model(*model, input, resolved);
}

LossFn make_loss(const Setting& recipe, const TaskKind& kind, Setting& resolved) {
  const Setting* given = recipe.find("loss");
  const Setting section = given && given->defined() ? *given : Setting::scalar(kind.default_loss(), "default of loss");
  return *recipe::make_named(loss_table(), section, "loss", &resolved.field("loss"));
}

std::vector<metrics::MetricPtr> make_metrics(const Setting& recipe, const TaskKind& kind, const Facts& facts,
                                             Setting& resolved) {
  Setting& list = resolved.field("metrics");
  list = section_or(recipe, "metrics", kind.default_metrics());
  if (list.kind != Setting::Kind::list) recipe::fail(list, "metrics", "a list of names");
  std::vector<metrics::MetricPtr> made;
  for (const Setting& item : list.items) {
    recipe::with_place(item, [&] { made.push_back(kind.make_metric(recipe::to_text(item, "metric"), facts.info)); });
  }
  return made;
}

Plan make_plan(const Setting& recipe, const Facts& facts, Setting resolved) {
  Plan plan;
  resolved.field("seed") = Setting::scalar(std::to_string(seed_of(recipe)), recipe.origin);
  plan.task = make_kind(recipe, facts)->make_task(recipe, facts, resolved);
  Setting init;
  if (!init_section(recipe, &init).from.empty()) resolved.field("init") = init;
  const Setting optimizer = section_or(recipe, "optimizer", "adam");
  plan.optimizer = recipe::make_named(optim::optimizer_table(), optimizer, "optimizer", &resolved.field("optimizer"));
  recipe::with_place(optimizer, [&] { plan.optimizer->check_groups(plan.task->module().named_parameters()); });
  const Setting schedule = section_or(recipe, "schedule", "constant");
  plan.schedule = recipe::make_named(optim::schedule_table(), schedule, "schedule", &resolved.field("schedule"));
  plan.options = make_trainer_options(recipe, resolved, *plan.task);
  plan.resolved = std::move(resolved);
  return plan;
}

std::unique_ptr<train::Trainer> Plan::trainer() const {
  auto trainer = std::make_unique<train::Trainer>(*task, *optimizer, options);
  trainer->set_schedule(schedule);
  return trainer;
}

}  // namespace lamina::tasks
