#include "lamina/tasks/transfer.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "lamina/core/error.h"
#include "lamina/data/loader.h"
#include "lamina/data/split.h"
#include "lamina/engine/tape.h"
#include "lamina/graph/capture.h"
#include "lamina/io/files.h"
#include "lamina/io/safetensors.h"
#include "lamina/recipe/resolver.h"
#include "lamina/tasks/kind.h"
#include "lamina/train/checkpoint.h"

namespace lamina::tasks {

using recipe::Setting;
namespace fs = std::filesystem;

namespace {

std::map<std::string, Tensor> tensors_of(const std::string& file) {
  std::map<std::string, Tensor> tensors;
  for (io::NamedTensor& t : io::load_safetensors(file).tensors) tensors.emplace(t.name, std::move(t.tensor));
  return tensors;
}

/// Shapes that differ in the number of outputs alone.
bool other_outputs(const Shape& own, const Shape& found) {
  if (own.rank() != found.rank() || own.rank() == 0 || own[0] == found[0]) return false;
  return std::equal(own.begin() + 1, own.end(), found.begin() + 1);
}

/// The globs that leave the head alone.
std::vector<std::string> head_globs(nn::Layer& net, const models::ModelInput& input,
                                    const std::map<std::string, Tensor>& tensors) {
  Shape batch = input.input;
  batch.insert(0, 1);
  std::vector<std::string> globs{nn::head_of(net, batch, input.dtype)};
  for (const nn::NamedVariable& v : net.state()) {
    const auto it = tensors.find(v.name);
    const Shape& own = v.variable.value().shape();
    if (it != tensors.end() && !own.empty() && own[0] == input.outputs && other_outputs(own, it->second.shape())) {
      globs.push_back(v.name);
    }
  }
  return globs;
}

}  // namespace

InitSection init_section(const Setting& recipe, Setting* resolved) {
  InitSection init;
  const Setting* given = recipe.find("init");
  if (!given || !given->defined()) return init;
  Setting section = *given;
  if (given->kind == Setting::Kind::scalar) {  // init: runs/a
    section = Setting{};
    section.kind = Setting::Kind::map;
    section.origin = given->origin;
    section.field("from") = *given;
  }
  recipe::Resolver resolver(section, "init");
  init.visit(resolver);
  resolver.finish();
  if (init.from.empty()) {
    throw Error(section.origin, "init: \"from\" is missing").hint("a run directory, or a safetensors file");
  }
  init.from = fs::absolute(init.from).lexically_normal().string();
  if (resolved) {
    *resolved = resolver.resolved();
    resolved->field("from").text = init.from;
  }
  return init;
}

Initialized initialize(const Plan& plan, const Facts& facts) {
  const InitSection init = init_section(plan.resolved);
  if (init.from.empty()) return {};
  Initialized done;
  done.from = train::weights_file(init.from);
  const std::map<std::string, Tensor> tensors = tensors_of(done.from);
  nn::InitOptions options{.except = init.except, .resize = init.resize};
  nn::Module& module = plan.task->module();
  if (init.new_head) {
    auto* net = dynamic_cast<nn::Layer*>(&module);
    if (!net) throw Error("init", "new_head: this task has no single network").hint("name the head in except");
    for (const std::string& glob : head_globs(*net, facts.model_input(), tensors)) options.except.push_back(glob);
  }
  done.report = nn::init_from(module, tensors, options, done.from);
  return done;
}

FeatureSource feature_source(const std::string& run_or_file, const std::string& recipe) {
  FeatureSource source;
  source.name = run_or_file;
  std::error_code ignored;
  if (is_run(run_or_file) || !fs::is_regular_file(run_or_file, ignored)) {
    if (!recipe.empty()) throw Error("--recipe", "goes with a file of weights; a run has its own recipe");
    Run run = open_run(run_or_file);
    source.net = trained_network(run);
    source.recipe = std::move(run.recipe);
    source.facts = std::move(run.facts);
    return source;
  }
  if (recipe.empty()) {
    throw Error(run_or_file, "a file of weights does not say which network it is for")
        .hint("--recipe RECIPE: a recipe with its model, data and transforms");
  }
  source.recipe = load_recipe(recipe);
  Setting resolved;
  source.facts = open_data(source.recipe, resolved).facts;
  const models::ModelInput input = source.facts.model_input();
  source.net = make_network(source.recipe, input);
  const std::map<std::string, Tensor> tensors = tensors_of(run_or_file);
  std::vector<std::string> except;
  for (const std::string& glob : head_globs(*source.net, input, tensors)) {
    for (const nn::NamedVariable& v : source.net->state()) {
      const auto it = tensors.find(v.name);
      const bool fits = it == tensors.end() || it->second.shape() == v.variable.value().shape();
      if (nn::matches_path(glob, v.name) && !fits) except.push_back(v.name);
    }
  }
  nn::init_from(*source.net, tensors, {.except = except}, run_or_file);
  return source;
}

Features extract_features(FeatureSource& source, const data::DatasetPtr& set, const FeatureOptions& options) {
  if (set->size() == 0) throw Error(set->info().name, "holds no examples");
  if (options.batch < 1) throw Error("features", "batch must be 1 or more, got " + std::to_string(options.batch));
  nn::Layer& net = *source.net;
  Shape one = source.facts.input;
  one.insert(0, 1);
  const bool into_head = options.layer.empty();
  const std::string layer = into_head ? nn::head_of(net, one, source.facts.dtype) : options.layer;
  data::Transforms transforms = eval_transforms(source.recipe, source.facts);
  if (data::views_of(transforms) > 1) throw Error("features", "the transforms make several views of each input");
  for (const data::TransformPtr& p : make_kind(source.recipe, source.facts)->preparation()) transforms.push_back(p);
  std::vector<Variable> state;
  for (const nn::NamedVariable& v : net.state()) state.push_back(v.variable);
  graph::Captured run(
      [&](const Tensors& in) {
        const NoGrad off;
        const nn::ModeScope mode(nn::Mode::eval);
        return Tensors{nn::features(net, in.at(0), layer, into_head)};
      },
      state);
  data::Loader loader(set, transforms, {.batch = options.batch});
  loader.start(0);
  Features found{into_head ? "into " + layer : layer, {}};
  std::vector<float> values;
  Shape shape;
  for (data::Batch batch; loader.next(batch);) {
    const Tensor& y = run({batch.at(0)})[0];
    if (y.rank() == 0 || y.size(0) != batch[0].size(0)) {
      throw Error("features", "the layer \"" + layer + "\" puts out " + y.shape().str() +
                                  ", not a row for each of the " + std::to_string(batch[0].size(0)) + " examples");
    }
    shape = y.shape();
    const std::vector<float> part = y.floats();
    values.insert(values.end(), part.begin(), part.end());
  }
  shape[0] = set->size();
  found.values = Tensor::from(values, shape);
  return found;
}

namespace {

using data::TargetKind;

Tensor targets_of(const data::Dataset& set) {
  const data::DatasetInfo& info = set.info();
  if (info.target == TargetKind::classes) {
    const std::vector<int64_t> ids = data::class_ids(set);
    return Tensor::from(std::span<const int64_t>(ids), {set.size()});
  }
  std::vector<float> values;
  Shape shape;
  for (int64_t i = 0; i < set.size(); ++i) {
    const Tensor target = set.get(i).at(1);
    const std::vector<float> one = target.floats();
    values.insert(values.end(), one.begin(), one.end());
    shape = target.shape();
  }
  shape.insert(0, set.size());
  return Tensor::from(values, shape);
}

/// A cell of a CSV file.
std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string number(float value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", static_cast<double>(value));
  return text;
}

std::string csv_of(const Features& features, const data::Dataset& set, bool files) {
  const data::DatasetInfo& info = set.info();
  const int64_t n = set.size(), width = features.values.numel() / n;
  const std::vector<float> values = features.values.floats();
  const bool classes = info.target == TargetKind::classes;
  const Tensor targets = info.target == TargetKind::none ? Tensor() : targets_of(set);
  const std::vector<double> wanted = targets.defined() ? targets.values() : std::vector<double>();
  const auto columns = static_cast<int64_t>(wanted.size()) / n;
  std::string text = files ? "file" : "";
  const auto cell = [&text](const std::string& c) { text += (text.empty() || text.back() == '\n' ? "" : ",") + c; };
  for (int64_t k = 1; k <= width; ++k) cell("f" + std::to_string(k));
  if (classes) cell("label");
  for (int64_t k = 0; !classes && k < columns; ++k) {
    cell(k < info.outputs() ? quoted(info.classes[static_cast<size_t>(k)]) : "target" + std::to_string(k + 1));
  }
  for (int64_t i = 0; i < n; ++i) {
    text += '\n';
    if (files) cell(quoted(set.label(i)));
    for (int64_t k = 0; k < width; ++k) cell(number(values[static_cast<size_t>(i * width + k)]));
    if (classes) cell(quoted(info.classes.at(static_cast<size_t>(wanted[static_cast<size_t>(i)]))));
    for (int64_t k = 0; !classes && k < columns; ++k) {
      cell(number(static_cast<float>(wanted[static_cast<size_t>(i * columns + k)])));
    }
  }
  return text + "\n";
}

}  // namespace

void write_features(const std::string& path, const Features& features, const data::Dataset& set, bool files) {
  if (path.ends_with(".csv")) {
    io::write_file_atomically(path, csv_of(features, set, files));
    return;
  }
  if (!path.ends_with(".safetensors")) {
    throw Error("--output", "expected a file that ends in .csv or .safetensors, got \"" + path + "\"");
  }
  const data::DatasetInfo& info = set.info();
  io::TensorFile file;
  file.metadata["layer"] = features.layer;
  file.metadata["data"] = info.name;
  file.tensors.push_back({"features", features.values});
  if (info.target != TargetKind::none) {
    const bool classes = info.target == TargetKind::classes;
    file.tensors.push_back({classes ? "label" : "targets", targets_of(set)});
    file.metadata["classes"] = nlohmann::json(info.classes).dump();
  }
  if (files) {
    std::vector<std::string> labels;
    for (int64_t i = 0; i < set.size(); ++i) labels.push_back(set.label(i));
    file.metadata["files"] = nlohmann::json(labels).dump();
  }
  io::save_safetensors(path, file);
}

}  // namespace lamina::tasks
