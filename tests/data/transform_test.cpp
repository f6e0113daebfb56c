#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <sstream>

#include "lamina/data/pool.h"
#include "lamina/data/transforms.h"
#include "tests/support/files.h"

namespace lamina::data {
namespace {

using namespace transforms;
using testing::error_of;

Tensor ramp(const Shape& shape, DType dtype = DType::u8) {
  std::vector<int64_t> values(static_cast<size_t>(shape.numel()));
  std::iota(values.begin(), values.end(), int64_t{0});
  return Tensor::from(values, shape, dtype);
}

Tensor applied(const std::unique_ptr<Transform>& t, const Tensor& x, uint64_t seed = 0) {
  Example e{x, Tensor::from({1}, {}, DType::i64)};
  Philox random(seed);
  t->apply(e, random);
  return e[0];
}

/// Applies to single examples and to a batch of two, and expects the same.
std::vector<float> both_ways(const std::unique_ptr<Transform>& t, const Tensor& x) {
  const Tensor alone = applied(t, x);
  EXPECT_TRUE(t->works_on_batches());
  std::vector<double> twice = x.values();
  twice.insert(twice.end(), twice.begin(), twice.begin() + x.numel());
  Shape shape = x.shape();
  shape.insert(0, 2);
  Batch batch{Tensor::from(twice, shape, x.dtype())};
  TensorPool pool;
  t->apply_batch(batch, pool);
  std::vector<float> expected = alone.floats();
  expected.insert(expected.end(), expected.begin(), expected.begin() + alone.numel());
  EXPECT_EQ(batch[0].floats(), expected) << t->name();
  Shape one = batch[0].shape();
  one.erase(0);
  EXPECT_EQ(one, alone.shape()) << t->name();
  EXPECT_EQ(t->output_shape(x.shape()), alone.shape()) << t->name();
  return alone.floats();
}

using Floats = std::vector<float>;

TEST(Transform, ScaleAndNormalize) {
  EXPECT_EQ(both_ways(scale(), Tensor::from({0, 51, 255}, {1, 1, 3}, DType::u8)), (Floats{0, 51 * (1 / 255.0F), 1}));
  EXPECT_EQ(both_ways(scale({.factor = 2, .offset = -1}), Tensor::from({1, 2}, {2})), (Floats{1, 3}));
  const auto two = normalize({.mean = {1, 10}, .std = {2, 5}});
  EXPECT_EQ(both_ways(two, Tensor::from({1, 3, 10, 20}, {2, 1, 2})), (Floats{0, 1, 0, 2}));
  EXPECT_EQ(both_ways(normalize({.mean = {1}, .std = {2}}), Tensor::from({1, 3, 5, 7}, {2, 2})), (Floats{0, 1, 2, 3}));
  EXPECT_CONTAINS(error_of([&] { applied(two, ramp({3, 1, 1})); }), "values for 2 channels, the input is [3, 1, 1] u8");
  EXPECT_CONTAINS(error_of([] { applied(normalize(), ramp({1, 2})); }), "has not been fitted");
  EXPECT_CONTAINS(error_of([] { normalize({.mean = {1}, .std = {0}}); }), "std: expected numbers above 0");
  EXPECT_CONTAINS(error_of([] { normalize({.mean = {1}}); }), "std: expected 1 numbers");
}

DatasetPtr table() {
  DatasetInfo info;
  info.name = "table";
  info.classes = {"a"};
  return in_memory(info, Tensor::from({1, 1000, 5, 3, 1002, 5, 5, 1004, 5, 7, 1006, 5}, {4, 3}),
                   Tensor::from({0, 0, 0, 0}, {4}, DType::i64));
}

TEST(Transform, FittedOnTheTrainingPartAndRestored) {
  const Transforms fitted{scale({.factor = 2}), standardize()};
  fit_all(fitted, *table());
  const auto result = [&](const Transforms& t) { return apply_all(t, table()->get(0), 0, 0, 0)[0].floats(); };
  const float edge = -3 / std::sqrt(5.0F);  // the mean of 1, 3, 5, 7 is 4, its deviation √5
  EXPECT_FLOAT_EQ(result(fitted)[0], edge);
  EXPECT_FLOAT_EQ(result(fitted)[1], edge);
  EXPECT_EQ(result(fitted)[2], 0);  // a constant column is only centred
  const Transforms restored{scale({.factor = 2}), standardize()};
  load_state(restored, state_of(fitted));
  EXPECT_EQ(result(restored), result(fitted));
  EXPECT_CONTAINS(error_of([&] { load_state(restored, "[{}]"); }), "state of 2 transforms");
  EXPECT_CONTAINS(error_of([&] { load_state(restored, "[{}, 5]"); }), "cannot restore");
  const Transforms range{min_max({.low = -1, .high = 1})};
  fit_all(range, *table());
  EXPECT_EQ(result(range), (Floats{-1, -1, -1}));
  EXPECT_FLOAT_EQ(apply_all(range, table()->get(3), 0, 0, 0)[0].floats()[1], 1);
  EXPECT_THROW(fit_all(fitted, *subset(table(), {})), Error);
}

TEST(Transform, NormalizeIsPerChannel) {
  DatasetInfo info;
  info.name = "images";
  const DatasetPtr set = in_memory(info, Tensor::from({0, 2, 10, 30, 4, 6, 10, 30}, {2, 2, 1, 2}, DType::u8), {});
  const Transforms t{normalize()};
  fit_all(t, *set);
  const Floats x = apply_all(t, set->get(0), 0, 0, 0)[0].floats();
  EXPECT_FLOAT_EQ(x[0], -3 / std::sqrt(5.0F));
  EXPECT_FLOAT_EQ(x[2], -1);
  EXPECT_FLOAT_EQ(x[3], 1);
}

TEST(Transform, ResizeAgreesWithPyTorch) {
  std::ifstream file(LAMINA_SOURCE_DIR "/tests/golden/io/resize.txt");
  std::string line;
  ASSERT_TRUE(std::getline(file, line));
  const auto numbers = [](const std::string& text) {
    std::istringstream in(text);
    return Floats(std::istream_iterator<float>(in), {});
  };
  const Tensor x = Tensor::from(numbers(line), {1, 9, 14});
  int sizes = 0;
  for (; std::getline(file, line); ++sizes) {
    Floats expected = numbers(line);
    const auto h = static_cast<int64_t>(expected[0]), w = static_cast<int64_t>(expected[1]);
    expected.erase(expected.begin(), expected.begin() + 2);
    const Floats got = both_ways(resize({.size = {h, w}}), x);
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 2e-6) << h << " " << w << " " << i;
  }
  EXPECT_EQ(sizes, 3);
}

TEST(Transform, ResizeOfOneNumberKeepsTheProportions) {
  EXPECT_EQ(applied(resize({.size = {10}}), ramp({3, 20, 50})).shape(), (Shape{3, 10, 25}));
  EXPECT_EQ(applied(resize({.size = {10}}), ramp({1, 50, 20})).shape(), (Shape{1, 25, 10}));
  EXPECT_CONTAINS(error_of([] { resize({.size = {0, 4}}); }), "size: expected [height, width]");
  EXPECT_THROW(resize({}), Error);
}

TEST(Transform, CropsAndPadding) {
  EXPECT_EQ(both_ways(center_crop({.size = {2, 2}}), ramp({1, 4, 4})), (Floats{5, 6, 9, 10}));
  EXPECT_EQ(both_ways(pad({.amount = {1, 0, 0, 2}, .value = 9}), ramp({1, 1, 2})), (Floats{9, 9, 9, 9, 0, 1, 9, 9}));
  EXPECT_EQ(applied(pad({.amount = {1}}), ramp({2, 3, 3})).shape(), (Shape{2, 5, 5}));
  EXPECT_EQ(applied(pad({.amount = {1, 2}}), ramp({2, 3, 3})).shape(), (Shape{2, 5, 7}));
  EXPECT_EQ(both_ways(center_crop({.size = {3, 3}, .padding = 1}), ramp({1, 1, 1})), (Floats(9, 0)));
  EXPECT_CONTAINS(error_of([] { applied(center_crop({.size = {5}}), ramp({1, 4, 4})); }),
                  "cannot cut [5, 5] out of an image [4, 4]");
  EXPECT_CONTAINS(error_of([] { random_crop({.size = {6}})->output_shape({1, 4, 4}); }), "cannot cut");
  EXPECT_CONTAINS(error_of([] { applied(center_crop({.size = {2}}), ramp({4, 4})); }),
                  "expected an image [channels, height, width]");
  EXPECT_THROW(pad({.amount = {-1}}), Error);
  std::vector<int> places(9);
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const Tensor x = applied(random_crop({.size = {2, 2}}), ramp({1, 4, 4}), seed);
    ASSERT_EQ(x.shape(), (Shape{1, 2, 2}));
    const auto corner = static_cast<int>(x.at({0, 0, 0}));
    EXPECT_EQ(x.at({0, 1, 1}), corner + 5);
    ++places[static_cast<size_t>(corner / 4 * 3 + corner % 4)];
  }
  for (const int p : places) EXPECT_GT(p, 10);
  EXPECT_EQ(applied(random_crop({.size = {4, 4}, .padding = 2}), ramp({2, 4, 4}, DType::f32)).shape(),
            (Shape{2, 4, 4}));
}

