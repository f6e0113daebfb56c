#include "lamina/train/trainer.h"

#include <cmath>
#include <sstream>

#include "lamina/core/error.h"
#include "lamina/graph/capture.h"
#include "lamina/ops/ops.h"
#include "lamina/optim/schedule.h"
#include "lamina/optim/sgd.h"
#include "lamina/tensor/available_memory.h"
#include "tests/train/toy.h"

namespace lamina::train {
namespace {

using namespace testing;

TEST(Trainer, LearnsAndReportsWhatItMeasured) {
  Supervised task{toy_net(), loss::cross_entropy, {metrics::accuracy(), metrics::confusion_matrix()}};
  Trainer trainer{task, optim::Adam{{.lr = 0.02}}, quiet({.epochs = 15, .batch = 32})};
  const data::DatasetPtr test = blobs(60, 2);
  const Results results = trainer.fit(blobs(150, 1), test);
  EXPECT_GT(results.values.at("accuracy"), 0.9);
  EXPECT_LT(results.values.at("loss"), 0.5);
  EXPECT_EQ(results.examples, 60);
  EXPECT_EQ(sum(results.tables.at("confusion_matrix")).item(), 60);
  EXPECT_EQ(trainer.evaluate(test).values, results.values);
  EXPECT_EQ(trainer.progress().step, 15 * 5);
  EXPECT_GT(trainer.step_report().steps, 0);
  std::ostringstream text;
  text << results;
  expect_contains(text.str(), "accuracy ");
  expect_contains(text.str(), "  loss ");

  const Tensor predictions = trainer.predict(test);
  EXPECT_EQ(predictions.shape(), (Shape{60, 3}));
  const metrics::MetricPtr again = metrics::accuracy();
  std::vector<double> classes;
  for (int64_t i = 0; i < 60; ++i) classes.push_back(static_cast<double>(i % 3));
  again->update(predictions, Tensor::from(classes, {60}, DType::i64));
  EXPECT_EQ(again->value(), results.values.at("accuracy"));
}

TEST(Trainer, CapturedAndEagerRunsGiveTheSameBits) {
  std::vector<std::vector<std::vector<double>>> found;
  for (bool compile : {true, false}) {
    Supervised task{toy_net(), loss::cross_entropy};
    Trainer trainer{task, optim::Adam{{.lr = 0.02}},
                    quiet({.epochs = 2, .batch = 32, .clip_norm = 1, .l2 = 1e-3, .compile = compile})};
    trainer.fit(blobs(70, 1));
    found.push_back(weights(task));
  }
  EXPECT_EQ(found[0], found[1]);
}

TEST(Trainer, TheNumberOfWorkersChangesNothing) {
  std::vector<std::vector<std::vector<double>>> found;
  for (int64_t workers : {0, 1, 3}) {
    Supervised task{toy_net(), loss::cross_entropy};
    TrainerOptions options = quiet({.epochs = 2, .batch = 16});
    options.workers = workers;
    Trainer{task, optim::Adam{}, options}.fit(blobs(70, 1));
    found.push_back(weights(task));
  }
  EXPECT_EQ(found[0], found[1]);
  EXPECT_EQ(found[0], found[2]);
}

TEST(Trainer, WithoutValidationGivesTheTrainingLoss) {
  Supervised task{toy_net(), loss::cross_entropy, {metrics::accuracy()}};
  Trainer trainer{task, optim::Adam{}, quiet({.epochs = 1})};
  const Results results = trainer.fit(blobs(30, 1));
  EXPECT_EQ(results.values.size(), 1U);
  EXPECT_EQ(results.values.at("loss"), trainer.progress().values.at("loss"));
}

TEST(Trainer, AnEpochsLossIsTheMeanOverItsExamples) {
  Supervised task{toy_net(), loss::cross_entropy};
  Trainer trainer{task, optim::Sgd{{.lr = 0.1}}, quiet({.epochs = 1, .batch = 32})};  // batches of 32, 32 and 6
  double total = 0;
  trainer.add(on_step([&](Trainer& t) { total += t.progress().loss * (t.progress().batch < 3 ? 32 : 6); }));
  const Results results = trainer.fit(blobs(70, 1));
  EXPECT_DOUBLE_EQ(results.values.at("loss"), total / 70);
}

/// y = w·x with w = 2 at first.
class Line final : public nn::Layer {
 public:
  Tensor forward(const Tensor& x) override { return matmul(x, w_.value()); }
  LAMINA_FIELDS(w_)

