#include "lamina/tasks/evaluate.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "lamina/core/error.h"
#include "lamina/recipe/setting.h"

namespace lamina::cli {

namespace {

struct Options {
  std::string run, data;
  std::string part = "test";
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

void evaluate(Options o) {
  tasks::Run run = tasks::open_run(o.run);
  if (!o.data.empty()) recipe::apply_override(run.recipe, "data.root=" + o.data);
  recipe::Setting resolved;
  const tasks::DataParts data = tasks::open_data(run.recipe, resolved);
  const data::DatasetPtr set = part_of(data, o.part);
  const train::Results results = tasks::evaluate(run, set);
  if (o.json) {
    nlohmann::ordered_json object = nlohmann::ordered_json::object();
    for (const auto& [name, value] : results.values) object[name] = value;
    object["examples"] = results.examples;
    std::cout << object.dump(2) << '\n';
    return;
  }
  std::cout << set->info().name << ", " << o.part << " part, " << with_commas(results.examples) << " examples\n";
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
  verb->add_option("--data", o->data, "Other data of the same kind")->type_name("DIR");
  verb->add_option("--part", o->part, "train, validation or test (default)")->type_name("PART");
  verb->add_flag("--json", o->json, "One JSON object, metric names as keys");
  add_threads(*verb);
  verb->footer("Examples:\n  lamina evaluate runs/digits-1\n  lamina evaluate runs/mnist --data other-folder --json");
  verb->callback([o] { evaluate(*o); });
}

}  // namespace lamina::cli
