#include "lamina/learners/model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "lamina/core/philox.h"
#include "lamina/learners/splits.h"
#include "tests/support/files.h"

namespace lamina::learners {
namespace {

using testing::error_of;

ModelOptions options(const std::string& learner, const std::string& target, std::vector<std::string> ignore = {}) {
  return {.learner = section_from_text(learner, "test"), .target = target, .ignore = std::move(ignore)};
}

Table parsed(const std::string& text) { return typed(io::parse_csv(text, "t.csv")); }

/// Rows "number, word, target" whose target is 1 where the word is b or the number is large.
Table mixed(int64_t rows, uint64_t seed) {
  Philox random(seed);
  std::string text = "size,kind,y\n";
  for (int64_t i = 0; i < rows; ++i) {
    const double size = random.normal();
    const int kind = static_cast<int>(random.below(3));
    text +=
        (i % 11 == 3 ? "" : std::to_string(size)) + "," + "abc"[kind] + "," + (size + kind > 1.2 ? "yes" : "no") + "\n";
  }
  return parsed(text);
}

TEST(Model, SavesAndLoadsEveryLearner) {
  const Table train = mixed(80, 1), other = mixed(20, 2);
  for (const auto& entry : learner_table()) {
    const std::string name(entry.name);
    const std::unique_ptr<Learner> probe = make_learner(name);
    ModelOptions o = options(name, "y");
    if (probe->learns() == Learns::values) o.target = "size", o.ignore = {};
    if (probe->learns() == Learns::nothing) o.target = "", o.ignore = {"y"};
    Model model(o);
    model.fit(train);
    const testing::TempFolder folder;
    EXPECT_FALSE(Model::is_saved(folder.path()));
    model.save(folder / "m");
    ASSERT_TRUE(Model::is_saved(folder / "m"));
    const Model again = Model::load(folder / "m");
    EXPECT_EQ(again.predict(other).values(), model.predict(other).values()) << name;
    EXPECT_EQ(again.learner().describe(), model.learner().describe()) << name;
    EXPECT_EQ(again.classes(), model.classes()) << name;
    EXPECT_EQ(again.learner().summary().rows, model.learner().summary().rows) << name;
  }
}

TEST(Model, DamagedFilesAreNamed) {
  const testing::TempFolder folder;
  Model model(options("softmax", "y"));
  model.fit(mixed(40, 1));
  model.save(folder / "m");
  std::ofstream(folder / "m/learner.json") << "{\"options\": {";
  EXPECT_CONTAINS(error_of([&] { Model::load(folder / "m"); }), "learner.json: is damaged");
  model.save(folder / "m");
  std::ofstream(folder / "m/learner.safetensors") << "short";
  EXPECT_CONTAINS(error_of([&] { Model::load(folder / "m"); }), "learner.safetensors");
}

TEST(Model, RowsWithoutTargetAreCountedAndForeignClassesNamed) {
  Model model(options("softmax", "y"));
  model.fit(parsed("a,y\n1,u\n2,v\n3,\n4,v\n0,u\n"));
  ASSERT_EQ(model.notes().size(), 1u);
  EXPECT_CONTAINS(model.notes()[0], "1 rows are left out: their target is missing");
  EXPECT_EQ(model.classes(), (std::vector<std::string>{"u", "v"}));
  EXPECT_CONTAINS(error_of([&] { model.examples(parsed("a,y\n1,w\n")); }), "t.csv:2: column \"y\", the target: \"w\"");
  EXPECT_CONTAINS(error_of([&] { model.examples(parsed("a,y\n1,u\n2,\n")); }), "t.csv:3");
}

TEST(Model, TargetsThatTeachNothing) {
  const auto fit = [](const std::string& learner, const std::string& text, const std::string& target) {
    return error_of([&] { Model(options(learner, target)).fit(parsed(text)); });
  };
  EXPECT_CONTAINS(fit("softmax", "a,y\n1,u\n2,u\n", "y"), "one class only, \"u\"");
  EXPECT_CONTAINS(fit("softmax", "a,y\n1,\n2,\n", "y"), "the target, is empty");
  EXPECT_CONTAINS(fit("softmax", "a,y\n1,u\n2,v\n", "z"), "has no column \"z\"");
  EXPECT_CONTAINS(fit("ridge", "a,y\n1,u\n2,v\n", "y"), "expected numbers");
  EXPECT_CONTAINS(error_of([] { Model(options("ridge", "")); }), "which column?");
}

TEST(CrossValidation, EveryRowIsHeldOutOnceAndClassesAreSpread) {
  std::vector<int64_t> classes(103);
  for (size_t i = 0; i < classes.size(); ++i) classes[i] = i % 7 == 0;
  const auto folds = k_folds(103, 5, 1, classes);
  std::vector<int> times(103, 0);
  for (const auto& fold : folds) {
    int64_t ones = 0;
    for (const int64_t r : fold) ++times[static_cast<size_t>(r)], ones += classes[static_cast<size_t>(r)];
    EXPECT_NEAR(static_cast<double>(fold.size()), 103 / 5.0, 1);
    EXPECT_EQ(ones, 3);
  }
  EXPECT_EQ(times, std::vector<int>(103, 1));
  EXPECT_CONTAINS(error_of([] { k_folds(3, 4, 0); }), "at most as many folds as rows, 3, got 4");
  EXPECT_CONTAINS(error_of([] { k_folds(3, 1, 0); }), "at least 2 folds");
}

TEST(CrossValidation, AClassOfOneRowIsNamed) {
  const Table t = parsed("a,y\n1,u\n2,v\n3,u\n4,u\n");
  EXPECT_CONTAINS(error_of([&] { cross_validate(options("softmax", "y"), t, 2, 0); }), "class \"v\" has one row");
}

/// The pipeline of a fold must not know the rows held out: it is the same whatever stands in them.
TEST(CrossValidation, NoStatisticOfTheHeldOutPartEntersThePipeline) {
  const Table t = mixed(60, 4);
  Table spoilt = t;
  const std::vector<int64_t> held = k_folds(60, 4, 9)[1];
  std::vector<int64_t> rest;
  for (int64_t r = 0; r < 60; ++r) {
    if (!std::binary_search(held.begin(), held.end(), r)) rest.push_back(r);
  }
  for (const int64_t r : held) {
    spoilt.columns[0].numbers[static_cast<size_t>(r)] = 1e9;
    spoilt.columns[1].codes[static_cast<size_t>(r)] = 0;
    spoilt.columns[2].codes[static_cast<size_t>(r)] = 0;
  }
  spoilt.columns[1].words.push_back("only-held-out");
  spoilt.columns[1].codes[static_cast<size_t>(held[0])] = 3;
  for (const char* scale : {"standard", "minmax", "robust"}) {
    ModelOptions o = options("softmax", "y");
    o.prepare = {.missing = scale[0] == 'm' ? "knn" : "mean",
                 .indicators = true,
                 .rare = 2,
                 .clip = 0.05,
                 .power = "yeo_johnson",
                 .degree = 2,
                 .scale = scale,
                 .select = 4};
    Model clean(o), dirty(o);
    clean.fit(t.take(rest));
    dirty.fit(spoilt.take(rest));
    EXPECT_EQ(clean.prepare().json(), dirty.prepare().json()) << scale;
    EXPECT_EQ(clean.predict(t.take(held)).values(), dirty.predict(t.take(held)).values()) << scale;
    // And the test sees a leak: fitted on all rows, the two differ.
    Model whole(o), other(o);
    whole.fit(t);
    other.fit(spoilt);
    EXPECT_NE(whole.prepare().json(), other.prepare().json()) << scale;
  }
}

/// The same for cross_validate() as a whole: a target made of a coin is not learnt, though each row is unique.
TEST(CrossValidation, ACoinIsNotLearnt) {
  Philox random(8);
  std::string text = "a,b,c,y\n";
  for (int i = 0; i < 200; ++i) {
    for (int k = 0; k < 3; ++k) text += std::to_string(random.normal()) + ",";
    text += random.below(2) ? "heads\n" : "tails\n";
  }
  const CrossValidation cv = cross_validate(options("softmax", "y"), parsed(text), 5, 0);
  EXPECT_NEAR(cv.score, 0.5, 0.1);
  EXPECT_LT(cv.low, 0.5);
  EXPECT_GT(cv.high, 0.5);
}

TEST(Model, CopiesOfTheTargetAreNamed) {
  std::string text = "a,copy,y\n";
  for (int i = 0; i < 40; ++i) {
    text += std::to_string((i * 7) % 13) + "," + std::to_string(3 * (i % 5) + 1) + "," + std::to_string(i % 5) + "\n";
  }
  const Table t = parsed(text);
  Model model(options("ridge", "y"));
  model.fit(t);
  EXPECT_EQ(leaks(model.examples(t)), (std::vector<std::string>{"copy"}));
}

TEST(Wilson, AsPublished) {
  // Newcombe (1998), table I: 81 of 263: 0.2553 to 0.3662; 0 of 20: 0 to 0.1611.
  EXPECT_NEAR(wilson(81.0 / 263, 263).first, 0.2553, 5e-5);
  EXPECT_NEAR(wilson(81.0 / 263, 263).second, 0.3662, 5e-5);
  EXPECT_NEAR(wilson(0, 20).first, 0, 1e-12);
  EXPECT_NEAR(wilson(0, 20).second, 0.1611, 5e-5);
}

}  // namespace
}  // namespace lamina::learners
