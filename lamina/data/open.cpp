#include "lamina/data/open.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "lamina/core/error.h"
#include "lamina/core/registry.h"
#include "lamina/data/catalogue.h"
#include "lamina/data/formats_internal.h"
#include "lamina/data/split.h"

namespace lamina::data {

namespace fs = std::filesystem;

namespace {

struct Format {
  std::string_view name;
  bool files;  // below a root
  Parts (*open)(const DataOptions& options, const std::string& root, std::vector<int64_t>& groups);
};

using Groups = std::vector<int64_t>;

constexpr Format kFormats[] = {
    {"idx", true, [](const DataOptions& o, const std::string& root, Groups&) { return open_idx(o, root); }},
    {"cifar10", true, [](const DataOptions& o, const std::string& root, Groups&) { return open_cifar(o, root, 10); }},
    {"cifar100", true, [](const DataOptions& o, const std::string& root, Groups&) { return open_cifar(o, root, 100); }},
    {"csv", true, open_csv},
    {"folder", true, [](const DataOptions& o, const std::string& root, Groups&) { return open_folder(o, root); }},
    {"manifest", true, [](const DataOptions& o, const std::string& root, Groups&) { return open_manifest(o, root); }},
    {"builtin", false,
     [](const DataOptions& o, const std::string&, Groups& groups) { return open_builtin(o, groups); }},
};

std::string last_part(const std::string& path) {
  fs::path p = fs::path(path).lexically_normal();
  if (p.filename().empty()) p = p.parent_path();
  return p.filename().string();
}

void check_fraction(double value, const char* option) {
  if (value >= 0 && value < 1) return;
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  throw Error(std::string("data.") + option, std::string("expected a fraction from 0 to below 1, got ") + text);
}

IndexSplit divide(const Dataset& set, const Groups& groups, double fraction, const DataOptions& options) {
  std::string method = options.split;
  if (method.empty()) method = set.info().target == TargetKind::classes ? "stratified" : "random";
  if (options.split.empty() && set.info().input.rank() == 2 && !set.info().features.empty())
    method = "time";  // windows
  if (method == "random") return split_random(set.size(), fraction, options.seed);
  if (method == "stratified") return split_stratified(class_ids(set), fraction, options.seed);
  if (method == "time") return split_by_time(set.size(), fraction);
  if (method != "group") {
    throw Error("data.split", "expected stratified, random, time or group, got \"" + method + "\"");
  }
  if (static_cast<int64_t>(groups.size()) != set.size())
    throw Error("data.split", "group needs a column of a table as group");
  return split_grouped(groups, fraction, options.seed);
}

/// Takes a fraction of the training part out of it, unless there is such a part already.
void hold_out(Parts& parts, DatasetPtr& part, double fraction, Groups& groups, const DataOptions& options) {
  if (part || fraction == 0) return;
  IndexSplit split = divide(*parts.train, groups, fraction, options);
  if (split.first.empty() || split.second.empty()) {
    throw Error(parts.train->info().name, "its " + std::to_string(parts.train->size()) +
                                              " examples are too few to hold out " + std::to_string(fraction) +
                                              " of them");
  }
  if (!groups.empty()) {
    Groups rest;
    for (const int64_t i : split.first) rest.push_back(groups[static_cast<size_t>(i)]);
    groups = std::move(rest);
  }
  part = subset(parts.train, std::move(split.second));
  parts.train = subset(parts.train, std::move(split.first));
}

void take_at_most(DatasetPtr& part, int64_t limit, const DataOptions& options) {
  if (!part || limit <= 0 || part->size() <= limit) return;
  DataOptions plain = options;
  if (plain.split == "group") plain.split.clear();
  const double fraction = static_cast<double>(limit) / static_cast<double>(part->size());
  part = subset(part, divide(*part, {}, fraction, plain).second);
}

void check_options(const DataOptions& options) {
  check_fraction(options.test_fraction, "test_fraction");
  check_fraction(options.validation, "validation");
  const auto at_least = [](const char* option, int64_t least, int64_t value) {
    if (value >= least) return;
    throw Error(std::string("data.") + option,
                "expected " + std::to_string(least) + " or more, got " + std::to_string(value));
  };
  at_least("limit", 0, options.limit);
  at_least("per_class", 0, options.per_class);
  at_least("window", 0, options.window);
  at_least("horizon", 1, options.horizon);
  at_least("seed", 0, options.seed);
  if (options.channels != 0 && options.channels != 1 && options.channels != 3) {
    throw Error("data.channels", "expected 1 or 3, got " + std::to_string(options.channels));
  }
  at_least("cache_mb", 0, options.cache_mb);
  if (options.on_bad_image != "error" && options.on_bad_image != "skip") {
    throw Error("data.on_bad_image", "expected error or skip, got \"" + options.on_bad_image + "\"");
  }
  if (options.tag_separator.size() > 1) {
    throw Error("data.tag_separator", "expected one character, got \"" + options.tag_separator + "\"");
  }
  check_table_options(options);
}

/// Leaves the classes that data.keep_classes names.
void choose_classes(Parts& parts, Groups& groups, const std::vector<std::string>& names) {
  if (names.empty()) return;
  if (!groups.empty() && parts.train) {
    Groups kept;
    for (const int64_t i : indices_of_classes(*parts.train, names)) kept.push_back(groups[static_cast<size_t>(i)]);
    groups = std::move(kept);
  }
  for (DatasetPtr* part : {&parts.train, &parts.validation, &parts.test}) {
    if (*part) *part = of_classes(*part, names);
    if (*part && (*part)->size() == 0) throw Error((*part)->info().name, "holds no example of data.keep_classes");
  }
}

/// The parts as the files have them, of the classes that are wanted.
Parts open_undivided(const DataOptions& options, Groups& groups) {
  check_options(options);
  if (options.format.empty()) {
    throw Error("data.format", "is missing").hint("one of idx, cifar10, cifar100, csv, folder, manifest, builtin");
  }
  const Format& format = find_entry(std::span<const Format>(kFormats), options.format, "data format");
  Parts parts = format.open(options, format.files ? find_root(options.root, options.name) : "", groups);
  choose_classes(parts, groups, options.keep_classes);
  return parts;
}

/// How a folder or file is read that comes to a network trained on a built-in set.
std::string format_of(const std::string& place) {
  std::error_code ignored;
  if (!fs::is_directory(place, ignored)) return "csv";
  for (const std::string& file : list_folder(place, false)) {
    const std::string name = fs::path(file).filename().string();
    if (name.find("idx") != std::string::npos && name.find("ubyte") != std::string::npos) return "idx";
    if (name.find(".csv") != std::string::npos || name.ends_with(".tsv")) return "csv";
  }
  return "folder";
}

}  // namespace

std::string name_of(const DataOptions& options, const std::string& root) {
  return options.name.empty() ? last_part(root) : options.name;
}

std::vector<std::string> known_classes(const DataOptions& options, const std::string& name) {
  if (!options.classes.empty()) return options.classes;
  const CatalogueEntry* entry = find_in_catalogue(name);
  return entry ? entry->classes : std::vector<std::string>{};
}

std::vector<std::string> list_folder(const std::string& folder, bool folders) {
  std::vector<std::string> paths;
  std::error_code code;
  for (fs::directory_iterator at(folder, code), end; !code && at != end; at.increment(code)) {
    const std::string name = at->path().filename().string();
    if (name.starts_with(".") || name == "__MACOSX") continue;  // what a Mac packs into archives beside the files
    std::error_code ignored;
    if (at->is_directory(ignored) == folders) paths.push_back(at->path().string());
  }
  if (code) throw Error(folder, "the folder cannot be read: " + code.message());
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::string find_root(const std::string& root, const std::string& name) {
  std::error_code ignored;
  const std::string set = name.empty() ? last_part(root) : name;
  const char* common = std::getenv("LAMINA_DATA");
  std::vector<std::string> places;
  if (!root.empty()) places.push_back(root);
  if (fs::path(root).is_absolute()) common = nullptr;  // so exact a name is not to be replaced by another
  if (common && *common && !set.empty()) places.push_back(std::string(common) + "/" + set);
  if (!set.empty() && !fs::path(root).is_absolute()) places.push_back(cache_folder() + "/" + set);
  for (const std::string& place : places) {
    if (fs::exists(place, ignored)) return place;
  }
  if (places.empty()) throw Error("data.root", "is missing: say where the data set lies");
  Error error("data.root", "there is no data set at " + places[0]);
  for (size_t i = 1; i < places.size(); ++i) error.detail("nor at " + places[i]);
  const CatalogueEntry* known = find_in_catalogue(set);
  if (known && !known->files.empty()) {
    std::string files;
    for (const CatalogueFile& f : known->files) files += (files.empty() ? "" : ", ") + f.name;
    throw error.hint("`lamina data get " + set + "` fetches it; or put " + files +
                     " into a folder and give it as root");
  }
  throw error.hint("give the folder (or file) as root, or put it into $LAMINA_DATA");
}

Parts open_parts(const DataOptions& options) {
  Groups groups;
  Parts parts = open_undivided(options, groups);
  if (!parts.train) {
    throw Error(find_root(options.root, options.name), "holds a test part only; training needs a training part");
  }
  hold_out(parts, parts.test, options.test_fraction, groups, options);
  hold_out(parts, parts.validation, options.validation, groups, options);
  if (options.per_class > 0) {
    if (parts.train->info().target != TargetKind::classes) {
      throw Error("data.per_class", parts.train->info().name + " has no classes");
    }
    parts.train = at_most_per_class(parts.train, options.per_class, options.seed);
  }
  take_at_most(parts.train, options.limit, options);
  take_at_most(parts.validation, options.limit, options);
  take_at_most(parts.test, options.limit, options);
  return parts;
}

DatasetPtr open_to_test(const DataOptions& like, const std::string& place, const std::vector<std::string>& words) {
  std::error_code ignored;
  if (!fs::exists(place, ignored)) throw Error(place, "there is no such file or folder");
  DataOptions options = like;
  if (options.format == "builtin") options.format = format_of(place);
  options.root = place;
  options.name.clear();
  options.test.clear();
  options.words = words;
  Groups groups;
  Parts parts = open_undivided(options, groups);
  DatasetPtr set = parts.test ? parts.test : parts.train;
  take_at_most(set, options.limit, options);
  return set;
}

Splits open_dataset(const DataOptions& options) {
  DataOptions whole = options;
  whole.validation = 0;
  Parts parts = open_parts(whole);
  if (parts.validation) parts.train = joined({parts.train, parts.validation});
  return {parts.train, parts.test};
}

}  // namespace lamina::data
