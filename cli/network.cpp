#include "cli/network.h"

#include <filesystem>

#include "cli/cli.h"
#include "lamina/core/error.h"
#include "lamina/tasks/run.h"

namespace lamina::cli {

namespace {

Shape parse_shape(const std::string& text) {
  Shape shape;
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t end = std::min(text.find_first_of("x,", begin), text.size());
    char* rest = nullptr;
    const std::string part = text.substr(begin, end - begin);
    const long long extent = std::strtoll(part.c_str(), &rest, 10);
    if (part.empty() || *rest || extent < 1)
      throw Error("--input", "expected a shape such as 3x32x32, got \"" + text + "\"");
    shape.push_back(extent);
    begin = end + 1;
  }
  return shape;
}

/// An architecture by name, for the inputs given or those it was published for.
Network by_model(const NetworkChoice& o) {
  recipe::Setting root = recipe::parse_yaml("model: {name: " + o.model + "}", "--model");
  for (const std::string& s : o.set) recipe::apply_override(root, s);
  models::ModelInput input{o.input.empty() ? Shape{} : parse_shape(o.input), o.classes, DType::f32};
  Network n{o.model, tasks::make_network(root, input), input.input, DType::f32};
  if (!n.input.empty()) return n;
  // Architectures say what they take by the options they were made with.
  recipe::Setting resolved;
  tasks::make_network(root, input, &resolved);
  const auto number = [&resolved](const char* key, int64_t standard) {
    const recipe::Setting* s = resolved.find(key);
    return s ? std::strtoll(s->text.c_str(), nullptr, 10) : standard;
  };
  if (resolved.find("channels")) {
    n.input = {number("channels", 3), number("height", 32), number("width", 32)};
  } else {
    n.input = {number("in", 1)};
  }
  return n;
}

Network by_recipe(const NetworkChoice& o) {
  const recipe::Setting recipe = tasks::load_recipe(o.what, o.set);
  models::ModelInput input;
  if (!o.input.empty()) {
    input = {parse_shape(o.input), o.classes, DType::f32};
  } else {
    try {
      recipe::Setting resolved;
      input = tasks::open_data(recipe, resolved).facts.model_input();
    } catch (Error& e) {
      e.hint("without the data: --input 3x32x32 --classes 10, say");
      throw;
    }
  }
  return {tasks::recipe_name(o.what), tasks::make_network(recipe, input), input.input, input.dtype};
}

}  // namespace

Network network_of_run(const std::string& path) {
  const tasks::Run run = tasks::open_run(path);
  return {path, tasks::trained_network(run), run.facts.input, run.facts.dtype};
}

Network open_network(const NetworkChoice& o, const std::string& expected) {
  if (o.what.empty() == o.model.empty()) {
    throw Error("lamina", "expected " + expected + ", or --model NAME").hint("lamina --help lists the verbs");
  }
  if (!o.model.empty()) return by_model(o);
  const std::string extension = std::filesystem::path(o.what).extension().string();
  return extension == ".yaml" || extension == ".yml" ? by_recipe(o) : network_of_run(o.what);
}

void add_network_options(CLI::App& verb, NetworkChoice& o, const std::string& what) {
  verb.add_option("what", o.what, what)->type_name("RUN|FILE");
  verb.add_option("--model", o.model, "An architecture by name instead")->type_name("NAME");
  verb.add_option("--set", o.set, "Overrides a key of the recipe")
      ->type_name("PATH=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  verb.add_option("--input", o.input, "With --model, or a recipe without its data: the shape of one input")
      ->type_name("3x32x32");
  verb.add_option("--classes", o.classes, "Likewise: the number of outputs")->type_name("N");
}

}  // namespace lamina::cli
