// What a layer of a trained network says of data, as a table.
#include <filesystem>
#include <iostream>

#include "cli/cli.h"
#include "lamina/core/error.h"
#include "lamina/data/open.h"
#include "lamina/tasks/transfer.h"

namespace lamina::cli {

namespace {

struct Options {
  std::string source, data, part, output, layer, recipe;
  bool files = false;
};

bool is_recipe(const std::string& path) { return path.ends_with(".yaml") || path.ends_with(".yml"); }

data::DatasetPtr part_of(const tasks::DataParts& parts, const std::string& part) {
  std::vector<data::DatasetPtr> all{parts.train};
  if (parts.validation) all.push_back(parts.validation);
  if (parts.test) all.push_back(parts.test);
  if (part == "all") return data::joined(all);
  if (part == "train") return parts.train;
  if (part != "validation" && part != "test") {
    throw Error("--part", "expected train, validation, test or all, got \"" + part + "\"");
  }
  const data::DatasetPtr& wanted = part == "test" ? parts.test : parts.validation;
  if (!wanted) throw Error("--part", "these data have no " + part + " part");
  return wanted;
}

/// The data of a recipe, as that recipe reads and divides them; of a folder or file, its test part or all of it.
data::DatasetPtr open_set(const tasks::FeatureSource& source, Options& o) {
  if (o.data.empty() || is_recipe(o.data)) {
    recipe::Setting resolved;
    if (o.part.empty()) o.part = "test";
    return part_of(tasks::open_data(o.data.empty() ? source.recipe : tasks::load_recipe(o.data), resolved), o.part);
  }
  if (!o.part.empty()) throw Error("--part", "goes with the data of a recipe: other data are not divided");
  recipe::Setting recipe = source.recipe;
  std::error_code ignored;
  if (!std::filesystem::exists(o.data, ignored)) throw Error(o.data, "there is no such file or folder");
  return tasks::open_any(recipe, source.facts, o.data);
}

void features(Options o) {
  tasks::FeatureSource source = tasks::feature_source(o.source, o.recipe);
  const data::DatasetPtr set = open_set(source, o);
  const tasks::Features found = tasks::extract_features(source, set, {.layer = o.layer});
  tasks::write_features(o.output, found, *set, o.files);
  Shape one = found.values.shape();
  one.erase(0);
  std::cout << o.output << ": " << with_commas(set->size()) << " examples of " << set->info().name
            << (o.part.empty() ? "" : " (" + o.part + ")") << ", " << with_commas(one.numel()) << " features "
            << one.str() << (o.layer.empty() ? " that come " + found.layer : " of layer " + found.layer) << '\n';
  if (o.output.ends_with(".csv") && set->info().target == data::TargetKind::classes) {
    const char* learner = set->info().outputs() == 2 ? "logistic" : "softmax";
    std::cout << "\nNext\n  lamina fit " << learner << ' ' << o.output << " --target label"
              << (o.files ? " --ignore file" : "") << '\n';
  }
}

}  // namespace

void add_features(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("features", "Writes what a layer of a trained network says of data");
  auto o = std::make_shared<Options>();
  verb->add_option("source", o->source, "A run directory; or a file of weights, with --recipe")->required();
  verb->add_option("data", o->data,
                   "A folder or file of the same kind as the network was trained on, of any classes; or a recipe, for "
                   "its data. Default: the data of the run");
  verb->add_option("-o,--output", o->output, "A file that ends in .csv or .safetensors")->required()->type_name("FILE");
  verb->add_option("--layer", o->layer, "A layer by its path, see lamina info; default: what comes into the last one")
      ->type_name("NAME");
  verb->add_option("--part", o->part, "Of the data of a recipe: train, validation, test (default) or all")
      ->type_name("PART");
  verb->add_option("--recipe", o->recipe, "The recipe whose network a file of weights is for")->type_name("RECIPE");
  verb->add_flag("--files", o->files, "Adds the name of each example (a file, a row)");
  add_threads(*verb);
  verb->footer(
      "Examples:\n  lamina features runs/mnist-low recipes/mnist-high.yaml --part train -o train.csv\n"
      "  lamina features runs/photos folder -o features.safetensors --layer layer4 --files\n"
      "  lamina fit softmax train.csv --target label --test test.csv");
  verb->callback([o] { features(*o); });
}

}  // namespace lamina::cli
