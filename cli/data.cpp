#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "lamina/core/error.h"
#include "lamina/data/catalogue.h"
#include "lamina/data/open.h"
#include "lamina/io/files.h"
#include "lamina/io/image.h"
#include "lamina/report/contact_sheet.h"
#include "lamina/tasks/experiment.h"
#include "lamina/tasks/samples.h"

namespace lamina::cli {

namespace {

const data::CatalogueEntry& entry_of(const std::string& name) {
  if (const data::CatalogueEntry* e = data::find_in_catalogue(name)) return *e;
  NameList names;
  for (const data::CatalogueEntry& e : data::catalogue()) names.add(e.name);
  Error error("lamina data", "there is no data set \"" + name + "\"");
  const std::string near = names.nearest(name);
  throw error.hint((near.empty() ? "" : "did you mean \"" + near + "\"? ") + "there are: " + names.str());
}

/// "built in", "in /data/mnist", or "lamina data get mnist".
std::string place_of(const data::CatalogueEntry& e) {
  if (e.files.empty()) return "built in";
  try {
    return data::find_root("", e.name);
  } catch (const Error&) {
    return "not here: lamina data get " + e.name;
  }
}

/// What is fetched, or what is in the library.
std::vector<data::CatalogueFile> files_of(const data::CatalogueEntry& e) {
  if (!e.files.empty()) return e.files;
  return {data::builtin_file(e.name)};
}

/// The first digits, of several files those of the first and how many more there are.
std::string checksum_of(const data::CatalogueEntry& e) {
  const std::vector<data::CatalogueFile> files = files_of(e);
  const std::string more = files.size() > 1 ? " +" + std::to_string(files.size() - 1) : "";
  return files[0].sha256.substr(0, 12) + "…" + more;
}

void list(bool json) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  TextTable table({"name", "task", "size", "licence", "SHA-256", "where"});
  for (const data::CatalogueEntry& e : data::catalogue()) {
    table.add({e.name, e.task, bytes_text(static_cast<double>(e.bytes())), e.licence, checksum_of(e), place_of(e)});
    nlohmann::ordered_json files = nlohmann::ordered_json::array();
    for (const data::CatalogueFile& f : files_of(e)) {
      files.push_back({{"name", f.name}, {"bytes", f.bytes}, {"sha256", f.sha256}});
    }
    all.push_back({{"name", e.name},
                   {"task", e.task},
                   {"bytes", e.bytes()},
                   {"licence", e.licence},
                   {"source", e.source},
                   {"files", files},
                   {"built_in", e.files.empty()},
                   {"where", place_of(e)}});
  }
  std::cout << (json ? all.dump(2) + "\n"
                     : table.str() + "\nlamina data show NAME gives every file with its whole checksum.\n");
}

void show(const std::string& name) {
  const data::CatalogueEntry& e = entry_of(name);
  std::cout << "name      " << e.name << "\ntask      " << e.task << "\nformat    " << e.format << "\nlicence   "
            << e.licence << "\nsource    " << e.source << "\nwhere     " << place_of(e) << '\n';
  for (const data::CatalogueFile& f : files_of(e)) {
    std::cout << "file      " << f.name << ", " << bytes_text(static_cast<double>(f.bytes)) << ", SHA-256 " << f.sha256
              << '\n';
    for (const std::string& url : f.urls) std::cout << "          " << url << '\n';
  }
  std::cout << "recipe    data: {format: " << e.format << ", "
            << (e.files.empty() ? "name: " + e.name : "root: " + e.name) << "}\n";
}

struct Show {
  std::string name, output = "samples.png";
  int64_t count = 36;
  std::vector<std::string> set;
};

void show_samples(const Show& o) {
  const tasks::Samples samples = tasks::training_samples(tasks::load_recipe(o.name, o.set), o.count);
  for (const std::string& note : samples.notes) std::cerr << note << '\n';
  io::write_file_atomically(o.output, io::encode_png(report::contact_sheet(samples.pictures, samples.labels)));
  std::cout << o.output << '\n';
}

void get(const std::string& name, const std::string& folder) {
  const data::CatalogueEntry& e = entry_of(name);
  if (e.files.empty()) {
    std::cout << e.name << " is built in: nothing to fetch\n";
    return;
  }
  const bool terminal = isatty(STDERR_FILENO) != 0;
  const auto progress = [terminal](const std::string& file, int64_t done, int64_t total) {
    if (terminal) {
      std::cerr << "\r" << file << "  " << bytes_text(static_cast<double>(done)) << " of "
                << bytes_text(static_cast<double>(total)) << "   " << std::flush;
    }
    return true;
  };
  const std::string where = data::download(e, progress, folder);
  if (terminal) std::cerr << '\n';
  std::cout << where << '\n';
}

struct Export {
  std::string name, folder, split = "test", index = "0", root;
};

std::vector<int64_t> indices_of(const std::string& text, int64_t size) {
  std::vector<int64_t> indices;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t comma = std::min(text.find(',', begin), text.size());
    char* end = nullptr;
    const std::string part = text.substr(begin, comma - begin);
    const long long i = std::strtoll(part.c_str(), &end, 10);
    if (part.empty() || *end) throw Error("--index", "expected numbers such as 0,1,2, got \"" + text + "\"");
    if (i < 0 || i >= size) throw Error("--index", "expected 0 to " + std::to_string(size - 1) + ", got " + part);
    indices.push_back(i);
    begin = comma + 1;
  }
  return indices;
}