TEST(Transform, FlipShiftRotateErase) {
  EXPECT_EQ(applied(flip({.probability = 1}), ramp({2, 1, 3})).floats(), (Floats{2, 1, 0, 5, 4, 3}));
  EXPECT_EQ(applied(flip({.probability = 1, .vertical = true}), ramp({1, 3, 2})).floats(), (Floats{4, 5, 2, 3, 0, 1}));
  EXPECT_EQ(applied(flip({.probability = 0}), ramp({1, 1, 3})).floats(), (Floats{0, 1, 2}));
  EXPECT_THROW(flip({.probability = 2}), Error);
  EXPECT_EQ(applied(rotate({.degrees = 0}), ramp({2, 3, 4})).floats(), ramp({2, 3, 4}).floats());
  const Tensor turned = applied(rotate({.degrees = 180}), ramp({1, 9, 9}), 5);
  EXPECT_EQ(turned.at({0, 4, 4}), 40);  // the centre stays
  EXPECT_NE(turned.floats(), ramp({1, 9, 9}).floats());
  bool moved = false;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Floats x = applied(shift({.pixels = 1, .value = 7}), ramp({1, 3, 3}), seed).floats();
    moved |= x[4] != 4;
    EXPECT_TRUE(x[4] >= 0 && x[4] <= 8);
  }
  EXPECT_TRUE(moved);
  const Floats erased =
      applied(erase({.probability = 1, .least = 0.2, .most = 0.2, .value = 200}), ramp({1, 10, 10}), 1).floats();
  const auto count = std::count(erased.begin(), erased.end(), 200.0F);
  EXPECT_TRUE(count >= 8 && count <= 32) << count;
}

