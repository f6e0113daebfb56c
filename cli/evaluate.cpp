#include "lamina/tasks/evaluate.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "lamina/core/error.h"
#include "lamina/recipe/setting.h"
#include "lamina/tensor/tensor.h"

namespace lamina::cli {

namespace {

struct Options {
  std::string run, data, pictures;
  std::string part, views;
  bool json = false;
};

data::DatasetPtr part_of(const tasks::DataParts& data, std::string& part) {
  if (part == "test" && !data.test) part = data.validation ? "validation" : "train";
  if (part == "test") return data.test;
  if (part == "train") return data.train;
  if (part != "validation") throw Error("--part", "expected train, validation or test, got \"" + part + "\"");
  if (!data.validation)
    throw Error("--part", "this run has no validation part").hint("data.validation in its recipe is 0");
  return data.validation;
}

data::DatasetPtr set_of(const tasks::Run& run, Options& o) {
  if (!o.data.empty()) {
    if (!o.part.empty()) throw Error("--part", "goes without --data: other data are not divided");
    return tasks::open_to_test(run.recipe, run.facts, o.data);
  }
  if (o.part.empty()) o.part = "test";
  recipe::Setting resolved;
  return part_of(tasks::open_data(run.recipe, resolved), o.part);
}

/// A table of counts as lists.
std::vector<std::vector<int64_t>> rows_of(const Tensor& table) {
  std::vector<std::vector<int64_t>> rows(static_cast<size_t>(table.size(0)));
  const std::vector<int64_t> values = table.ints();
  const auto width = static_cast<size_t>(table.size(1));
  for (size_t i = 0; i < values.size(); ++i) rows[i / width].push_back(values[i]);
  return rows;
}

void evaluate(Options o) {
  const tasks::Run run = tasks::open_run(o.run);
  const data::DatasetPtr set = set_of(run, o);
  const train::Results results =
      tasks::evaluate(o.views.empty() ? run : tasks::with_views(run, o.views), set, o.pictures);
  if (o.json) {
    nlohmann::ordered_json object = nlohmann::ordered_json::object();
    for (const auto& [name, value] : results.values) object[name] = value;
    for (const auto& [name, table] : results.tables) object[name] = rows_of(table);
    if (run.facts.info.target == data::TargetKind::classes) object["classes"] = run.facts.info.classes;
    object["examples"] = results.examples;
    std::cout << object.dump(2) << '\n';
    return;
  }
  std::cout << set->info().name << ", " << (o.data.empty() ? o.part + " part, " : "") << with_commas(results.examples)
            << " examples\n";
  for (const auto& [name, value] : results.values) {
    std::printf("  %-20s %.4f\n", name.c_str(), value);
  }
  for (const auto& [name, table] : results.tables) {
    std::cout << '\n' << tasks::confusion_text(table, run.facts.info.classes);
  }
}

}  // namespace

void add_evaluate(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("evaluate", "Measures a trained network on its test data");
  auto o = std::make_shared<Options>();
  verb->add_option("run", o->run, "A run directory")->required();
  verb->add_option("--data", o->data, "Other data, read as the recipe says: their test part, else all of them")
      ->type_name("DIR|FILE");
  verb->add_option("--part", o->part, "train, validation or test (default)")->type_name("PART");
  verb->add_option("--pictures", o->pictures,
                   "Of tasks on pictures: a PNG file for examples of input, output and truth")
      ->type_name("FILE");
  verb->add_option("--views", o->views, "Averages over views of each picture: ten_crop, five_crop, flip")
      ->type_name("V");
  verb->add_flag("--json", o->json, "One JSON object, metric names as keys");
  add_threads(*verb);
  verb->footer("Examples:\n  lamina evaluate runs/digits-1\n  lamina evaluate runs/mnist --data other-folder --json");
  verb->callback([o] { evaluate(*o); });
}

}  // namespace lamina::cli
