#include <iostream>

#include "cli/cli.h"
#include "lamina/tasks/experiment.h"
#include "lamina/tasks/gradient_check.h"

namespace lamina::cli {

namespace {

void check(const std::string& recipe, const std::vector<std::string>& set) {
  const tasks::RecipeGradientCheck r = tasks::check_gradients(tasks::load_recipe(recipe, set));
  std::printf("%lld parameters checked in f64; largest error %.3g of what is tolerated: %s\n",
              static_cast<long long>(r.checked), r.worst_error, r.ok ? "all gradients are right" : "WRONG");
  if (r.ok) return;
  std::cout << r.report;
  throw CLI::RuntimeError(1);
}

}  // namespace

void add_check(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("check", "Checks what a recipe describes");
  verb->require_subcommand(1);
  CLI::App* sub = verb->add_subcommand("gradients", "Compares the gradients of its loss with finite differences");
  auto recipe = std::make_shared<std::string>();
  auto set = std::make_shared<std::vector<std::string>>();
  sub->add_option("recipe", *recipe, "A recipe (YAML)")->required();
  sub->add_option("--set", *set, "Overrides a key of the recipe")
      ->type_name("PATH=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  add_threads(*sub);
  sub->footer("Example:\n  lamina check gradients recipes/digits.yaml\nExit code 1 where a gradient is wrong.");
  sub->callback([recipe, set] { check(*recipe, *set); });
}

}  // namespace lamina::cli