std::string class_name(const data::Dataset& set, int64_t index) {
  const int64_t id = set.class_of(index);
  return set.info().classes[static_cast<size_t>(id)];
}

/// Writes examples as files that `lamina predict` takes: a PNG each, or one CSV file.
void export_examples(const Export& o) {
  const data::CatalogueEntry& e = entry_of(o.name);
  data::DataOptions options;
  options.format = e.format;
  options.name = e.files.empty() ? e.name : "";
  options.root = e.files.empty() ? "" : data::find_root(o.root, e.name);
  const data::Splits splits = data::open_dataset(options);
  if (o.split != "train" && o.split != "test")
    throw Error("--split", "expected train or test, got \"" + o.split + "\"");
  const data::DatasetPtr set = o.split == "train" ? splits.train : splits.test;
  if (!set) throw Error("--split", o.name + " has no " + o.split + " part");
  const bool classes = set->info().target == data::TargetKind::classes;
  io::make_folders(o.folder);
  std::string csv;
  for (const std::string& f : set->info().features) csv += (csv.empty() ? "" : ",") + f;
  for (const int64_t i : indices_of(o.index, set->size())) {
    const Tensor input = set->get(i)[0];
    if (input.rank() == 3) {
      const std::string path =
          (std::filesystem::path(o.folder) /
           (o.name + "-" + std::to_string(i) + (classes ? "-is-" + class_name(*set, i) : "") + ".png"))
              .string();
      io::write_file_atomically(path, io::encode_png(input));
      std::cout << path << '\n';
      continue;
    }
    csv += "\n";
    const std::vector<double> values = input.values();
    for (size_t k = 0; k < values.size(); ++k) csv += (k ? "," : "") + nlohmann::json(values[k]).dump();
  }
  if (set->info().input.rank() == 3) return;
  const std::string path = (std::filesystem::path(o.folder) / (o.name + ".csv")).string();
  io::write_file_atomically(path, csv + "\n");
  std::cout << path << '\n';
}

void add_list(CLI::App& verb) {
  CLI::App* sub = verb.add_subcommand("list", "The sets that are known by name: size, licence, place");
  auto json = std::make_shared<bool>(false);
  sub->add_flag("--json", *json, "A JSON list");
  sub->callback([json] { list(*json); });
}

void add_show(CLI::App& verb) {
  CLI::App* sub = verb.add_subcommand(
      "show", "One set: origin, licence, files, checksums; or the augmented samples of a recipe, as one picture");
  auto o = std::make_shared<Show>();
  sub->add_option("name", o->name, "A set, or a recipe (YAML)")->required();
  sub->add_option("-o,--output", o->output, "Recipe: the picture (default: samples.png)")->type_name("PNG");
  sub->add_option("--count", o->count, "Recipe: how many samples (default 36)")->type_name("N");
  sub->add_option("--set", o->set, "Recipe: overrides a key; may be given many times")
      ->type_name("PATH=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  sub->callback([o] { o->name.ends_with(".yaml") || o->name.ends_with(".yml") ? show_samples(*o) : show(o->name); });
}

void add_get(CLI::App& verb) {
  CLI::App* sub = verb.add_subcommand("get", "Fetches a set; SHA-256 is checked, an interrupted download is taken up");
  auto name = std::make_shared<std::string>();
  auto folder = std::make_shared<std::string>();
  sub->add_option("name", *name)->required();
  sub->add_option("--to", *folder, "Where it goes (default: the cache, where recipes look)")->type_name("DIR");
  sub->callback([name, folder] { get(*name, *folder); });
}

void add_export(CLI::App& verb) {
  CLI::App* sub = verb.add_subcommand("export", "Writes examples as pictures or CSV, for lamina predict");
  auto o = std::make_shared<Export>();
  sub->add_option("name", o->name)->required();
  sub->add_option("folder", o->folder, "Where the files go")->required();
  sub->add_option("--split", o->split, "train or test (default)");
  sub->add_option("--index", o->index, "Which ones: 0,1,2 (default 0)");
  sub->add_option("--root", o->root, "Where the set lies, if not in its usual place")->type_name("DIR");
  sub->callback([o] { export_examples(*o); });
}

}  // namespace

void add_data(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("data", "Data sets: list, show, get, export");
  verb->require_subcommand(1);
  add_list(*verb);
  add_show(*verb);
  add_get(*verb);
  add_export(*verb);
  verb->footer(
      "Examples:\n  lamina data list\n  lamina data get mnist\n  lamina data export digits --index 0,1,2 images\n  "
      "lamina data show recipes/digits.yaml -o samples.png");
}

}  // namespace lamina::cli