 private:
  nn::Param w_{Tensor::from({2, -1}, {2, 1})};
};

data::DatasetPtr line_data() {
  data::DatasetInfo info;
  info.name = "line";
  info.input = {2};
  info.target = data::TargetKind::values;
  info.classes = {"y"};
  return data::in_memory(info, Tensor::from({1, 0, 0, 1}, {2, 2}), Tensor::from({0, 0}, {2, 1}));
}

/// Weights after one step of gradient descent with rate 1 on the mean squared error, whose gradient is {2, −1}.
std::vector<double> after_one_step(const TrainerOptions& options, double* loss = nullptr) {
  Supervised task{Line{}, loss::mse};
  Trainer trainer{task, optim::Sgd{{.lr = 1}}, options};
  trainer.fit(line_data());
  if (loss) *loss = trainer.progress().loss;
  return weights(task)[0];
}

void expect_near(const std::vector<double>& found, const std::vector<double>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-5);
}

TEST(Trainer, ClipsGradientsByValueAndByNorm) {
  expect_near(after_one_step(quiet({.epochs = 1})), {0, 0});
  expect_near(after_one_step(quiet({.epochs = 1, .clip_value = 0.5})), {1.5, -0.5});
  const double norm = std::sqrt(5.0);
  expect_near(after_one_step(quiet({.epochs = 1, .clip_norm = 1})), {2 - 2 / norm, -1 + 1 / norm});
}

TEST(Trainer, PenaltiesAreAddedToTheLoss) {
  double loss = 0;
  expect_near(after_one_step(quiet({.epochs = 1, .l1 = 0.25}), &loss), {-0.25, 0.25});
  EXPECT_NEAR(loss, 2.5 + 0.25 * 3, 1e-6);
  expect_near(after_one_step(quiet({.epochs = 1, .l2 = 0.25}), &loss), {-1, 0.5});
  EXPECT_NEAR(loss, 2.5 + 0.25 * 5, 1e-6);
}

TEST(Trainer, NormsOfGradientsAndWeightsAreThereOnRequest) {
  Supervised task{Line{}, loss::mse};
  Trainer trainer{task, optim::Sgd{{.lr = 1}}, quiet({.epochs = 1, .clip_norm = 0.1, .statistics_steps = 1})};
  trainer.fit(line_data());
  ASSERT_EQ(trainer.norms().size(), 1U);
  EXPECT_EQ(trainer.norms()[0].name, "w");
  EXPECT_NEAR(trainer.norms()[0].gradient, std::sqrt(5.0), 1e-5);
  EXPECT_NEAR(trainer.norms()[0].weight, std::sqrt(5.0), 1e-5);
}

TEST(Trainer, FollowsItsSchedule) {
  Supervised task{toy_net(), loss::cross_entropy};
  Trainer trainer{task, optim::Sgd{{.lr = 0.2}}, quiet({.epochs = 4, .batch = 35})};
  trainer.set_schedule(std::make_shared<optim::InverseTime>(optim::InverseTimeOptions{.decay = 1}));
  std::vector<double> rates;
  trainer.add(on_step([&](Trainer& t) {
    EXPECT_FLOAT_EQ(static_cast<float>(t.optimizer().lr()), static_cast<float>(t.progress().values.at("lr")));
    if (t.progress().batch == 1) rates.push_back(t.progress().values.at("lr"));
  }));
  trainer.fit(blobs(70, 1));
  expect_near(rates, {0.2, 0.1, 0.2 / 3, 0.05});
}

/// Bytes are not trained on as they are, but as numbers from 0 to 1.
TEST(Trainer, PicturesOfBytesAreScaledByDefault) {
  data::DatasetInfo info;
  info.name = "pictures";
  info.input = {1, 2, 2};
  info.classes = {"dark", "light"};
  const Tensor bytes = Tensor::from({10, 20, 30, 40, 210, 220, 230, 240}, {2, 1, 2, 2}, DType::u8);
  const Tensor targets = Tensor::from({0, 1}, {2}, DType::i64);
  const auto run = [&](const Tensor& inputs) {
    Generator generator(1);
    const GeneratorScope scope(generator);
    Supervised task{nn::Sequential{nn::Flatten{}, nn::Linear{{.in = 4, .out = 2}}}, loss::cross_entropy, {}};
    Trainer trainer{task, optim::Sgd{{.lr = 0.1}}, quiet({.epochs = 3})};
    return trainer.fit(data::in_memory(info, inputs, targets), data::in_memory(info, inputs, targets))
        .values.at("loss");
  };
  EXPECT_FLOAT_EQ(static_cast<float>(run(bytes)), static_cast<float>(run(cast(bytes, DType::f32) * (1.0 / 255))));
}

class Forgetful final : public nn::Layer {
 public:
  Tensor forward(const Tensor& x) override { return hidden_(shown_(x)); }
  LAMINA_FIELDS(shown_)

