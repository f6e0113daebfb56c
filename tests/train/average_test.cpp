// Averages of weights, batches in parts, views.
#include <cmath>

#include "lamina/core/error.h"
#include "lamina/data/transforms.h"
#include "lamina/io/files.h"
#include "lamina/ops/movement.h"
#include "lamina/optim/sgd.h"
#include "lamina/train/checkpoint.h"
#include "tests/train/toy.h"

namespace lamina::train {
namespace {

using namespace testing;
using Values = std::vector<std::vector<double>>;

nn::Sequential plain_net() {
  Generator generator(5);
  const GeneratorScope scope(generator);
  return nn::Sequential{nn::Linear{{.in = 2, .out = 8}}, nn::Relu{}, nn::Linear{{.in = 8, .out = 3}}};
}

/// The weights after training, and after each step or epoch on the way.
struct Course {
  Values last;
  std::vector<Values> steps;
  Results results;
};

template <class Net>
Course course_of(const Net& net, TrainerOptions options, int64_t n = 70) {
  Supervised task{net, loss::cross_entropy, {metrics::accuracy()}};
  Trainer trainer{task, optim::Momentum{{.lr = 0.1, .momentum = 0.9}}, quiet(options)};
  Course course;
  trainer.add(on_step([&](Trainer& t) { course.steps.push_back(weights(t.task())); }));
  course.results = trainer.fit(blobs(n, 1), blobs(30, 2));
  course.last = weights(task);
  return course;
}

void expect_near(const Values& a, const Values& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].size(), b[i].size());
    for (size_t k = 0; k < a[i].size(); ++k) ASSERT_NEAR(a[i][k], b[i][k], tolerance) << i << " " << k;
  }
}

TEST(Accumulate, EqualsTheWholeBatchWithoutBatchNorm) {
  // 70 examples: the last batch of 22 is cut into parts of 7, 7 and 8.
  const Course whole = course_of(plain_net(), {.epochs = 3, .batch = 24, .clip_norm = 1, .l2 = 1e-3});
  const Course parts = course_of(plain_net(), {.epochs = 3, .batch = 24, .accumulate = 3, .clip_norm = 1, .l2 = 1e-3});
  expect_near(parts.last, whole.last, 2e-5);
  EXPECT_NEAR(parts.results.values.at("loss"), whole.results.values.at("loss"), 1e-5);
  ASSERT_EQ(parts.steps.size(), whole.steps.size());
  // More parts than examples: one each.
  expect_near(course_of(plain_net(), {.epochs = 1, .batch = 4, .accumulate = 9}).last,
              course_of(plain_net(), {.epochs = 1, .batch = 4}).last, 2e-5);
  expect_near(course_of(plain_net(), {.epochs = 1, .batch = 24, .accumulate = 3, .compile = false}).last,
              course_of(plain_net(), {.epochs = 1, .batch = 24}).last, 2e-5);
}

TEST(Average, ExponentialIsThatOfTheWeightsOfEachStep) {
  const Course raw = course_of(plain_net(), {.epochs = 2, .batch = 16});
  const Course ema = course_of(plain_net(), {.epochs = 2, .batch = 16, .ema_decay = 0.5});
  // Training itself goes the same way.
  ASSERT_EQ(raw.steps.size(), ema.steps.size());
  for (size_t i = 0; i < raw.steps.size(); ++i) EXPECT_EQ(raw.steps[i], ema.steps[i]);
  Supervised fresh{plain_net(), loss::cross_entropy};
  Values expected = weights(fresh);
  for (size_t t = 1; t <= raw.steps.size(); ++t) {
    const double d = std::min(0.5, (1.0 + static_cast<double>(t)) / (10.0 + static_cast<double>(t)));
    for (size_t i = 0; i < expected.size(); ++i) {
      for (size_t k = 0; k < expected[i].size(); ++k)
        expected[i][k] += (1 - d) * (raw.steps[t - 1][i][k] - expected[i][k]);
    }
  }
  expect_near(ema.last, expected, 1e-5);
  EXPECT_NE(ema.results.values.at("loss"), raw.results.values.at("loss"));
}

TEST(Average, StochasticIsTheMeanOfTheLastEpochs) {
  const Course raw = course_of(plain_net(), {.epochs = 4, .batch = 35});
  const Course swa = course_of(plain_net(), {.epochs = 4, .batch = 35, .swa_epochs = 2});
  Values expected = raw.steps[5];  // two steps an epoch: after the third and the fourth epoch
  for (size_t i = 0; i < expected.size(); ++i) {
    for (size_t k = 0; k < expected[i].size(); ++k) expected[i][k] = (expected[i][k] + raw.steps[7][i][k]) / 2;
  }
  expect_near(swa.last, expected, 1e-6);
}

TEST(Average, StatisticsOfBatchNormAreThoseOfTheAveragedWeights) {
  const nn::Sequential net{nn::BatchNorm1d{2}, nn::Linear{{.in = 2, .out = 3}}};
  const Course swa = course_of(net, {.epochs = 2, .batch = 35, .swa_epochs = 1});
  // The first layer sees the data themselves: the mean over both batches of their means, and of their variances.
  const data::DatasetPtr set = blobs(70, 1);
  double mean = 0, variance = 0;
  for (int64_t b = 0; b < 2; ++b) {
    double sum = 0, squares = 0;
    for (int64_t i = 35 * b; i < 35 * (b + 1); ++i) {
      const double x = set->get(i)[0].values()[0];
      sum += x;
      squares += x * x;
    }
    mean += sum / 35 / 2;
    variance += (squares - sum * sum / 35) / 34 / 2;
  }
  EXPECT_NEAR(swa.last[2][0], mean, 1e-4);
  EXPECT_NEAR(swa.last[3][0], variance, 1e-4);
}

