#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "lamina/core/error.h"
#include "lamina/io/files.h"
#include "lamina/tasks/evaluate.h"
#include "lamina/tasks/gradient_check.h"
#include "lamina/tasks/predict.h"
#include "lamina/tasks/reference.h"
#include "lamina/tasks/report.h"
#include "lamina/tasks/run.h"

namespace lamina::tasks {
namespace {

namespace fs = std::filesystem;

class Tasks : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("lamina-tasks-" + std::to_string(getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name)) << text;
    return path(name);
  }

  /// Builds all of a recipe, as `lamina train` does.
  static Plan build(const std::string& file, const std::vector<std::string>& overrides = {}) {
    const recipe::Setting recipe = load_recipe(file, overrides);
    recipe::Setting resolved;
    const DataParts data = open_data(recipe, resolved);
    return make_plan(recipe, data.facts, resolved);
  }

  std::string message_of(const std::string& yaml) const {
    try {
      build(write("r.yaml", yaml));
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  }

  /// A short run on a built-in table.
  tasks::Run train(const std::string& name, const std::string& yaml) const {
    const recipe::Setting recipe = load_recipe(write(name + ".yaml", yaml));
    recipe::Setting resolved;
    const DataParts data = open_data(recipe, resolved);
    Plan plan = make_plan(recipe, data.facts, resolved);
    plan.options.run_dir = path(name);
    plan.options.progress = false;
    begin_run(path(name), plan.resolved, data.facts);
    const auto trainer = plan.trainer();
    trainer->set_transforms(data.train_transforms, data.eval_transforms);
    trainer->fit(data.train, data.validation);
    return open_run(path(name));
  }

  fs::path folder_;
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

constexpr const char* kIris =
    "data: {format: builtin, name: iris}\nmodel: {name: mlp, hidden: [8]}\noptimizer: {name: adam, lr: 0.02}\n"
    "trainer: {epochs: 15, batch: 16}\n";

TEST_F(Tasks, MissingSectionsHaveDefaultsFromTheKindOfTarget) {
  const Plan classes = build(write("c.yaml", "data: {format: builtin, name: iris}\nmodel: mlp\n"));
  EXPECT_EQ(classes.resolved.find("loss")->find("name")->text, "cross_entropy");
  EXPECT_EQ(classes.resolved.find("optimizer")->find("name")->text, "adam");
  EXPECT_EQ(classes.task->metrics().front()->name(), "accuracy");
  const Plan values = build(write("v.yaml", "data: {format: builtin, name: diabetes}\nmodel: mlp\n"));
  EXPECT_EQ(values.resolved.find("loss")->find("name")->text, "mse");
  EXPECT_EQ(values.task->metrics().back()->name(), "r2");
}

TEST_F(Tasks, TheResolvedRecipeRepeatsTheRun) {
  const Plan first = build(write("a.yaml", kIris), {"seed=7", "model.activation=tanh"});
  const Plan second = build(write("b.yaml", first.resolved.yaml()));
  EXPECT_EQ(second.resolved.json(), first.resolved.json());
  EXPECT_EQ(second.options.seed, 7);
  const auto a = first.task->module().named_parameters(), b = second.task->module().named_parameters();
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].variable.value().values(), b[i].variable.value().values());
}

TEST_F(Tasks, GroupsOfParametersHaveRatesOfTheirOwn) {
  const std::string yaml =
      "data: {format: builtin, name: iris}\nmodel: {name: mlp, hidden: [4]}\n"
      "optimizer: {name: sgd, lr: 0.1, groups: [{match: \"layers.0.*\", lr_scale: 0}, {match: \"*.bias\", lr_scale: "
      "2}]}\n"
      "trainer: {epochs: 1, batch: 150}\ntransforms: [standardize]\n";
  const auto after_an_epoch = [&](const std::vector<std::string>& overrides) {
    const recipe::Setting recipe = load_recipe(write("g.yaml", yaml), overrides);
    recipe::Setting resolved;
    const DataParts data = open_data(recipe, resolved);
    // Through the resolved recipe: it repeats the run, groups and all.
    const Plan plan =
        make_plan(recipe::parse_yaml(make_plan(recipe, data.facts, resolved).resolved.yaml(), "again"), data.facts, {});
    std::map<std::string, std::vector<double>> change;
    for (const auto& p : plan.task->module().named_parameters()) change[p.name] = p.variable.value().values();
    train::TrainerOptions options = plan.options;
    options.progress = false;
    train::Trainer trainer(*plan.task, *plan.optimizer, options);
    trainer.set_transforms(data.train_transforms, data.eval_transforms);
    trainer.fit(data.train, nullptr);
    for (const auto& p : plan.task->module().named_parameters()) {
      const std::vector<double> now = p.variable.value().values();
      for (size_t i = 0; i < now.size(); ++i) change[p.name][i] = now[i] - change[p.name][i];
    }
    return change;
  };
  auto plain = after_an_epoch({"optimizer.groups=[]"}), grouped = after_an_epoch({});
  const auto expect_scaled = [&](const std::string& name, double scale) {
    ASSERT_EQ(plain.count(name), 1U) << name;
    for (size_t i = 0; i < plain[name].size(); ++i) EXPECT_NEAR(grouped[name][i], scale * plain[name][i], 1e-6) << name;
    EXPECT_NE(plain[name][0], 0) << name;
  };
  expect_scaled("layers.0.weight", 0);
  expect_scaled("layers.0.bias", 2);  // the later group wins
  expect_scaled("layers.2.weight", 1);
  expect_scaled("layers.2.bias", 2);
}

