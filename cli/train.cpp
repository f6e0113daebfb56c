#include <iostream>

#include "cli/cli.h"
#include "cli/train_callbacks.h"
#include "lamina/core/error.h"
#include "lamina/graph/capture.h"
#include "lamina/recipe/setting.h"
#include "lamina/tasks/evaluate.h"
#include "lamina/tasks/run.h"
#include "lamina/tasks/tagging.h"
#include "lamina/tasks/transfer.h"
#include "lamina/train/checkpoint.h"
#include "lamina/train/trainer.h"

namespace lamina::cli {

namespace {

constexpr const char* kExamples = R"(Examples:
  lamina train recipes/digits.yaml
  lamina train recipes/mnist-lenet5.yaml --set data.root=DIR --set optimizer.lr=0.002 --run-dir runs/x --seed 2
  lamina train --resume runs/x        goes on bit-exactly where it stopped, however it stopped
  lamina train recipes/digits.yaml --explain --set trainer.epochs=1
  lamina train photos.yaml --init-from runs/x --set init.new_head=true --set 'trainer.freeze=[features]'
Any key of a recipe can be set; docs/recipes.md lists them. Values are YAML: --set model.hidden=[300,100].
Without --run-dir the run goes to runs/<recipe>-<n>. Ctrl-C finishes the step, saves, and says how to go on.)";

struct Options {
  std::string recipe, resume, run_dir, seed, init_from;
  std::vector<std::string> set, disabled_passes;
  bool explain = false, profile = false;
};

std::string size_text(const data::DatasetPtr& set, const char* what) {
  return set ? ", " + with_commas(set->size()) + " " + what : "";
}

std::string targets_text(const data::DatasetInfo& info) {
  if (info.target == data::TargetKind::none) return "no labels";
  const bool one = info.outputs() == 1, values = info.target == data::TargetKind::values;
  return std::to_string(info.outputs()) + (values ? (one ? " target" : " targets") : (one ? " class" : " classes"));
}

void print_start(const tasks::DataParts& data, tasks::Plan& plan, const std::string& run_dir) {
  const data::DatasetInfo& info = data.facts.info;
  for (const std::string& note : info.notes) std::cerr << note << '\n';
  std::cout << "data       " << info.name << ": " << with_commas(data.train->size()) << " training"
            << size_text(data.validation, "validation") << size_text(data.test, "test") << " examples, inputs "
            << info.input.str() << ", " << targets_text(info) << '\n';
  const recipe::Setting* model = plan.resolved.find("model")->find("name");
  std::cout << "network    " << (model ? model->text : "layers") << ", "
            << with_commas(plan.task->module().parameter_count()) << " parameters\n"
            << "training   " << plan.resolved.find("optimizer")->find("name")->text << ", " << plan.options.epochs
            << " epochs of batches of " << plan.options.batch << ", seed " << plan.options.seed << '\n'
            << "run        " << run_dir << '\n'
            << std::flush;
}

/// Measures the best weights on the test part, and reports on them.
void test(train::Trainer& trainer, const tasks::DataParts& data) {
  const bool tested = data.test != nullptr;
  const data::DatasetPtr& set = tested ? data.test : data.validation ? data.validation : data.train;
  trainer.load("best");
  train::Results results = trainer.evaluate(set);
  if (set->info().target == data::TargetKind::tags) {
    tasks::choose_thresholds(trainer, data.validation ? data.validation : data.train, trainer.options().run_dir);
    tasks::add_tuned_scores(trainer, set, trainer.options().run_dir, results);
  }
  trainer.write_report(set);
  std::cout << '\n' << (tested ? "test       " : data.validation ? "validation " : "training   ") << results << '\n';
  for (const auto& [name, table] : results.tables) {
    std::cout << '\n' << tasks::confusion_text(table, data.facts.info.classes);
  }
}

void print_next(const tasks::Facts& facts, const std::string& run_dir) {
  const bool pictures = facts.info.input.rank() == 3;
  std::cout << "\nNext\n  lamina evaluate " << run_dir << "\n  lamina predict " << run_dir
            << (pictures ? " image.png" : " rows.csv") << "\n  lamina info " << run_dir << "\n  open " << run_dir
            << "/report.html\n";
}

void print_init(const tasks::Initialized& init) {
  if (init.from.empty()) return;
  std::string text = "init       " + init.from + "\n" + init.report.str();
  for (size_t at = text.find('\n'); at + 1 < text.size(); at = text.find('\n', at + 1)) text.insert(at + 1, "  ");
  std::cout << text;
}

/// What does not train from the first epoch on.
void print_frozen(const train::TrainerOptions& options, nn::Module& network) {
  if (options.freeze.empty()) return;
  int64_t frozen = 0;
  for (const nn::NamedVariable& p : network.named_parameters()) {
    const auto matches = [&](const std::string& glob) { return nn::matches_path(glob, p.name); };
    if (std::any_of(options.freeze.begin(), options.freeze.end(), matches)) frozen += p.variable.value().numel();
  }
  std::cout << "frozen     " << with_commas(frozen) << " parameters";
  for (const train::Unfreezing& u : options.unfreeze) {
    std::cout << "; from epoch " << u.epoch << " on training:";
    for (const std::string& layer : u.layers) std::cout << ' ' << layer;
  }
  std::cout << '\n';
}

recipe::Setting read_recipe(const Options& o, std::string& run_dir) {
  std::vector<std::string> overrides = o.set;
  if (!o.seed.empty()) overrides.push_back("seed=" + o.seed);
  if (!o.disabled_passes.empty()) {
    graph::check_passes(o.disabled_passes, "--disable-pass");
    std::string list;
    for (const std::string& name : o.disabled_passes) list += (list.empty() ? "" : ",") + name;
    overrides.push_back("trainer.disabled_passes=[" + list + "]");
  }
  if (o.resume.empty()) {
    recipe::Setting recipe = tasks::load_recipe(o.recipe, overrides);
    if (!o.init_from.empty()) {
      recipe::Setting& init = recipe.field("init");
      if (init.kind != recipe::Setting::Kind::map) init = {};  // init: runs/a
      init.field("from") = recipe::Setting::scalar(o.init_from, "--init-from");
      init.field("from").quoted = true;
    }
    run_dir = o.run_dir.empty() ? tasks::new_run_directory(tasks::recipe_name(o.recipe)) : o.run_dir;
    tasks::check_free(run_dir);
    return recipe;
  }
  run_dir = o.resume;
  recipe::Setting recipe = tasks::open_run(run_dir).recipe;
  for (const std::string& s : overrides) recipe::apply_override(recipe, s);
  return recipe;
}

void train(const Options& o) {
  if (o.recipe.empty() == o.resume.empty()) {
    throw Error("lamina train", "expected either a recipe or --resume RUN").hint("lamina train --help");
  }
  if (!o.resume.empty() && !o.init_from.empty()) {
    throw Error("--init-from", "a run that goes on has weights of its own").hint("lamina train RECIPE --init-from …");
  }
  if (!o.resume.empty() && !o.run_dir.empty()) throw Error("--run-dir", "--resume names the run directory already");
  std::string run_dir;
  const recipe::Setting recipe = read_recipe(o, run_dir);
  recipe::Setting resolved;
  const tasks::DataParts data = tasks::open_data(recipe, resolved);
  tasks::Plan plan = tasks::make_plan(recipe, data.facts, resolved);
  plan.options.run_dir = run_dir;
  const std::unique_ptr<train::Trainer> trainer = plan.trainer();
  trainer->set_transforms(data.train_transforms, data.eval_transforms);
  trainer->add(print_memory());
  if (o.explain) trainer->add(print_step());
  if (o.profile) trainer->add(profile_steps(run_dir));
  // A run that goes on has weights in its checkpoint, unless it was stopped before the first one.
  const bool begun = !train::pointed_to(run_dir, "last").empty();
  const tasks::Initialized init = begun ? tasks::Initialized{} : tasks::initialize(plan, data.facts);
  print_start(data, plan, run_dir);
  print_init(init);
  print_frozen(plan.options, plan.task->module());
  std::cout << std::flush;
  if (o.resume.empty() || !o.set.empty()) tasks::begin_run(run_dir, plan.resolved, data.facts);
  trainer->fit(data.train, data.validation);
  if (trainer->stop_reason().find("Ctrl-C") != std::string::npos) throw CLI::RuntimeError(130);
  if (trainer->stop_reason().find("SIGTERM") != std::string::npos) throw CLI::RuntimeError(143);
  test(*trainer, data);
  print_next(data.facts, run_dir);
}

}  // namespace

