#include <iostream>

#include "cli/cli.h"
#include "lamina/tasks/reference.h"

namespace lamina::cli {

void add_recipe(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("recipe", "What recipes can say");
  verb->require_subcommand(1);
  verb->add_subcommand("reference", "All sections, names, options and defaults, as Markdown (docs/recipes.md)")
      ->callback([] { std::cout << tasks::recipe_reference(); });
}

}  // namespace lamina::cli