TEST_F(Tasks, EarlyStoppingSetsMetricAndPatience) {
  const Plan plan = build(write("a.yaml", std::string(kIris) + "metrics: [accuracy]\n"),
                          {"trainer.early_stopping={metric: accuracy, patience: 4}", "data.validation=0.2"});
  EXPECT_EQ(plan.options.patience, 4);
  EXPECT_EQ(plan.options.best_metric, "accuracy");
}

TEST_F(Tasks, EveryMistakeNamesItsPlaceAndWhatWasExpected) {
  const std::string data = "data: {format: builtin, name: iris}\n", model = "model: {name: mlp}\n";
  const struct {
    std::string yaml;
    std::vector<const char*> words;
  } cases[] = {
      {"dta: {}\n" + data + model, {"r.yaml:1:6", "section \"dta\"", "did you mean \"data\"?"}},
      {model, {"the section \"data\" is missing"}},
      {data, {"the section \"model\" is missing"}},
      {"data: {format: bultin, name: iris}\n" + model, {"r.yaml:1:16", "bultin", "builtin"}},
      {"data: {format: builtin, name: irs}\n" + model, {"irs", "iris"}},
      {"data: {format: builtin, name: iris, validaton: 0.1}\n" + model,
       {"r.yaml:1:48", "did you mean \"validation\"?"}},
      {"data: {format: builtin, name: iris, validation: 1.5}\n" + model, {"validation", "1.5"}},
      {data + model + "loss: {name: cross_entrpy}\n", {"r.yaml:3:14", "loss", "did you mean \"cross_entropy\"?"}},
      {data + model + "loss: {name: cross_entropy, smoothing: 0.1}\n", {"r.yaml:3:40", "label_smoothing"}},
      {data + model + "optimizer: adm\n", {"r.yaml:3:12", "optimizer", "did you mean \"adam\"?"}},
      {data + model + "optimizer: {name: adam, lr: fast}\n", {"r.yaml:3:29", "lr", "a number", "fast"}},
      {data + model + "optimizer: {name: adam, lr: -1}\n", {"r.yaml:3:29", "lr"}},
      {data + model + "optimizer: {name: adam, lr: fast, eps: 1}\n", {"r.yaml:3:29", "a number", "fast"}},
      {data + "model: {name: lenet5, classes: 3}\n", {"r.yaml:2:8", "lenet5", "images"}},
      {data + model + "optimizer: {name: adam, groups: [{match: \"*.bais\"}]}\n",
       {"r.yaml:3:33", "*.bais", "layers.0.weight"}},
      {data + model + "optimizer: {name: adam, groups: [{mach: \"*\"}]}\n",
       {"r.yaml:3:41", "groups.0", "did you mean \"match\"?"}},
      {data + model + "optimizer: {name: adam, groups: {match: \"*\"}}\n", {"r.yaml:3:33", "a list of maps"}},
      {data + model + "trainer: {disabled_passes: [cse, fusion]}\n", {"r.yaml:3:28", "fusion", "there are:"}},
      {data + model + "optimizer: {lr: 1}\n", {"r.yaml:3:12", "\"name\" is missing"}},
      {data + model + "schedule: {name: cosin}\n", {"r.yaml:3:18", "did you mean \"cosine\"?"}},
      {data + model + "trainer: {epoch: 3}\n", {"r.yaml:3:18", "did you mean \"epochs\"?"}},
      {data + model + "trainer: {epochs: 1.5}\n", {"r.yaml:3:19", "whole number"}},
      {data + model + "trainer: {run_dir: x}\n", {"run_dir", "--run-dir"}},
      {data + model + "trainer: {early_stopping: {metric: acuracy}}\n", {"r.yaml:3:36", "did you mean \"accuracy\"?"}},
      {data + model + "metrics: [acuracy]\n", {"r.yaml:3:11", "accuracy"}},
      {data + model + "metrics: accuracy\n", {"r.yaml:3:10", "a list of names"}},
      {data + model + "seed: one\n", {"r.yaml:3:7", "whole number"}},
      {data + model + "transforms: [standardise]\n", {"r.yaml:3:14", "did you mean \"standardize\"?"}},
      {data + model + "transforms: {train: [], evl: []}\n", {"did you mean \"eval\"?"}},
      {data + model + "transforms: {train: []}\n", {"\"eval\" is missing"}},
      {"data: {format: builtin, name: digits}\ntransforms: []\n" + model, {"r.yaml:2:13", "bytes", "scale"}},
      {data + "model: {name: mlp, hidden: [8, x]}\n", {"r.yaml:2:32", "hidden", "x"}},
      {"data: {format: idx, root: /nowhere}\n" + model, {"/nowhere"}},
      {"[1, 2]\n", {"a map of sections"}},
      {"data: [\n", {"r.yaml:"}},
  };
  for (const auto& c : cases) {
    const std::string message = message_of(c.yaml);
    for (const char* word : c.words)
      EXPECT_TRUE(contains(message, word)) << c.yaml << "→ " << message << "\nlacks " << word;
  }
}

