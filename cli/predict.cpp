#include "lamina/tasks/predict.h"

#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "lamina/core/error.h"
#include "lamina/io/files.h"
#include "lamina/io/image.h"

namespace lamina::cli {

namespace {

struct Options {
  std::string run, output;
  std::vector<std::string> files;
  tasks::PredictOptions predict;
  bool json = false;
};

void print_json(const std::vector<tasks::Prediction>& all, data::TargetKind target) {
  const bool values = target == data::TargetKind::values;
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const tasks::Prediction& p : all) {
    nlohmann::ordered_json answers = nlohmann::ordered_json::array();
    for (const tasks::Answer& a : p.answers) {
      answers.push_back({{values ? "target" : "class", a.name}, {values ? "value" : "probability", a.value}});
      if (target == data::TargetKind::tags) answers.back()["set"] = a.set;
    }
    list.push_back({{"file", p.file}, {"predictions", answers}});
  }
  std::cout << list.dump(2) << '\n';
}

void print(const std::vector<tasks::Prediction>& all, data::TargetKind target) {
  for (const tasks::Prediction& p : all) {
    std::cout << p.file << ":";
    if (target == data::TargetKind::tags &&
        std::none_of(p.answers.begin(), p.answers.end(), [](const auto& a) { return a.set; })) {
      std::cout << "  no tag";
    }
    for (const tasks::Answer& a : p.answers) {
      if (!a.set) continue;
      char text[64];
      std::snprintf(text, sizeof text, target == data::TargetKind::values ? "%.6g" : "%.1f %%",
                    target == data::TargetKind::values ? a.value : 100 * a.value);
      std::cout << "  " << a.name << ' ' << text;
    }
    std::cout << '\n';
  }
}

/// Where the picture made of a file goes: the file that --output names, or one of the same name in the folder.
std::string place_of(const std::string& file, const std::string& output, bool folder) {
  return folder ? output + "/" + std::filesystem::path(file).stem().string() + ".png" : output;
}

void write_pictures(const std::vector<tasks::Prediction>& all, const Options& o) {
  std::error_code ignored;
  const bool folder = o.output.ends_with("/") || std::filesystem::is_directory(o.output, ignored);
  if (all.size() > 1 && !folder) {
    throw Error("--output", std::to_string(all.size()) + " pictures need a folder, got \"" + o.output + "\"")
        .hint("--output " + o.output + "/");
  }
  if (folder) io::make_folders(o.output);
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const tasks::Prediction& p : all) {
    const std::string path = place_of(p.file, o.output, folder);
    io::write_file_atomically(path, io::encode_png(p.picture));
    const int64_t height = p.picture.size(1), width = p.picture.size(2);
    if (!o.json) std::cout << p.file << ": " << path << ", " << width << "×" << height << '\n';
    list.push_back({{"file", p.file}, {"output", path}, {"width", width}, {"height", height}});
  }
  if (o.json) std::cout << list.dump(2) << '\n';
}

void run(const Options& o) {
  if (predict_learner(o.run, o.files, o.json)) return;
  const tasks::Run run = tasks::open_run(o.run);
  const bool pictures = tasks::makes_pictures(run);
  if (pictures && o.output.empty()) {
    throw Error("lamina predict", "this network makes pictures out of pictures; say where they go")
        .hint("lamina predict " + o.run + " " + o.files.front() + " -o out.png");
  }
  if (!pictures && !o.output.empty()) {
    throw Error("--output", "this network makes no pictures: what it says is printed");
  }
  const std::vector<tasks::Prediction> all = tasks::predict(run, o.files, o.predict);
  if (pictures) return write_pictures(all, o);
  o.json ? print_json(all, run.facts.info.target) : print(all, run.facts.info.target);
}

}  // namespace

void add_predict(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("predict", "What a trained network says of pictures or rows of tables");
  auto o = std::make_shared<Options>();
  verb->add_option("run", o->run, "A run directory, or a folder of lamina fit --save")->required();
  verb->add_option("files", o->files,
                   "Pictures (PNG, JPEG, PGM, PPM, BMP) of any size, or CSV files with the columns "
                   "the network was trained on")
      ->required();
  verb->add_option("-o,--output", o->output,
                   "Of networks that make pictures out of pictures: a PNG file, or a folder for several")
      ->type_name("PATH");
  verb->add_option("--top", o->predict.top, "How many classes to name (default 3)")->type_name("N");
  verb->add_flag("--invert", o->predict.invert, "Pictures dark on light, for a network trained on light on dark");
  verb->add_flag("--json", o->json, "A list of objects {file, predictions: [{class, probability}]}");
  add_threads(*verb);
  verb->footer(
      "Examples:\n  lamina predict runs/digits-1 image.png --top 3\n  lamina predict runs/iris-1 flowers.csv --json\n"
      "  lamina predict runs/denoise noisy.png -o clean.png");
  verb->callback([o] { run(*o); });
}

}  // namespace lamina::cli