TEST(Transform, Colours) {
  const Tensor x = Tensor::from({100, 200, 50}, {3, 1, 1}, DType::u8);
  EXPECT_EQ(both_ways(grayscale(), x), (Floats{153}));  // 29.9 + 117.4 + 5.7
  EXPECT_EQ(both_ways(grayscale({.channels = 3}), x), (Floats{153, 153, 153}));
  EXPECT_EQ(both_ways(grayscale({.channels = 3}), Tensor::from({7}, {1, 1, 1}, DType::u8)), (Floats{7, 7, 7}));
  EXPECT_THROW(applied(grayscale(), ramp({2, 1, 1})), Error);
  const Floats same = applied(color({.brightness = 0, .contrast = 0, .saturation = 0}), x).floats();
  EXPECT_EQ(same, x.floats());
  EXPECT_NE(applied(color(), x, 3).floats(), x.floats());
}

TEST(Transform, FlattenNoiseOneHot) {
  EXPECT_EQ(both_ways(flatten(), ramp({2, 1, 3})), (Floats{0, 1, 2, 3, 4, 5}));
  EXPECT_CONTAINS(error_of([] { applied(noise(), ramp({2})); }), "put scale or normalize before it");
  const Floats noisy = applied(noise({.std = 2}), Tensor::from(std::vector<float>(4000, 1.0F), {4000})).floats();
  double sum = 0, squares = 0;
  for (const float v : noisy) {
    sum += v;
    squares += (v - 1.0) * (v - 1.0);
  }
  EXPECT_NEAR(sum / 4000, 1, 0.15);
  EXPECT_NEAR(squares / 4000, 4, 0.4);
  Example e{ramp({1}), Tensor::from({2}, {}, DType::i64)};
  Philox random(0);
  one_hot({.classes = 4, .smoothing = 0.2})->apply(e, random);
  EXPECT_FLOAT_EQ(e[1].floats()[0], 0.05F);
  EXPECT_FLOAT_EQ(e[1].floats()[2], 0.85F);
  Batch batch{ramp({2, 1}), Tensor::from({0, 1}, {2}, DType::i64)};
  TensorPool pool;
  one_hot({.classes = 2})->apply_batch(batch, pool);
  EXPECT_EQ(batch[1].floats(), (Floats{1, 0, 0, 1}));
  batch[1] = Tensor::from({0, 2}, {2}, DType::i64);
  EXPECT_CONTAINS(error_of([&] { one_hot({.classes = 2})->apply_batch(batch, pool); }), "a class id is 2");
  EXPECT_THROW(one_hot({}), Error);
}

