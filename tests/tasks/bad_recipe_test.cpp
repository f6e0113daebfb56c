// One mistake for each key that a recipe can have. The keys come from the tables that recipes are read with, so a new
// key is covered by itself.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <map>
#include <set>

#include "lamina/core/error.h"
#include "lamina/data/open.h"
#include "lamina/data/transform.h"
#include "lamina/models/registry.h"
#include "lamina/nn/loss.h"
#include "lamina/optim/optimizer.h"
#include "lamina/optim/schedule.h"
#include "lamina/recipe/resolver.h"
#include "lamina/tasks/experiment.h"
#include "lamina/train/trainer.h"

namespace lamina::tasks {
namespace {

using Field = recipe::FieldLister::Field;

/// A section of a recipe in which one key can be wrong.
struct Section {
  std::string name;                                   // "optimizer.adam"
  std::vector<Field> fields;                          // its keys
  std::function<void(const std::string& line)> read;  // with one more line, the fifth of r.yaml
};

constexpr const char* kPlace = "r.yaml:5:";

std::string message_of(const Section& section, const std::string& line) {
  try {
    section.read(line);
  } catch (const Error& e) {
    return e.what();
  } catch (const std::exception& e) {
    return std::string("not a lamina::Error: ") + e.what();
  }
  return "";
}

/// Builds all of a recipe except the weights' training.
void build(const std::string& yaml) {
  const recipe::Setting recipe = recipe::parse_yaml(yaml, "r.yaml");
  recipe::Setting resolved;
  const DataParts data = open_data(recipe, resolved);
  make_plan(recipe, data.facts, resolved);
}

template <class E, class... Context>
std::vector<Field> fields_of(const E& entry, const Context&... context) {
  recipe::FieldLister lister;
  try {
    entry.make(lister, context...);
  } catch (const Error&) {  // a key without a default is missing
  }
  return lister.fields();
}

template <class Options>
std::vector<Field> fields_of_options() {
  Options options;
  recipe::FieldLister lister;
  options.visit(lister);
  return lister.fields();
}

/// The entries of a table that belong into a section of their own: "optimizer:\n  name: adam\n  lr: 1".
template <class T>
void add_named(std::vector<Section>& all, const std::string& section, std::span<const Entry<T>> table) {
  for (const Entry<T>& e : table) {
    const std::string head = "data: {format: builtin, name: iris}\nmodel: {name: mlp, hidden: [4]}\n" + section +
                             ":\n  name: " + std::string(e.name) + "\n";
    all.push_back({section + "." + std::string(e.name), fields_of(e),
                   [head](const std::string& line) { build(head + "  " + line + "\n"); }});
  }
}

void add_transforms(std::vector<Section>& all) {
  static const std::map<std::string, std::string> needed{
      {"center_crop", "size: 4"}, {"random_crop", "size: 4"},         {"pad", "amount: 1"},
      {"one_hot", "classes: 10"}, {"random_resized_crop", "size: 4"}, {"progressive_resize", "sizes: [8]"},
      {"normalize", "mean: 0"},   {"standardize", "mean: 0"}};
  for (const auto& e : data::transform_table()) {
    const auto more = needed.find(std::string(e.name));
    const std::string rest = more == needed.end() ? "" : more->second;
    const std::string head =
        "data: {format: builtin, name: digits}\ntransforms:\n  train:\n    - name: " + std::string(e.name) + "\n";
    const std::string tail = "  eval: [scale]\nmodel: {name: mlp, hidden: [4]}\n";
    all.push_back({"transforms." + std::string(e.name), fields_of(e), [head, tail, rest](const std::string& line) {
                     const bool given = rest.empty() || line.starts_with(rest.substr(0, rest.find(':') + 1));
                     build(head + "      " + line + "\n" + (given ? "" : "      " + rest + "\n") + tail);
                   }});
  }
}

/// Networks of tens of millions of weights take seconds to make; their options are those of their small kin.
bool is_large(std::string_view model) {
  static const std::set<std::string_view> large{"resnet18", "resnet34", "resnet50", "resnet101", "resnet152"};
  return model.starts_with("vgg") || model.starts_with("alexnet") || large.contains(model);
}

void add_models(std::vector<Section>& all) {
  for (const auto& e : models::model_table()) {
    if (is_large(e.name)) continue;
    const std::string head = "#\n#\n#\nname: " + std::string(e.name) + "\n";
    all.push_back({"model." + std::string(e.name), fields_of(e, models::ModelInput{}), [head](const std::string& line) {
                     models::make_model(recipe::parse_yaml(head + line + "\n", "r.yaml"), {});
                   }});
  }
}

/// Layers take what has as many axes as they need.
void add_layers(std::vector<Section>& all) {
  static const std::vector<Shape> shapes{{8, 16, 16}, {8, 16}, {8, 8, 8, 8}, {30}};
  for (const auto& e : models::layer_table()) {
    models::ModelInput input{{}, 0, DType::f32};
    std::vector<Field> fields;
    for (const Shape& shape : shapes) {
      input.input = shape;
      if (fields = fields_of(e, input); !fields.empty()) break;
    }
    const std::string head = "#\n#\nlayers:\n  - " + std::string(e.name) + ":\n";
    all.push_back({"layer." + std::string(e.name), fields, [head, input, fields](const std::string& line) {
                     std::string rest;
                     for (const char* needed : {"out", "rows", "dim", "hidden"}) {
                       const bool key = std::any_of(fields.begin(), fields.end(), [&](const Field& f) {
                         return f.name == needed && f.value == "0" && !line.starts_with(std::string(needed) + ":");
                       });
                       if (key) rest += std::string("      ") + needed + ": 4\n";
                     }
                     models::make_model(recipe::parse_yaml(head + "      " + line + "\n" + rest, "r.yaml"), input);
                   }});
  }
}

void add_data_and_trainer(std::vector<Section>& all) {
  all.push_back({"data", fields_of_options<data::DataOptions>(), [](const std::string& line) {
                   const bool format = line.starts_with("format:"), name = line.starts_with("name:");
                   build("model: {name: mlp, hidden: [4]}\ndata:\n" +
                         std::string(format ? "#\n" : "  format: builtin\n") + (name ? "#\n" : "  name: iris\n") +
                         "  " + line + "\n");
                 }});
  const std::string head = "data: {format: builtin, name: iris}\n#\nmodel: {name: mlp, hidden: [4]}\ntrainer:\n";
  all.push_back({"trainer", fields_of_options<train::TrainerOptions>(),
                 [head](const std::string& line) { build(head + "  " + line + "\n"); }});
}

std::vector<Section> sections() {
  std::vector<Section> all;
  add_data_and_trainer(all);
  add_transforms(all);
  add_models(all);
  add_layers(all);
  add_named(all, "loss", loss_table());
  add_named(all, "optimizer", optim::optimizer_table());
  add_named(all, "schedule", optim::schedule_table());
  return all;
}

/// A value that cannot be read as what the key needs.
std::string misfit(const Field& field) {
  if (field.type == "true or false") return "maybe";
  if (field.type == "word") return "[a, b]";
  if (field.type == "words") return "{a: b}";
  if (field.type == "maps") return "3";
  if (field.type == "dtype") return "f33";
  return "fast";  // numbers of all kinds
}

void expect_place(const Section& section, const std::string& line, const std::string& message,
                  const std::string& word) {
  EXPECT_TRUE(message.find(kPlace) != std::string::npos && message.find(word) != std::string::npos)
      << section.name << ", \"" << line << "\": expected " << kPlace << " and " << word << ", got: " << message;
}

TEST(BadRecipe, AValueOfTheWrongTypeInAnyKey) {
  size_t keys = 0;
  for (const Section& section : sections()) {
    for (const Field& field : section.fields) {
      const std::string line = field.name + ": " + misfit(field);
      expect_place(section, line, message_of(section, line), field.name);
      ++keys;
    }
  }
  EXPECT_GT(keys, 200U);
}

TEST(BadRecipe, AMisspeltNameOfAnyKey) {
  for (const Section& section : sections()) {
    for (const Field& field : section.fields) {
      const std::string line = field.name + "q: 1";
      expect_place(section, line, message_of(section, line), "did you mean \"" + field.name + "\"?");
    }
    if (section.fields.empty()) expect_place(section, "q: 1", message_of(section, "q: 1"), "q");
  }
}

/// Keys that any number below zero suits.
bool may_be_negative(const std::string& key) {
  static const std::set<std::string> any{"trainer.seed",
                                         "transforms.scale.factor",
                                         "transforms.scale.offset",
                                         "transforms.min_max.low",
                                         "transforms.normalize.mean",
                                         "transforms.standardize.mean",
                                         "transforms.pad.value",
                                         "transforms.pad_sequences.fill",
                                         "transforms.rotate.value",
                                         "transforms.shift.value",
                                         "transforms.erase.value",
                                         "transforms.affine.value",
                                         "transforms.perspective.value",
                                         "transforms.cutout.value",
                                         "transforms.rand_augment.value",
                                         "layer.lstm.forget_bias",
                                         "layer.local_response_norm.alpha",
                                         "layer.local_response_norm.beta",
                                         "layer.flatten.start",
                                         "layer.local_response_norm.k",
                                         "layer.flatten.end",
                                         "layer.leaky_relu.slope",
                                         "layer.prelu.slope",
                                         "layer.elu.alpha",
                                         "layer.hardtanh.low",
                                         "layer.softmax.axis",
                                         "layer.log_softmax.axis",
                                         "layer.embedding.padding_id",
                                         "loss.focal.alpha",
                                         "loss.cross_entropy.ignore_index",
                                         "loss.nll.ignore_index"};
  return any.contains(key);
}

TEST(BadRecipe, ANumberBelowTheRangeOfItsKey) {
  for (const Section& section : sections()) {
    for (const Field& field : section.fields) {
      if (field.type.find("number") == std::string::npos || may_be_negative(section.name + "." + field.name)) continue;
      const std::string line = field.name + ": -3";
      expect_place(section, line, message_of(section, line), "-3");
    }
  }
}

/// Keys that any word suits: names of files, columns, sets.
bool may_be_any_word(const std::string& key) {
  static const std::set<std::string> any{"data.root", "data.test", "data.path", "data.images", "trainer.run_dir"};
  return any.contains(key);
}

TEST(BadRecipe, AWordThatIsNoneOfThoseOfItsKey) {
  for (const Section& section : sections()) {
    for (const Field& field : section.fields) {
      if (field.type != "word" || may_be_any_word(section.name + "." + field.name)) continue;
      const std::string line = field.name + ": nonsense";
      expect_place(section, line, message_of(section, line), "nonsense");
    }
  }
}

}  // namespace
}  // namespace lamina::tasks