void add_train(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("train", "Trains the network of a recipe, or goes on with a run");
  auto o = std::make_shared<Options>();
  verb->add_option("recipe", o->recipe, "A recipe (YAML): data, network, optimizer, …");
  verb->add_option("--set", o->set, "Overrides a key of the recipe; may be given many times")
      ->type_name("PATH=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  verb->add_option("--run-dir", o->run_dir, "Where the run goes: log, checkpoints, report")->type_name("DIR");
  verb->add_option("--resume", o->resume, "Goes on with this run")->type_name("RUN");
  verb->add_option("--init-from", o->init_from,
                   "Begins with the weights of a run or of a safetensors file (init.from of a recipe)")
      ->type_name("RUN|FILE");
  verb->add_option("--seed", o->seed, "Of weights, order and augmentation (default: the recipe's)")->type_name("N");
  add_threads(*verb);
  verb->add_flag("--explain", o->explain,
                 "Prints the compiled step: kernels, fused groups, layouts, memory, operations, refusals");
  verb->add_flag(
      "--profile", o->profile,
      "Prints time, rates and memory after each epoch, and where the time of the first steps goes, node by node; "
      "writes those as a trace for chrome://tracing or Perfetto to DIR/profile.json");
  verb->add_option("--disable-pass", o->disabled_passes, "Compiles the step without this pass; may be given many times")
      ->type_name("NAME")
      ->delimiter(',');
  verb->footer(kExamples);
  verb->callback([o] { train(*o); });
}

}  // namespace lamina::cli