TEST(Transform, TheExampleItselfIsNeverChanged) {
  const Tensor x = ramp({1, 6, 6}, DType::f32);
  const Floats before = x.floats();
  for (const auto make :
       {+[] { return flip({.probability = 1}); }, +[] { return erase({.probability = 1}); }, +[] { return shift(); },
        +[] { return rotate(); }, +[] { return noise(); }, +[] { return color(); }}) {
    applied(make(), x, 2);
    EXPECT_EQ(x.floats(), before);
  }
}

TEST(Transform, RandomNumbersBelongToEpochIndexAndPlace) {
  const Transforms t{noise(), noise()};
  const Example zero{Tensor::from(Floats(8, 0.0F), {8})};
  const auto at = [&](int64_t seed, int64_t epoch, int64_t index) {
    return apply_all(t, zero, seed, epoch, index)[0].floats();
  };
  EXPECT_EQ(at(1, 2, 3), at(1, 2, 3));
  EXPECT_NE(at(1, 2, 3), at(2, 2, 3));
  EXPECT_NE(at(1, 2, 3), at(1, 3, 2));
  EXPECT_NE(at(1, 2, 3), at(1, 2, 4));
  const Transforms first{noise()};
  const Floats once = apply_all(first, zero, 1, 2, 3)[0].floats(), twice = at(1, 2, 3);
  EXPECT_NE(twice[0], 2 * once[0]);
}

class Names final : public FieldVisitor {
 public:
  void field(std::string_view, int64_t& v) override { v = std::max<int64_t>(v, 1); }
  void field(std::string_view, double&) override {}
  void field(std::string_view, bool&) override {}
  void field(std::string_view, std::string&) override {}
  void field(std::string_view, DType&) override {}
  void field(std::string_view name, Dims& v) override { v = {name == "epochs" ? 0 : 2}; }
  void field(std::string_view, std::vector<double>&) override {}
  void field(std::string_view, std::vector<std::string>&) override {}
  void field(std::string_view, StructList&) override {}
};

TEST(Transform, EveryEntryOfTheTableBuildsWhatItIsCalled) {
  for (const Entry<Transform>& e : transform_table()) {
    Names visitor;
    EXPECT_EQ(e.make(visitor)->name(), e.name);
    EXPECT_FALSE(e.doc.empty());
  }
  EXPECT_CONTAINS(error_of([] { find_entry(transform_table(), "normalise", "transform"); }),
                  "did you mean \"normalize\"?");
}

}  // namespace
}  // namespace lamina::data
