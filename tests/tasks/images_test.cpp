// Recipes of pictures from end to end: tagging, samples, views, and the recipes that come along.
#include <cmath>
#include <filesystem>

#include "lamina/io/image.h"
#include "lamina/report/contact_sheet.h"
#include "lamina/tasks/evaluate.h"
#include "lamina/tasks/predict.h"
#include "lamina/tasks/samples.h"
#include "lamina/tasks/tagging.h"
#include "tests/support/files.h"

namespace lamina::tasks {
namespace {

using lamina::testing::error_of;
using lamina::testing::TempFolder;

/// 12 × 16: a bright upper half means tag "top", a bright left half "left".
std::string half_lit(bool top, bool left, int noise) {
  std::vector<int64_t> pixels;
  for (int64_t c = 0; c < 3; ++c) {
    for (int64_t y = 0; y < 12; ++y) {
      for (int64_t x = 0; x < 16; ++x) {
        pixels.push_back(20 + (top && y < 6 ? 100 : 0) + (left && x < 8 ? 100 : 0) + (x * 7 + y * 3 + noise * 5) % 17);
      }
    }
  }
  return io::encode_png(Tensor::from(pixels, {3, 12, 16}, DType::u8));
}

void write_tags(const TempFolder& folder) {
  std::string csv = "path,tags\n";
  for (int i = 0; i < 40; ++i) {
    const bool top = i % 2, left = i / 2 % 2;
    const std::string name = std::to_string(i) + ".png";
    folder.write("tags/" + name, half_lit(top, left, i));
    csv += name + "," + (top ? "top" : "") + (top && left ? ";" : "") + (left ? "left" : "") + "\n";
  }
  folder.write("tags/tags.csv", csv);
}

struct Outcome {
  tasks::Run run;
  DataParts data;
};

/// As `lamina train` does.
Outcome train_in(const std::string& run_dir, const recipe::Setting& recipe) {
  recipe::Setting resolved;
  Outcome t{{}, open_data(recipe, resolved)};
  Plan plan = make_plan(recipe, t.data.facts, resolved);
  plan.options.run_dir = run_dir;
  plan.options.progress = false;
  begin_run(run_dir, plan.resolved, t.data.facts);
  const auto trainer = plan.trainer();
  trainer->set_transforms(t.data.train_transforms, t.data.eval_transforms);
  trainer->fit(t.data.train, t.data.validation);
  if (t.data.facts.info.target == data::TargetKind::tags) {
    trainer->load("best");
    choose_thresholds(*trainer, t.data.validation ? t.data.validation : t.data.train, run_dir);
  }
  t.run = open_run(run_dir);
  return t;
}

TEST(Tagging, TrainsChoosesThresholdsAndPredictsTags) {
  const TempFolder folder;
  write_tags(folder);
  const std::string file = folder.write(
      "tags.yaml", "data: {format: manifest, root: " + (folder / "tags/tags.csv") +
                       ", kind: tags, validation: 0.2, test_fraction: 0.2}\nmodel: {name: mlp, hidden: [16]}\n"
                       "transforms: [{resize: {size: [6, 8]}}, scale]\noptimizer: {name: adam, lr: 0.01}\n"
                       "trainer: {epochs: 60, batch: 8}\n");
  const Outcome t = train_in(folder / "run", load_recipe(file));
  const train::Results results = evaluate(t.run, t.data.test);
  EXPECT_GT(results.values.at("map"), 0.99);
  EXPECT_GT(results.values.at("f1_macro_tuned"), 0.99);
  EXPECT_GT(results.values.at("f1_micro_tuned"), 0.99);
  const std::vector<double> thresholds = load_thresholds(t.run.path, t.run.facts.info);
  ASSERT_EQ(thresholds.size(), 2u);
  const Prediction p = predict(t.run, {folder.write("new.png", half_lit(true, false, 3))}).at(0);
  ASSERT_EQ(p.answers.size(), 2u);  // in the order of their names
  EXPECT_FALSE(p.answers[0].set) << p.answers[0].value;
  EXPECT_TRUE(p.answers[1].set) << p.answers[1].value;
  folder.write("run/thresholds.json", "{\"left\": 0.5}");
  EXPECT_CONTAINS(error_of([&] { load_thresholds(t.run.path, t.run.facts.info); }), "has no threshold for \"top\"");
}

TEST(Samples, ShowWhatTheNetworkSees) {
  const TempFolder folder;
  write_tags(folder);
  const std::string head = "data: {format: manifest, root: " + (folder / "tags/tags.csv") +
                           ", kind: tags, test_fraction: 0}\nmodel: {name: mlp, hidden: [4]}\n";
  const Samples plain = training_samples(
      load_recipe(folder.write("a.yaml", head + "transforms: [scale, {normalize: {mean: [0.5], std: [0.2]}}]\n")), 50);
  ASSERT_EQ(plain.pictures.size(), 40u);  // no more than there are
  for (size_t i = 0; i < 40; ++i) {
    // Normalized values are shown as they were before.
    EXPECT_EQ(plain.pictures[i].shape(), (Shape{3, 12, 16}));
    const double bright = plain.pictures[i].at({0, 0, 12});
    EXPECT_EQ(bright > 60, plain.labels[i].find("top") != std::string::npos) << plain.labels[i];
    EXPECT_GE(bright, 20);
    EXPECT_LE(bright, 137);
  }
  const Samples mixed = training_samples(
      load_recipe(folder.write("b.yaml", head + "transforms: {train: [scale, cutmix], eval: [scale]}\n")), 8);
  EXPECT_EQ(mixed.pictures.size(), 8u);
  const Tensor sheet = report::contact_sheet(mixed.pictures, mixed.labels);
  EXPECT_EQ(sheet.size(0), 3);
  EXPECT_GT(sheet.size(1), 2 * 48);
  EXPECT_CONTAINS(error_of([&] {
                    training_samples(
                        load_recipe(folder.write("c.yaml", "data: {format: builtin, name: iris}\nmodel: mlp\n")), 4);
                  }),
                  "not pictures");
  EXPECT_THROW(report::contact_sheet({}, {}), Error);
}

TEST(Views, StandInForTheCentreCrop) {
  const TempFolder folder;
  const std::string file = folder.write(
      "d.yaml",
      "data: {format: builtin, name: digits}\nmodel: {name: mlp, hidden: [16]}\noptimizer: {name: adam, lr: 0.01}\n"
      "transforms: {train: [{random_crop: {size: 6}}, scale], eval: [{center_crop: {size: 6}}, scale]}\n"
      "trainer: {epochs: 3, batch: 32}\nmetrics: [accuracy, top5]\n");
  const Outcome t = train_in(folder / "run", load_recipe(file));
  const double one = evaluate(t.run, t.data.test).values.at("accuracy");
  const double ten = evaluate(with_views(t.run, "ten_crop"), t.data.test).values.at("accuracy");
  const double five = evaluate(with_views(t.run, "five_crop"), t.data.test).values.at("accuracy");
  const double two = evaluate(with_views(t.run, "flip"), t.data.test).values.at("accuracy");
  EXPECT_GT(one, 0.6);
  EXPECT_GT(five, 0.3);
  EXPECT_NE(ten, five);
  EXPECT_NE(two, one);  // digits are no mirror images
  EXPECT_CONTAINS(error_of([&] { with_views(t.run, "twelve"); }), "expected ten_crop, five_crop or flip");
  tasks::Run plain = t.run;
  plain.recipe.field("transforms")
      .field("eval")
      .items.erase(plain.recipe.field("transforms").field("eval").items.begin());
  EXPECT_CONTAINS(error_of([&] { with_views(plain, "ten_crop"); }), "has no center_crop");
}

/// A few steps of a recipe that comes along, on small data.
void expect_trains(const TempFolder& folder, const std::string& name, const std::vector<std::string>& overrides) {
  std::vector<std::string> all = overrides;
  all.insert(all.end(), {"trainer.epochs=1", "trainer.workers=1"});
  const recipe::Setting recipe = load_recipe(LAMINA_SOURCE_DIR "/recipes/" + name, all);
  const Outcome t = train_in(folder / name, recipe);
  const data::DatasetPtr set = t.data.test ? t.data.test : t.data.validation ? t.data.validation : t.data.train;
  EXPECT_TRUE(std::isfinite(evaluate(t.run, set).values.at("loss"))) << name;
}

TEST(ImageRecipes, TrainAFewSteps) {
  const TempFolder folder;
  std::string records;
  for (int i = 0; i < 40; ++i) {
    records += static_cast<char>(i % 10);
    for (int k = 0; k < 3072; ++k) records += static_cast<char>((i * 31 + k * 7) % 251);
  }
  folder.write("cifar/data_batch_1.bin", records);
  folder.write("cifar/test_batch.bin", records.substr(0, 10 * 3073));
  for (const char* name : {"cifar10-resnet20.yaml", "cifar10-fast.yaml"}) {
    expect_trains(folder, name, {"data.root=" + (folder / "cifar"), "trainer.batch=16", "model.width=4"});
  }
  for (int i = 0; i < 24; ++i) {
    folder.write(std::string("pictures/") + (i % 2 ? "a/" : "b/") + std::to_string(i) + ".png",
                 half_lit(i % 2, true, i));
  }
  folder.write("pictures/a/broken.jpg", "no picture");
  expect_trains(folder, "image-folder.yaml",
                {"data.root=" + (folder / "pictures"), "trainer.batch=8", "model.width=4"});
  write_tags(folder);
  expect_trains(folder, "tagging.yaml",
                {"data.root=" + (folder / "tags/tags.csv"), "trainer.batch=8", "model.width=4"});
  for (const char* part : {"train", "val"}) {
    for (int i = 0; i < 6; ++i) {
      folder.write(std::string("imagenet/") + part + (i % 2 ? "/n01/" : "/n02/") + std::to_string(i) + ".png",
                   half_lit(i % 2, true, i));
    }
  }
  // A small network stands in for ResNet-50, which takes a minute a step here.
  expect_trains(folder, "imagenet-resnet50.yaml",
                {"data.root=" + (folder / "imagenet"), "trainer.batch=6", "trainer.accumulate=2",
                 "model={name: resnet_cifar, depth: 8, width: 2}", "metrics=[accuracy]"});
}

}  // namespace
}  // namespace lamina::tasks
