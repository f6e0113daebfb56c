// The sections data and transforms.
#include <algorithm>
#include <filesystem>

#include "lamina/core/error.h"
#include "lamina/data/open.h"
#include "lamina/io/csv.h"
#include "lamina/recipe/resolver.h"
#include "lamina/tasks/kind.h"

namespace lamina::tasks {

using recipe::Setting;

namespace {

/// Transforms where a recipe names none: bytes become [0, 1], columns of tables get mean 0 and deviation 1.
std::string default_transforms(const data::DatasetInfo& info) {
  return info.input.rank() == 1 || !info.features.empty() ? "[standardize]" : "[scale]";
}

data::Transforms make_list(const Setting& list, Setting& resolved) {
  if (list.kind != Setting::Kind::list) recipe::fail(list, "transforms", "a list: [scale, normalize]");
  resolved = Setting{};
  resolved.kind = Setting::Kind::list;
  data::Transforms made;
  for (const Setting& item : list.items) {
    // {random_crop: {padding: 4}} is short for {name: random_crop, padding: 4}.
    Setting named = item;
    if (item.kind == Setting::Kind::map && item.fields.size() == 1 && !item.find("name")) {
      const auto& [name, options] = item.fields.front();
      named = recipe::options_of_section(options);
      named.origin = item.origin;
      named.field("name") = Setting::scalar(name, item.origin);
    }
    Setting kept;
    made.push_back(recipe::make_named(data::transform_table(), named, "transform", &kept));
    resolved.items.push_back(kept);
  }
  return made;
}

/// One list stands for both training and evaluation.
struct Lists {
  Setting train, eval;
};

Lists transform_lists(const Setting& recipe, const data::DatasetInfo& info) {
  const Setting* section = recipe.find("transforms");
  if (!section || !section->defined()) {
    const Setting standard = recipe::parse_yaml(default_transforms(info), "default of transforms");
    return {standard, standard};
  }
  if (section->kind == Setting::Kind::list) return {*section, *section};
  if (section->kind != Setting::Kind::map) {
    recipe::fail(*section, "transforms", "a list, or {train: [...], eval: [...]}");
  }
  NameList names;
  names.add("train");
  names.add("eval");
  for (const auto& [key, value] : section->fields) {
    if (key != "train" && key != "eval") recipe::fail_unknown(value, "list of transforms", key, names);
  }
  const Setting* train = section->find("train");
  const Setting* eval = section->find("eval");
  if (!train || !eval) {
    throw Error(section->origin, std::string("transforms: \"") + (train ? "eval" : "train") + "\" is missing")
        .hint("give both, or one list for both");
  }
  return {*train, *eval};
}

data::DataOptions read_options(const Setting& recipe, Setting& resolved) {
  const Setting* section = recipe.find("data");
  if (!section || !section->defined()) {
    throw Error(recipe.origin, "the section \"data\" is missing")
        .hint("for example data: {format: idx, root: data/mnist}");
  }
  data::DataOptions options;
  recipe::Resolver resolver(*section, "data");
  options.visit(resolver);
  resolver.finish();
  resolved = resolver.resolved();
  return options;
}

/// The folder in full: the run finds its data again from wherever it is called.
void keep_root(const data::DataOptions& options, Setting& section) {
  if (options.format == "builtin") return;
  const std::filesystem::path full = std::filesystem::absolute(data::find_root(options.root, options.name));
  section.field("root").text = full.lexically_normal().string();
}

/// Errors that name a file stand as they are; those that name an option get the place of the section.
data::Parts open_at(const data::DataOptions& options, const Setting& section) {
  try {
    return data::open_parts(options);
  } catch (const Error& error) {
    const bool option = error.where().starts_with("data.") || error.where().find_first_of("/:.") == std::string::npos;
    if (!option) throw;
    throw Error(recipe::place_of(section, error), error.what());
  }
}

/// The first training example after the transforms; throws Error where it is still made of bytes.
data::Example first_example(const data::Transforms& transforms, const data::Dataset& train, const Setting& list) {
  data::Example example = data::apply_all(transforms, train.get(0), 0, 0, 0);
  if (example[0].dtype() != DType::u8) return example;
  throw Error(list.origin, "after these transforms the inputs are still bytes").hint("add scale: it makes them [0, 1]");
}

data::DatasetPtr viewed(const TaskKind& kind, const data::DatasetPtr& part, bool training) {
  return part ? kind.view(part, training) : nullptr;
}

/// What the network is given, and what is wanted of it.
void note_example(Facts& facts, const TaskKind& kind, const DataParts& parts) {
  const data::Example first = data::apply_all(parts.eval_transforms, parts.train->get(0), 0, 0, 0);
  facts.input = first[0].shape();
  if (data::views_of(parts.eval_transforms) > 1) facts.input.erase(0);
  facts.dtype = first[0].dtype();
  if (first.size() > 1) facts.target = first[1].shape();
  facts.outputs = kind.outputs(first, facts.info);
}

/// [height, width] of pictures that are large enough for both lists; empty where one of them needs all pixels.
Dims enough_for(const data::Transforms& train, const data::Transforms& eval) {
  if (train.empty() || eval.empty()) return {};
  const Dims a = train[0]->enough(), b = eval[0]->enough();
  if (a.rank() != 2 || b.rank() != 2) return {};
  return {std::max(a[0], b[0]), std::max(a[1], b[1])};
}

}  // namespace

DataParts open_data(const Setting& recipe, Setting& resolved) {
  Setting section;
  data::DataOptions options = read_options(recipe, section);
  if (const Setting* lists_given = recipe.find("transforms"); lists_given && lists_given->defined()) {
    Setting ignored;
    const Lists lists = transform_lists(recipe, {});
    options.enough = enough_for(make_list(lists.train, ignored), make_list(lists.eval, ignored));
  }
  const data::Parts opened = open_at(options, *recipe.find("data"));
  keep_root(options, section);
  DataParts parts{opened.train, opened.validation, opened.test, {}, {}, {}};
  Facts& facts = parts.facts;
  facts.info = parts.train->info();
  const TaskKindPtr kind = make_kind(recipe, facts.info, &resolved.field("task"));
  resolved.field("data") = section;
  const Lists lists = transform_lists(recipe, facts.info);
  Setting& transforms = resolved.field("transforms");
  parts.train_transforms = make_list(lists.train, transforms.field("train"));
  parts.eval_transforms = make_list(lists.eval, transforms.field("eval"));
  data::fit_all(parts.train_transforms, *parts.train);
  data::fit_all(parts.eval_transforms, *parts.train);
  facts.transforms = data::state_of(parts.eval_transforms);
  first_example(parts.eval_transforms, *parts.train, lists.eval);
  first_example(parts.train_transforms, *parts.train, lists.train);
  const Setting* task = recipe.find("task");
  recipe::with_place(task ? *task : recipe, [&] { kind->fit(*parts.train, parts.eval_transforms); });
  facts.task = kind->state();
  parts.train = viewed(*kind, opened.train, true);
  parts.validation = viewed(*kind, opened.validation, false);
  parts.test = viewed(*kind, opened.test, false);
  for (const data::TransformPtr& t : kind->preparation()) {
    parts.train_transforms.push_back(t);
    parts.eval_transforms.push_back(t);
  }
  note_example(facts, *kind, parts);
  return parts;
}

data::DatasetPtr open_to_test(const Setting& recipe, const Facts& facts, const std::string& place) {
  Setting ignored;
  data::DataOptions options = read_options(recipe, ignored);
  std::error_code error;
  if (options.format != "builtin" && std::filesystem::equivalent(place, options.root, error) && !error) {
    const data::Parts parts = data::open_parts(options);
    return make_kind(recipe, facts)
        ->view(parts.test         ? parts.test
               : parts.validation ? parts.validation
                                  : parts.train,
               false);
  }
  const TaskKindPtr kind = make_kind(recipe, facts);
  if (!kind->learns_targets()) return kind->view(data::open_to_test(options, place, facts.info.features), false);
  const bool classes = facts.info.target == data::TargetKind::classes;
  if (options.kind.empty() && !facts.info.features.empty()) options.kind = name_of(facts.info.target);
  if (classes && options.classes.empty() && options.keep_classes.empty()) options.classes = facts.info.classes;
  if (!classes && options.target.empty()) options.target = facts.info.classes;
  return kind->view(data::open_to_test(options, place, facts.info.features), false);
}

io::CsvOptions csv_options(const Setting& recipe) {
  Setting ignored;
  return data::csv_options(read_options(recipe, ignored));
}

data::DatasetPtr open_any(const Setting& recipe, const Facts& facts, const std::string& place) {
  Setting ignored;
  data::DataOptions options = read_options(recipe, ignored);
  options.classes.clear();
  options.keep_classes.clear();
  options.limit = 0;
  return make_kind(recipe, facts)->view(data::open_to_test(options, place, facts.info.features), false);
}

data::Transforms eval_transforms(const Setting& recipe, const Facts& facts) {
  Setting ignored;
  data::Transforms made = make_list(transform_lists(recipe, facts.info).eval, ignored);
  data::load_state(made, facts.transforms);
  return made;
}

}  // namespace lamina::tasks
