#include "lamina/tasks/predict.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/cli.h"

namespace lamina::cli {

namespace {

struct Options {
  std::string run;
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
    }
    list.push_back({{"file", p.file}, {"predictions", answers}});
  }
  std::cout << list.dump(2) << '\n';
}

void print(const std::vector<tasks::Prediction>& all, data::TargetKind target) {
  for (const tasks::Prediction& p : all) {
    std::cout << p.file << ":";
    for (const tasks::Answer& a : p.answers) {
      char text[64];
      std::snprintf(text, sizeof text, target == data::TargetKind::values ? "%.6g" : "%.1f %%",
                    target == data::TargetKind::values ? a.value : 100 * a.value);
      std::cout << "  " << a.name << ' ' << text;
    }
    std::cout << '\n';
  }
}

void run(const Options& o) {
  const tasks::Run run = tasks::open_run(o.run);
  const std::vector<tasks::Prediction> all = tasks::predict(run, o.files, o.predict);
  o.json ? print_json(all, run.facts.info.target) : print(all, run.facts.info.target);
}

}  // namespace

void add_predict(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("predict", "What a trained network says of pictures or rows of tables");
  auto o = std::make_shared<Options>();
  verb->add_option("run", o->run, "A run directory")->required();
  verb->add_option("files", o->files,
                   "Pictures (PNG, JPEG, PGM, PPM, BMP) of any size, or CSV files with the columns "
                   "the network was trained on")
      ->required();
  verb->add_option("--top", o->predict.top, "How many classes to name (default 3)")->type_name("N");
  verb->add_flag("--invert", o->predict.invert, "Pictures dark on light, for a network trained on light on dark");
  verb->add_flag("--json", o->json, "A list of objects {file, predictions: [{class, probability}]}");
  add_threads(*verb);
  verb->footer(
      "Examples:\n  lamina predict runs/digits-1 image.png --top 3\n  lamina predict runs/iris-1 flowers.csv --json");
  verb->callback([o] { run(*o); });
}

}  // namespace lamina::cli
