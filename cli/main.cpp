// lamina: train, evaluate and use networks from the command line.
#include <cstdio>
#include <iostream>
#include <new>

#include "cli/cli.h"
#include "lamina/core/error.h"

namespace lamina::cli {

namespace {

constexpr AddVerb kVerbs[] = {add_train,  add_fit,  add_evaluate, add_predict, add_features, add_info,   add_graph,
                              add_report, add_data, add_models,   add_ops,     add_check,    add_recipe, add_doctor};

constexpr int kUserError = 2;
constexpr const char* kExamples = R"(Examples:
  lamina train recipes/digits.yaml                     a small network on built-in digits, under a minute
  lamina train recipes/mnist-lenet5.yaml --set data.root=DIR --set optimizer.lr=0.002
  lamina train --resume runs/digits-1                  goes on exactly where it stopped
  lamina evaluate runs/digits-1 --json
  lamina predict runs/digits-1 image.png --top 3
  lamina fit logistic breast_cancer --target class --cv 10
'lamina VERB --help' says more. Recipes are described in docs/recipes.md, or by 'lamina recipe reference'.)";

/// A word that is no verb, or an option that the verb does not have: says which one is near.
std::string explain_extra(const CLI::App& app) {
  const CLI::App* at = &app;
  std::string path = "lamina";
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().front();
    path += " " + at->get_name();
  }
  const std::vector<std::string> extra = at->remaining(true).empty() ? app.remaining(true) : at->remaining(true);
  if (extra.empty()) return path + ": an argument is not understood\n  hint: " + path + " --help";
  const std::string word = extra.front().substr(0, extra.front().find('='));
  NameList names;
  const bool option = word.starts_with("-");
  if (option) {
    for (const CLI::Option* o : at->get_options()) {
      for (const std::string& name : o->get_lnames()) names.add("--" + name);
    }
  } else {
    for (const CLI::App* sub : at->get_subcommands([](const CLI::App*) { return true; })) names.add(sub->get_name());
  }
  std::string text = path + ": there is no " + (option ? "option " : "verb \"") + word + (option ? "" : "\"");
  if (names.str().empty()) text = path + ": unexpected argument \"" + word + "\"";
  const std::string near = names.nearest(word);
  if (!near.empty()) return text + "\n  hint: did you mean " + near + "?";
  return text + (names.str().empty() ? "" : "\n  expected one of: " + names.str()) + "\n  hint: " + path + " --help";
}

/// CLI11's own exit for help; for mistakes one line, a hint, and exit code 2.
int explain(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(error);
  if (dynamic_cast<const CLI::RuntimeError*>(&error)) return error.get_exit_code();
  if (dynamic_cast<const CLI::ExtrasError*>(&error)) {
    std::cerr << explain_extra(app) << '\n';
    return kUserError;
  }
  std::string path = "lamina";
  for (const CLI::App* at = &app; !at->get_subcommands().empty();) {
    at = at->get_subcommands().front();
    path += " " + at->get_name();
  }
  std::cerr << path << ": " << error.what() << "\n  hint: " << path << " --help\n";
  return kUserError;
}

/// CLI11 takes an unknown first word for a missing verb; say it better.
void check_verb(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return;
  NameList names;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (sub->check_name(argv[1])) return;
    names.add(sub->get_name());
  }
  const std::string near = names.nearest(argv[1]);
  throw Error("lamina", "there is no verb \"" + std::string(argv[1]) + "\"")
      .hint((near.empty() ? "" : "did you mean \"" + near + "\"? ") + "There are: " + names.str());
}

int run(int argc, char** argv) {
  CLI::App app{"Lamina trains neural networks, says how good they are, and uses them.", "lamina"};
  app.set_version_flag("--version", LAMINA_VERSION);
  app.footer(kExamples);
  app.require_subcommand(1);
  for (const AddVerb add : kVerbs) add(app);
  check_verb(app, argc, argv);
  if (argc == 1) {
    std::cout << app.help();
    return 0;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return explain(app, error);
  }
  return 0;
}

}  // namespace

}  // namespace lamina::cli

int main(int argc, char** argv) {
  try {
    return lamina::cli::run(argc, argv);
  } catch (const lamina::Error& error) {
    std::cerr << error.what() << '\n';
  } catch (const std::bad_alloc&) {
    std::cerr << "lamina: there is not enough memory\n  hint: a smaller batch (--set trainer.batch=…) needs less\n";
  } catch (const std::exception& error) {
    std::cerr << "lamina: " << error.what() << '\n';
  }
  return lamina::cli::kUserError;
}