Results train_in(const std::string& run_dir, TrainerOptions o, int64_t stop = -1) {
  o.epochs = 3;
  o.batch = 16;
  o.run_dir = run_dir;
  o.checkpoint_steps = 2;
  Supervised task{toy_net(), loss::cross_entropy, {metrics::accuracy()}};
  Trainer trainer{task, optim::Adam{{.lr = 0.02}}, quiet(o)};
  if (stop >= 0) trainer.add(stop_at(stop));
  return trainer.fit(blobs(70, 1), blobs(30, 2));
}

TEST(Average, ResumesBitExactly) {
  const std::pair<const char*, TrainerOptions> cases[] = {{"ema", {.ema_decay = 0.9}},
                                                          {"swa", {.swa_epochs = 2}},
                                                          {"parts", {.accumulate = 3}},
                                                          {"both", {.accumulate = 2, .ema_decay = 0.9}}};
  for (const auto& [name, options] : cases) {
    const TempFolder folder;
    const Results straight = train_in(folder / "straight", options);
    for (const int64_t stop : {1, 4, 5, 7, 10, 11, 14}) {
      const std::string run = folder / std::to_string(stop);
      train_in(run, options, stop);
      const Results resumed = train_in(run, options);
      EXPECT_EQ(resumed.values, straight.values) << name << " " << stop;
      for (const char* file : {"/checkpoints/last/model.safetensors", "/checkpoints/last/optimizer.safetensors"})
        EXPECT_EQ(io::read_file(run + file), io::read_file(folder / "straight" + file)) << name << " " << stop << file;
    }
    // What a checkpoint holds as the model is what was evaluated.
    Supervised task{toy_net(), loss::cross_entropy, {metrics::accuracy()}};
    load_weights(task.module(), folder / "straight/checkpoints/last");
    Trainer trainer{task, optim::Adam{{.lr = 0.02}}, quiet({.batch = 16})};
    EXPECT_EQ(trainer.evaluate(blobs(30, 2)).values, straight.values) << name;
  }
}

TEST(Average, OptionsAreChecked) {
  const auto error = [](TrainerOptions o) { return error_of([&] { course_of(plain_net(), o); }); };
  expect_contains(error({.accumulate = 0}), "accumulate must be 1 or more");
  expect_contains(error({.ema_decay = 1}), "ema_decay must be from 0 to below 1");
  expect_contains(error({.ema_decay = 0.9, .swa_epochs = 1}), "swa_epochs");
}

/// Grey pictures, 4 × 4, of two classes.
data::DatasetPtr pictures() {
  std::vector<double> pixels;
  std::vector<int64_t> ids;
  Philox random(3);
  for (int64_t i = 0; i < 12; ++i) {
    for (int64_t k = 0; k < 16; ++k) pixels.push_back(static_cast<double>(random.below(256)));
    ids.push_back(i % 2);
  }
  data::DatasetInfo info;
  info.name = "pictures";
  info.classes = {"a", "b"};
  return data::in_memory(info, Tensor::from(pixels, {12, 1, 4, 4}, DType::u8), Tensor::from(ids, {12}));
}

TEST(Views, PredictionsAreAveragedAsProbabilities) {
  Generator generator(5);
  const GeneratorScope scope(generator);
  Supervised task{
      nn::Sequential{nn::Flatten{}, nn::Linear{{.in = 9, .out = 2}}}, loss::cross_entropy, {metrics::accuracy()}};
  using data::Transforms;
  const auto shared = [](std::unique_ptr<data::Transform> t) { return data::TransformPtr(std::move(t)); };
  const Transforms crops{shared(data::transforms::five_crop({.size = {3}})), shared(data::transforms::scale())};
  Trainer trainer{task, optim::Sgd{{.lr = 0.1}}, quiet({.batch = 5})};
  trainer.set_transforms({}, crops);
  const Tensor predicted = trainer.predict(pictures());
  ASSERT_EQ(predicted.shape(), (Shape{12, 2}));
  const Results results = trainer.evaluate(pictures());
  EXPECT_EQ(results.examples, 12);
  double right = 0, loss = 0;
  for (int64_t i = 0; i < 12; ++i) {
    const Tensor views = data::apply_all(crops, pictures()->get(i), 0, 0, i)[0];
    const std::vector<double> logits = task.net()(views).values();
    double mean = 0;
    for (size_t v = 0; v < 5; ++v) {
      const double p = 1 / (1 + std::exp(logits[2 * v] - logits[2 * v + 1]));  // of class b
      mean += p / 5;
      loss -= std::log(i % 2 ? p : 1 - p) / 60;
    }
    EXPECT_NEAR(predicted.at({i, 1}), std::log(mean), 1e-5);
    right += (mean > 0.5) == (i % 2 == 1);
  }
  EXPECT_NEAR(results.values.at("accuracy"), right / 12, 1e-9);
  EXPECT_NEAR(results.values.at("loss"), loss, 1e-5);
  expect_contains(error_of([&] { trainer.set_transforms(crops, crops); }), "views of an input are for evaluation");
}

}  // namespace
}  // namespace lamina::train
