#include <iostream>

#include "cli/cli.h"
#include "lamina/models/registry.h"
#include "lamina/nn/init.h"
#include "lamina/nn/module.h"
#include "lamina/recipe/resolver.h"

namespace lamina::cli {

namespace {

void print() {
  const nn::init::ShapesOnly nothing_drawn;
  TextTable table({"model", "parameters", "what it is"});
  for (const auto& entry : models::model_table()) {
    recipe::FieldLister options;
    const nn::LayerPtr net = entry.make(options, models::ModelInput{});
    table.add({std::string(entry.name), with_commas(net->parameter_count()), std::string(entry.doc)});
  }
  std::cout << table.str() << "\nOptions and layers: lamina recipe reference. In figures: lamina info --model lenet5\n";
}

}  // namespace

void add_models(CLI::App& app) {
  app.add_subcommand("models", "The architectures that recipes can name")->callback([] { print(); });
}

}  // namespace lamina::cli
