// Training on sequences of unequal length.
#include <nlohmann/json.hpp>

#include "../support/files.h"
#include "lamina/data/transforms.h"
#include "lamina/io/files.h"
#include "lamina/ops/ops.h"
#include "tests/train/toy.h"

namespace lamina::train {
namespace {

using lamina::testing::error_of;
using testing::quiet;

/// Sequences of 1 to 40 symbols 1 … 5; the class: is the last one greater than 2? `each`: a class for each step, is it
/// the symbol of the step before?
data::DatasetPtr symbols(int64_t n, uint64_t seed, bool each = false, bool labelled = true) {
  Philox random(seed);
  std::vector<data::Example> examples;
  for (int64_t i = 0; i < n; ++i) {
    std::vector<int64_t> ids(1 + random.below(40)), targets;
    for (size_t t = 0; t < ids.size(); ++t) {
      ids[t] = 1 + static_cast<int64_t>(random.below(5));
      targets.push_back(t > 0 && ids[t] > ids[t - 1]);
    }
    const auto steps = static_cast<int64_t>(ids.size());
    data::Example e{Tensor::from(ids, {steps}, DType::i64)};
    if (labelled && each) e.push_back(Tensor::from(targets, {steps}, DType::i64));
    if (labelled && !each) e.push_back(Tensor::from(std::vector<int64_t>{ids.back() > 2}, {}, DType::i64));
    examples.push_back(std::move(e));
  }
  data::DatasetInfo info;
  info.name = "symbols";
  info.classes = {"no", "yes"};
  return data::in_memory(info, std::move(examples));
}

nn::Sequential net(bool each) {
  Generator generator(5);
  const GeneratorScope scope(generator);
  return nn::Sequential{nn::Embedding{{.rows = 6, .dim = 8}},
                        nn::Gru{{.in = 8, .hidden = 12, .output = each ? "all" : "last"}},
                        nn::Linear{{.in = 12, .out = 2}}};
}

TEST(SequenceTraining, ManyToOneIsLearnedInFewPlans) {
  const testing::TempFolder folder;
  Supervised task{net(false), loss::cross_entropy, {metrics::accuracy()}};
  Trainer trainer{task, optim::Adam{{.lr = 1e-2}}, quiet({.epochs = 8, .batch = 16, .run_dir = folder / "run"})};
  const data::DatasetPtr train = symbols(600, 1), test = symbols(100, 2);
  EXPECT_GT(trainer.fit(train, test).values.at("accuracy"), 0.97);
  const nlohmann::json step = nlohmann::json::parse(io::read_file(folder / "run/step.json"));
  EXPECT_LE(step.at("plans"), 10);  // 8, 16, 24, 32, 48 steps, with a whole and with the last batch
  EXPECT_EQ(step.at("captures"), step.at("plans"));
  EXPECT_GT(step.at("plans_arena_bytes"), step.at("arena_bytes"));
  EXPECT_CONTAINS(io::read_file(folder / "run/report.html"), "plans kept, one for each shape of a batch");
  // In a batch of others or alone: the same numbers.
  const Tensor together = trainer.predict(test);
  for (int64_t i = 0; i < 10; ++i) {
    const Tensor alone = trainer.predict(data::subset(test, {i}));
    for (int64_t k = 0; k < 2; ++k) EXPECT_NEAR(together.at({i, k}), alone.at({0, k}), 1e-4);
  }
}

TEST(SequenceTraining, PaddingCountsNeitherInTheLossNorInMetrics) {
  Supervised task{net(true), loss::cross_entropy, {metrics::accuracy()}};
  Trainer trainer{task, optim::Adam{{.lr = 1e-2}}, quiet({.epochs = 8, .batch = 16})};
  const data::Transforms t{data::transforms::pad_sequences({.fields = 2})};
  trainer.set_transforms(t, t);
  const data::DatasetPtr test = symbols(50, 2, true);
  const Results results = trainer.fit(symbols(400, 1, true), test);
  EXPECT_GT(results.values.at("accuracy"), 0.97);
  const Tensor predicted = trainer.predict(test);  // [n, classes, steps]
  EXPECT_EQ(predicted.shape(), (Shape{50, 2, 48}));
  int64_t right = 0, all = 0;
  for (int64_t i = 0; i < 50; ++i) {
    const std::vector<int64_t> targets = test->get(i)[1].ints();
    for (size_t k = 0; k < targets.size(); ++k) {
      const auto step = static_cast<int64_t>(k);
      right += (predicted.at({i, 1, step}) > predicted.at({i, 0, step})) == (targets[k] == 1);
      ++all;
    }
  }
  EXPECT_NEAR(results.values.at("accuracy"), static_cast<double>(right) / static_cast<double>(all), 1e-6);
}

TEST(SequenceTraining, WithoutTargetsThereIsNothingToCompareWith) {
  Supervised task{net(false), loss::cross_entropy};
  Trainer trainer{task, optim::Adam{{}}, quiet({.epochs = 1})};
  const data::DatasetPtr set = symbols(20, 1, false, false);
  EXPECT_EQ(trainer.predict(set).shape(), (Shape{20, 2}));
  EXPECT_CONTAINS(error_of([&] { trainer.evaluate(set); }), "has no targets to compare with");
  EXPECT_CONTAINS(error_of([&] { trainer.fit(set); }), "the batch has no target");
}

}  // namespace
}  // namespace lamina::train
