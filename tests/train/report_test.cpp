#include <cmath>

#include "lamina/core/error.h"
#include "lamina/io/files.h"
#include "lamina/optim/sgd.h"
#include "lamina/train/run_report.h"
#include "tests/train/toy.h"

namespace lamina::train {
namespace {

using namespace testing;

size_t count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

/// Pictures of noise, which no network tells apart: there are mistakes.
data::DatasetPtr noise_pictures() {
  Philox random(3);
  std::vector<double> pixels, targets;
  for (int i = 0; i < 40; ++i) {
    for (int k = 0; k < 36; ++k) pixels.push_back(static_cast<double>(random.below(256)));
    targets.push_back(i % 2);
  }
  data::DatasetInfo info;
  info.name = "noise";
  info.input = {1, 6, 6};
  info.classes = {"<heads>", "tails"};
  return data::in_memory(info, Tensor::from(pixels, {40, 1, 6, 6}, DType::u8), Tensor::from(targets, {40}, DType::i64));
}

TEST(RunReport, ShowsCurvesMistakesLayersAndTheCommand) {
  const TempFolder folder;
  const std::string dir = folder / "coin";
  Supervised task{
      nn::Sequential{nn::Flatten{}, nn::Linear{{.in = 36, .out = 2}}}, loss::cross_entropy, {metrics::accuracy()}};
  Trainer trainer{task, optim::Adam{},
                  quiet({.epochs = 2, .batch = 8, .run_dir = dir, .log_steps = 1, .statistics_steps = 2})};
  const data::DatasetPtr set = noise_pictures();
  const Results results = trainer.fit(set, set);
  const std::string page = io::read_file(dir + "/report.html");
  for (const char* part : {"<title>coin</title>", "Validation metrics", "Learning rate", "Gradient norms",
                           "Confusion matrix", "Per class", "Most confident mistakes", "Layers, for one example",
                           "Training step", "Environment", "Repeat this run", "&lt;heads&gt;", "example "}) {
    expect_contains(page, part);
  }
  EXPECT_EQ(page.find("<heads>"), std::string::npos);
  EXPECT_EQ(page.find("http"), std::string::npos);
  const auto wrong = static_cast<size_t>(std::lround(40 * (1 - results.values.at("accuracy"))));
  EXPECT_EQ(count(page, "data:image/png;base64,"), std::min<size_t>(24, wrong));

  Supervised again{
      nn::Sequential{nn::Flatten{}, nn::Linear{{.in = 36, .out = 2}}}, loss::cross_entropy, {metrics::accuracy()}};
  Trainer reader{again, optim::Adam{}, quiet({.run_dir = dir})};
  reader.load("last");
  reader.write_report(set);
  EXPECT_EQ(io::read_file(dir + "/report.html"), page);
}

TEST(RunReport, OfValuesShowsPredictionsAndTheLargestErrors) {
  const TempFolder folder;
  data::DatasetInfo info;
  info.name = "line";
  info.input = {1};
  info.target = data::TargetKind::values;
  info.classes = {"height"};
  const auto set = data::in_memory(info, Tensor::from({1, 2, 3, 4}, {4, 1}), Tensor::from({2, 4, 6, 80}, {4, 1}));
  Supervised task{nn::Sequential{nn::Linear{{.in = 1, .out = 1}}}, loss::mse, {metrics::mae()}};
  Trainer trainer{task, optim::Sgd{{.lr = 0.01}}, quiet({.epochs = 2, .run_dir = folder / "run"})};
  trainer.fit(set, set);
  const std::string page = io::read_file((folder / "run") + "/report.html");
  for (const char* part : {"Validation mae", "Predicted over true values", "Largest errors", "height", "example 3"})
    expect_contains(page, part);
}

TEST(RunReport, ManyClassesGiveTheirConfusionsAsAList) {
  std::vector<double> logits, targets;
  data::DatasetInfo info;
  info.name = "many";
  info.input = {1};
  for (int c = 0; c < 40; ++c) {
    info.classes.push_back("class " + std::to_string(c));
    targets.push_back(c);
    for (int k = 0; k < 40; ++k) logits.push_back(k == (c == 7 ? 8 : c) ? 5 : 0);
  }
  const auto set =
      data::in_memory(info, Tensor::from(logits, {40, 40}, DType::f32), Tensor::from(targets, {40}, DType::i64));
  report::Report page;
  add_results(page, {{{"accuracy", 0.975}}, {}, 40}, Tensor::from(logits, {40, 40}, DType::f32), *set);
  EXPECT_TRUE(page.confusion.counts.empty());
  EXPECT_EQ(page.headline[0].second, "97.50 %");
  ASSERT_EQ(page.tables[0].title, "Confused most often");
  EXPECT_EQ(page.tables[0].rows, (std::vector<std::vector<std::string>>{{"class 7", "class 8", "1"}}));
}

TEST(RunReport, NeedsARunDirectory) {
  Supervised task{toy_net(), loss::cross_entropy};
  Trainer trainer{task, optim::Adam{}, quiet()};
  expect_contains(error_of([&] { trainer.write_report(blobs(9, 1)); }), "no run directory");
  expect_contains(error_of([] { report_of_run("/nowhere/at/all"); }), "there is no such run directory");
}

}  // namespace
}  // namespace lamina::train