TEST_F(Tasks, ARunIsReopenedWithoutItsData) {
  const tasks::Run run = train("iris", kIris);
  const nn::LayerPtr net = trained_network(run);
  EXPECT_EQ(net->parameter_count(), 4 * 8 + 8 + 8 * 3 + 3);
  EXPECT_EQ(run.facts.info.classes, (std::vector<std::string>{"setosa", "versicolor", "virginica"}));
  EXPECT_THROW(check_free(run.path), Error);
  EXPECT_THROW(open_run(path("nothing")), Error);
}

TEST_F(Tasks, EvaluationAndPredictionAgree) {
  const tasks::Run run = train("iris", kIris);
  recipe::Setting resolved;
  const DataParts data = open_data(run.recipe, resolved);
  const double accuracy = evaluate(run, data.test).values.at("accuracy");
  EXPECT_GT(accuracy, 0.8);
  std::string csv;
  for (const std::string& f : data.facts.info.features) csv += (csv.empty() ? "" : ",") + f;
  for (int64_t i = 0; i < data.test->size(); ++i) {
    csv += "\n";
    const std::vector<double> row = data.test->get(i)[0].values();
    for (size_t k = 0; k < row.size(); ++k) csv += (k ? "," : "") + std::to_string(row[k]);
  }
  const std::vector<Prediction> all = predict(run, {write("rows.csv", csv + "\n")}, {.top = 1});
  ASSERT_EQ(static_cast<int64_t>(all.size()), data.test->size());
  double right = 0;
  for (int64_t i = 0; i < data.test->size(); ++i) {
    const auto truth = static_cast<size_t>(data.test->class_of(i));
    right += all[static_cast<size_t>(i)].answers[0].name == data.facts.info.classes[truth];
  }
  EXPECT_NEAR(right / static_cast<double>(data.test->size()), accuracy, 1e-9);
}

TEST_F(Tasks, PredictionReadsTablesAsTheRecipeSays) {
  std::string rows;
  for (int i = 0; i < 20; ++i) rows += i % 2 ? "red;yes\n" : "blue;no\n";
  const std::string table = write("words.csv", rows);
  const tasks::Run run = train("words", "data: {format: csv, root: " + table +
                                            ", separator: semicolon, header: no, categories: [column_1]}\n"
                                            "model: {layers: [linear]}\noptimizer: {name: adam, lr: 0.1}\n"
                                            "trainer: {epochs: 20, batch: 8}\n");
  const std::vector<Prediction> all = predict(run, {write("more.csv", "red\nblue\nblue\n")}, {.top = 1});
  ASSERT_EQ(all.size(), 3U) << "the first row is no header";
  EXPECT_EQ(all[0].answers[0].name, "yes");
  EXPECT_EQ(all[1].answers[0].name, "no");
}

TEST_F(Tasks, PredictionNamesMissingColumns) {
  const tasks::Run run = train("iris", kIris);
  try {
    predict(run, {write("rows.csv", "a,b\n1,2\n")});
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_TRUE(contains(e.what(), "rows.csv") && contains(e.what(), "missing")) << e.what();
  }
}

TEST_F(Tasks, TheReportNeedsNothingFromOutside) {
  const tasks::Run run = train("iris", kIris);
  const std::string html = io::read_file(write_report(run));
  for (const char* outside : {"src=\"http", "href=\"http", "@import", "url(http"})
    EXPECT_FALSE(contains(html, outside));
  EXPECT_TRUE(contains(html, "accuracy") && contains(html, "versicolor"));
}

TEST_F(Tasks, GradientsOfARecipeAreRight) {
  const RecipeGradientCheck check = check_gradients(load_recipe(write("a.yaml", kIris)));
  EXPECT_TRUE(check.ok) << check.report;
  EXPECT_EQ(check.checked, 4);
}

TEST(Reference, TheDocumentIsUpToDate) {
  EXPECT_EQ(io::read_file(LAMINA_SOURCE_DIR "/docs/recipes.md"), recipe_reference())
      << "run: lamina recipe reference > docs/recipes.md";
}

TEST(Recipes, AllSectionsAreKnown) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator(LAMINA_SOURCE_DIR "/recipes")) {
    EXPECT_NO_THROW(load_recipe(entry.path().string())) << entry.path();
    ++count;
  }
  EXPECT_GE(count, 8);
}

}  // namespace
}  // namespace lamina::tasks
