// A trained network as the start of another one, and what it says of data inside: the section `init` of a recipe, and
// features.
#pragma once

#include <string>
#include <vector>

#include "lamina/nn/transfer.h"
#include "lamina/tasks/run.h"

namespace lamina::tasks {

/// The section `init`: {from: runs/a, except: ["fc.*"]}, or `init: runs/a`.
struct InitSection {
  std::string from = "";                 // a run directory (its best checkpoint), or a safetensors file
  std::vector<std::string> except = {};  // see nn::InitOptions
  std::vector<std::string> resize = {};
  bool new_head = false;  // leaves the last layer, and whatever else has as many outputs as the data wants, where the
                          // file has another number
  LAMINA_OPTIONS(from, except, resize, new_head)
};

/// The section, undefined where the recipe has none. `resolved` receives it, with the path in full. Nothing is opened.
InitSection init_section(const recipe::Setting& recipe, recipe::Setting* resolved = nullptr);

/// What initialize() did. `from` is the file of weights; empty: the recipe has no section `init`.
struct Initialized {
  std::string from;
  nn::InitReport report;
};
/// Fills the network of a plan as the section says. Throws Error, before anything has changed, where the weights do not
/// fit.
Initialized initialize(const Plan& plan, const Facts& facts);

/// Where features come from: a network and the transforms that go before it.
struct FeatureSource {
  std::string name;        // "runs/a", "resnet50.safetensors"
  recipe::Setting recipe;  // says how data are read, and their transforms
  Facts facts;
  nn::LayerPtr net;
};
/// A run; or a file of weights with the recipe of its network, whose data fit the transforms. The file's head may have
/// another number of outputs.
FeatureSource feature_source(const std::string& run_or_file, const std::string& recipe = "");

struct FeatureOptions {
  std::string layer = "";  // by its path; default: what comes into the head, see nn::head_of()
  int64_t batch = 64;
};

/// What the layer says of each example in evaluation mode, after the transforms for evaluation.
struct Features {
  std::string layer;  // the one that was read: of the default, "into fc"
  Tensor values;      // f32 [n, …]
};
Features extract_features(FeatureSource& source, const data::DatasetPtr& set, const FeatureOptions& options = {});

/// Writes features with the targets of the set, by the ending of the path:
///   .csv          f1, f2, … and a column `label` with the name of the class, or a column for each tag or value;
///                 `files` adds a column `file` in front
///   .safetensors  "features" [n, …], and "label" i64 [n], or "targets" f32 [n, …]; the metadata name layer and classes
/// Throws Error for another ending.
void write_features(const std::string& path, const Features& features, const data::Dataset& set, bool files = false);

}  // namespace lamina::tasks