 private:
  nn::Linear shown_{{.in = 2, .out = 3}}, hidden_{{.in = 3, .out = 3}};
};

class Idle final : public nn::Layer {
 public:
  Tensor forward(const Tensor& x) override { return used_(x); }
  LAMINA_FIELDS(used_, spare_)

 private:
  nn::Linear used_{{.in = 2, .out = 3}}, spare_{{.in = 2, .out = 3}};
};

TEST(TrainerAudit, AParameterThatIsUsedButNotListedIsAnError) {
  for (bool compile : {true, false}) {
    Supervised task{nn::Sequential{Forgetful{}}, loss::cross_entropy};
    Trainer trainer{task, optim::Adam{}, quiet({.epochs = 1, .compile = compile})};
    const std::string text = error_of([&] { trainer.fit(blobs(9, 1)); });
    expect_contains(text, "LAMINA_FIELDS");
    expect_contains(text, "in layer \"0");
  }
}

TEST(TrainerAudit, AParameterThatIsListedButNotReachedIsAnError) {
  for (bool compile : {true, false}) {
    Supervised task{Idle{}, loss::cross_entropy};
    Trainer trainer{task, optim::Adam{}, quiet({.epochs = 1, .compile = compile})};
    expect_contains(error_of([&] { trainer.fit(blobs(9, 1)); }), "does not depend on: spare.weight, spare.bias");
  }
}

TEST(TrainerAudit, UnreachedParametersMayBeAllowedOrFrozen) {
  Supervised task{Idle{}, loss::cross_entropy};
  const std::vector<double> before = weights(task)[2];
  Trainer{task, optim::Adam{}, quiet({.epochs = 1, .allow_unused = true})}.fit(blobs(9, 1));
  EXPECT_EQ(weights(task)[2], before);
  task.module().freeze("spare.*");
  EXPECT_NO_THROW((Trainer{task, optim::Adam{}, quiet({.epochs = 1})}.fit(blobs(9, 1))));
}

data::DatasetPtr with_nan() {
  data::DatasetInfo info;
  info.name = "broken";
  info.input = {2};
  info.classes = {"a", "b", "c"};
  return data::in_memory(info, Tensor::from({1, 2, NAN, 1}, {2, 2}), Tensor::from({0, 1}, {2}, DType::i64));
}

TEST(TrainerNonFinite, BrokenInputsAreNamed) {
  Supervised task{toy_net(), loss::cross_entropy};
  const auto before = weights(task);
  Trainer trainer{task, optim::Adam{}, quiet({.epochs = 1})};
  const std::string text = error_of([&] { trainer.fit(with_nan()); });
  expect_contains(text, "the loss is NaN");
  expect_contains(text, "its inputs [2, 2] f32");
  EXPECT_EQ(weights(task), before);
}

TEST(TrainerNonFinite, TheFirstModuleIsNamedAndNothingIsChanged) {
  const auto root = nn::Lambda([](const Tensor& x) { return sqrt(x); }, "root");  // NaN below zero
  const nn::Sequential inner{nn::Linear{{.in = 3, .out = 3}}, root};
  for (bool compile : {true, false}) {
    Supervised task{
        nn::Sequential{nn::Linear{{.in = 2, .out = 3}}, nn::BatchNorm1d{3}, inner, nn::Linear{{.in = 3, .out = 3}}},
        loss::cross_entropy};
    const auto before = weights(task);
    Trainer trainer{task, optim::Adam{}, quiet({.epochs = 1, .compile = compile})};
    const std::string text = error_of([&] { trainer.fit(blobs(30, 1)); });
    expect_contains(text, "the loss is NaN");
    expect_contains(text, "result of sqrt");
    expect_contains(text, "in layer \"2.1\"");
    expect_contains(text, "in step 1, batch 1 of epoch 1");
    EXPECT_EQ(weights(task), before);
  }
}

TEST(TrainerNonFinite, OverflowOfAnEarlierStepIsToldApart) {
  Supervised task{Line{}, loss::mse};
  Trainer trainer{task, optim::Sgd{{.lr = 1e38}}, quiet({.epochs = 9})};
  const std::string text = error_of([&] { trainer.fit(line_data()); });
  expect_contains(text, "the loss is");
  expect_contains(text, "in step");
}

TEST(Trainer, RefusesWhatCannotWork) {
  Supervised task{toy_net(), loss::cross_entropy, {metrics::accuracy()}};
  expect_contains(error_of([&] { Trainer(task, optim::Adam{}, quiet({.batch = 0})); }),
                  "batch must be 1 or more, got 0");
  expect_contains(error_of([&] { Trainer(task, optim::Adam{}, quiet({.clip_norm = -1})); }), "clip_norm");
  Trainer trainer{task, optim::Adam{}, quiet({.epochs = 1})};
  expect_contains(error_of([&] { trainer.fit(nullptr); }), "no data set");
  expect_contains(error_of([&] { trainer.fit(data::subset(blobs(9, 1), {})); }), "is empty");
  Trainer misspelt{task, optim::Adam{}, quiet({.best_metric = "acuracy"})};
  expect_contains(error_of([&] { misspelt.fit(blobs(9, 1), blobs(9, 2)); }), "did you mean \"accuracy\"?");
  Trainer blind{task, optim::Adam{}, quiet({.best_metric = "accuracy"})};
  expect_contains(error_of([&] { blind.fit(blobs(9, 1)); }), "needs validation data");
  data::DatasetInfo info;
  info.name = "inputs only";
  info.input = {2};
  info.target = data::TargetKind::none;
  const data::DatasetPtr inputs_only = data::in_memory(info, Tensor::from({1, 2, 3, 4, 5, 6}, {3, 2}), {});
  expect_contains(error_of([&] { trainer.evaluate(inputs_only); }), "has no targets");
  EXPECT_EQ(trainer.predict(inputs_only).shape(), (Shape{3, 3}));
}

TEST(Trainer, StopsEarlyAndRestoresTheBestWeights) {
  for (bool with_folder : {false, true}) {
    const TempFolder folder;
    Supervised task{toy_net(), loss::cross_entropy, {metrics::accuracy()}};
    Trainer trainer{task, optim::Adam{{.lr = 0.02}},
                    quiet({.epochs = 50,
                           .batch = 35,
                           .run_dir = with_folder ? folder / "run" : "",
                           .best_metric = "loss",
                           .patience = 2})};
    trainer.add(on_step([&](Trainer& t) {
      if (t.progress().epoch < 3) return;  // from here on it gets worse
      for (const nn::NamedVariable& v : task.module().named_parameters()) v.variable.assign(v.variable.value() * 3.0);
    }));
    class Note final : public Callback {
     public:
      std::string name() const override { return "note"; }
      void on_epoch_end(Trainer& t) override {
        if (t.best().epoch == t.progress().epoch) kept = weights(t.task());
      }
      std::vector<std::vector<double>> kept;
    };
    const auto note = std::make_shared<Note>();
    trainer.add(note);
    const Results results = trainer.fit(blobs(70, 1), blobs(30, 2));
    expect_contains(trainer.stop_reason(), "no improvement of loss for 2 epochs");
    EXPECT_EQ(trainer.progress().epoch, trainer.best().epoch + 3);
    EXPECT_EQ(weights(task), note->kept);
    EXPECT_FLOAT_EQ(static_cast<float>(results.values.at("loss")), static_cast<float>(trainer.best().value));
  }
}

TEST(Trainer, ValidatesAsOftenAsAsked) {
  int resets = 0;
  class Count final : public metrics::Metric {
   public:
    explicit Count(int& n) : n_(n) {}
    std::string name() const override { return "count"; }
    bool higher_is_better() const override { return true; }
    void reset() override { ++n_; }
    void update(const Tensor&, const Tensor&) override {}
    double value() const override { return n_; }

   private:
    int& n_;
  };
  Supervised counted{toy_net(), loss::cross_entropy, {std::make_shared<Count>(resets)}};
  Trainer{counted, optim::Adam{}, quiet({.epochs = 5, .validate_every = 3})}.fit(blobs(9, 1), blobs(9, 2));
  EXPECT_EQ(resets, 2);  // after epochs 3 and 5
}

struct Limit {
  explicit Limit(int64_t bytes) { set_memory_limit(bytes); }
  ~Limit() { set_memory_limit(0); }
};

TEST(Trainer, RefusesPartsOfABatchThatDoNotFit) {
  const data::DatasetPtr set = blobs(64, 1);
  const auto fit = [&](int64_t parts) {
    Supervised task{toy_net(64), loss::cross_entropy, {}};
    Trainer(task, optim::Adam{}, quiet({.epochs = 1, .batch = 64, .accumulate = parts})).fit(set);
  };
  const Limit limit(24 << 10);
  int64_t largest = 0;
  try {
    fit(2);
    FAIL() << "it should not fit";
  } catch (const Error& e) {
    const std::string text = e.what(), phrase = "the largest part that fits is ";
    expect_contains(text, "a step on 32 examples (one part of the batch) does not fit");
    const size_t at = text.find(phrase);
    ASSERT_NE(at, std::string::npos) << text;
    largest = std::stoll(text.substr(at + phrase.size()));
  }
  EXPECT_NO_THROW(fit((64 + largest - 1) / largest));
  EXPECT_THROW(fit(64 / (largest + 1)), Error);
}

TEST(Trainer, RefusesABatchThatDoesNotFitAndNamesTheLargestThatDoes) {
  const data::DatasetPtr set = blobs(64, 1);
  const auto fit = [&](int64_t batch) {
    Supervised task{toy_net(64), loss::cross_entropy, {}};
    Trainer(task, optim::Adam{}, quiet({.epochs = 1, .batch = batch})).fit(set);
  };
  const Limit limit(48 << 10);
  int64_t largest = 0;
  try {
    fit(64);
    FAIL() << "it should not fit";
  } catch (const Error& e) {
    const std::string text = e.what(), phrase = "the largest batch that fits is ";
    const size_t at = text.find(phrase);
    ASSERT_NE(at, std::string::npos) << text;
    largest = std::stoll(text.substr(at + phrase.size()));
  }
  ASSERT_GT(largest, 1);
  ASSERT_LT(largest, 64);
  EXPECT_NO_THROW(fit(largest));
  EXPECT_THROW(fit(largest + 1), Error);
}

TEST(Trainer, RecomputingChangesNoBit) {
  const data::DatasetPtr set = blobs(64, 1);
  const auto trained = [&](const std::string& memory) {
    Supervised task{toy_net(64), loss::cross_entropy, {}};
    Trainer(task, optim::Adam{}, quiet({.epochs = 2, .batch = 16, .memory = memory})).fit(set);
    return weights(task);
  };
  EXPECT_EQ(trained("recompute"), trained("keep"));
  EXPECT_THROW(trained("less"), Error);
}

}  // namespace
}  // namespace lamina::train
