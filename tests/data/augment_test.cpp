// Random transforms, transforms of batches, and views.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "lamina/data/loader.h"
#include "lamina/data/pool.h"
#include "lamina/data/transforms.h"
#include "tests/support/files.h"

namespace lamina::data {
namespace {

using namespace transforms;
using testing::error_of;
using Floats = std::vector<float>;

/// A picture with no two pixels alike.
Tensor picture(int64_t channels = 3, int64_t height = 24, int64_t width = 32) {
  std::vector<int64_t> values(static_cast<size_t>(channels * height * width));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int64_t>(i * 37 % 251);
  return Tensor::from(values, {channels, height, width}, DType::u8);
}

Tensor applied(const Transform& t, const Tensor& x, uint64_t seed) {
  Example e{x, Tensor::from({1}, {}, DType::i64)};
  Philox random(seed);
  t.apply(e, random);
  EXPECT_EQ(e[0].shape(), t.output_shape(x.shape())) << t.name();
  return e[0];
}

std::vector<std::unique_ptr<Transform>> random_ones() {
  std::vector<std::unique_ptr<Transform>> all;
  all.push_back(random_crop({.size = {24, 32}, .padding = 3, .border = "reflect"}));
  all.push_back(random_resized_crop({.size = {8, 9}}));
  all.push_back(flip());
  all.push_back(rotate({.degrees = 40}));
  all.push_back(affine({.degrees = 20, .translate = {0.2, 0.2}, .scale = {0.8, 1.2}, .shear = {10, 10}}));
  all.push_back(perspective({.probability = 1}));
  all.push_back(blur());
  all.push_back(erase());
  all.push_back(cutout({.size = 5}));
  all.push_back(color({.hue = 0.2}));
  all.push_back(auto_contrast({.probability = 0.5}));
  all.push_back(equalize({.probability = 0.5}));
  all.push_back(rand_augment());
  return all;
}

TEST(Augment, DeterministicAndVaried) {
  for (const auto& t : random_ones()) {
    const Tensor x = picture();
    const Floats before = x.floats();
    int different = 0;
    const Floats first = applied(*t, x, 0).floats();
    for (uint64_t seed = 0; seed < 12; ++seed) {
      const Floats once = applied(*t, x, seed).floats();
      EXPECT_EQ(once, applied(*t, x, seed).floats()) << t->name();
      different += once != first;
    }
    EXPECT_GT(different, 1) << t->name();
    EXPECT_EQ(x.floats(), before) << t->name() << " changed its input";
  }
}

TEST(Augment, TinyAndOddPicturesPass) {
  for (const auto& t : random_ones()) {
    if (t->name() == "random_crop") continue;  // needs its size
    for (const Shape& shape : {Shape{1, 1, 1}, Shape{3, 1, 7}, Shape{1, 50, 2}}) {
      for (uint64_t seed = 0; seed < 40; ++seed) applied(*t, picture(shape[0], shape[1], shape[2]), seed);
    }
  }
}

TEST(Augment, RandomResizedCropDrawsItsShares) {
  // On a picture whose values are their row's number, the spread tells the height of the part.
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < 100 * 100; ++i) rows.push_back(i / 100);
  const Tensor x = Tensor::from(rows, {1, 100, 100}, DType::u8);
  const auto t = random_resized_crop({.size = {50}, .scale = {0.25, 0.25}, .ratio = {1, 1}});
  double least = 100, most = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const Floats v = applied(*t, x, seed).floats();
    EXPECT_NEAR(v.back() - v.front(), 49, 1);
    least = std::min<double>(least, v.front());
    most = std::max<double>(most, v.front());
  }
  EXPECT_LT(least, 5);
  EXPECT_GT(most, 45);
  // Where no draw fits, the largest middle part of allowed proportions.
  const auto wide = random_resized_crop({.size = {4}, .scale = {1, 1}, .ratio = {3, 3}});
  const Floats middle = applied(*wide, x, 0).floats();
  EXPECT_NEAR(std::accumulate(middle.begin(), middle.end(), 0.0F) / 16, 49.5, 1);
  EXPECT_GT(middle.front(), 30);
  EXPECT_EQ(t->enough(), (Dims{100, 100}));
  EXPECT_CONTAINS(error_of([] { random_resized_crop({.size = {4}, .scale = {1, 0.5}}); }),
                  "scale: expected [low, high]");
}

TEST(Augment, MistakesOfOptionsAreNamed) {
  EXPECT_CONTAINS(error_of([] { resize({.size = {4}, .interpolation = "cubic"}); }), "got \"cubic\"");
  EXPECT_CONTAINS(error_of([] { pad({.amount = {1}, .border = "mirror"}); }), "expected constant, edge or reflect");
  EXPECT_CONTAINS(error_of([] { color({.hue = 0.6}); }), "hue: expected a number from 0 to 0.5");
  EXPECT_CONTAINS(error_of([] { affine({.shear = {1}}); }), "shear: expected two numbers");
  EXPECT_CONTAINS(error_of([] { rand_augment({.magnitude = 31}); }), "magnitude: expected 0 to 30");
  EXPECT_CONTAINS(error_of([] { blur({.kernel = 4}); }), "kernel: expected an odd number");
  EXPECT_CONTAINS(error_of([] { cutout({.size = 0}); }), "size: expected a number of at least 1");
  EXPECT_CONTAINS(error_of([] { perspective({.distortion = 1}); }), "distortion");
  EXPECT_CONTAINS(error_of([] { mixup({.alpha = -1}); }), "alpha");
  EXPECT_CONTAINS(error_of([] { progressive_resize({.sizes = {8, 16}, .epochs = {0, 0}}); }), "rising numbers");
  EXPECT_CONTAINS(error_of([] { normalize({.mean = {1}, .std = {1}, .only_mean = true}); }), "only_mean");
}

DatasetPtr pictures(int64_t n, int64_t classes = 3) {
  std::vector<double> pixels;
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t k = 0; k < 3 * 8 * 8; ++k) pixels.push_back(static_cast<double>((i * 53 + k * 7) % 256));
    ids.push_back(i % classes);
  }
  DatasetInfo info;
  info.name = "pictures";
  for (int64_t c = 0; c < classes; ++c) info.classes.push_back(std::to_string(c));
  return in_memory(info, Tensor::from(pixels, {n, 3, 8, 8}, DType::u8), Tensor::from(ids, {n}));
}

TEST(Augment, OnlyTheMean) {
  const Transforms list{std::shared_ptr<Transform>(standardize({.only_mean = true}))};
  const DatasetPtr set = pictures(8);
  fit_all(list, *set);
  Floats sum(3 * 8 * 8, 0);
  for (int64_t i = 0; i < 8; ++i) {
    const Floats x = apply_all(list, set->get(i), 0, 0, i)[0].floats();
    for (size_t k = 0; k < sum.size(); ++k) sum[k] += x[k];
    if (i == 0) continue;
    const Floats raw = set->get(i)[0].floats(), first = set->get(0)[0].floats();
    const Floats zero = apply_all(list, set->get(0), 0, 0, 0)[0].floats();
    for (size_t k = 0; k < raw.size(); ++k) EXPECT_NEAR(x[k] - zero[k], raw[k] - first[k], 1e-3);
  }
  for (const float s : sum) EXPECT_NEAR(s, 0, 1e-3);
}

TEST(Augment, PcaNoiseFollowsTheColoursOfTheSet) {
  // Colours that vary along (3, 2, 1) alone: noise keeps to that line, with the deviation of the set times std.
  std::vector<double> pixels;
  for (int64_t i = 0; i < 64; ++i) {
    const double t = static_cast<double>(i) / 100;
    for (const double c : {3 * t, 2 * t, t}) pixels.push_back(c);
  }
  DatasetInfo info;
  info.name = "line";
  info.classes = {"a"};
  const DatasetPtr set =
      in_memory(info, Tensor::from(pixels, {64, 3, 1, 1}, DType::f32), Tensor::from(std::vector<int64_t>(64, 0), {64}));
  const Transforms list{std::shared_ptr<Transform>(pca_noise({.std = 0.5}))};
  EXPECT_CONTAINS(error_of([&] { apply_all(list, set->get(0), 0, 0, 0); }), "has not been fitted");
  fit_all(list, *set);
  double squares = 0;
  for (int64_t i = 0; i < 2000; ++i) {
    const Floats x = apply_all(list, set->get(0), 1, 0, i)[0].floats();
    EXPECT_NEAR(x[0], 3 * x[2], 1e-5);
    EXPECT_NEAR(x[1], 2 * x[2], 1e-5);
    squares += x[2] * x[2];
  }
  const double deviation = std::sqrt((64.0 * 64 - 1) / 12) / 100;  // of i/100, i = 0 … 63
  EXPECT_NEAR(std::sqrt(squares / 2000), 0.5 * deviation, 0.05 * deviation);
  const Transforms other{std::shared_ptr<Transform>(pca_noise({.std = 0.5}))};
  load_state(other, state_of(list));
  EXPECT_EQ(apply_all(other, set->get(5), 1, 0, 5)[0].floats(), apply_all(list, set->get(5), 1, 0, 5)[0].floats());
}

std::vector<Batch> epoch_of(const DatasetPtr& set, const Transforms& list, LoaderOptions o, int64_t epoch) {
  Loader loader(set, list, o);
  loader.start(epoch);
  std::vector<Batch> batches;
  for (Batch b; loader.next(b);) {
    Batch copy;
    for (const Tensor& t : b) copy.push_back(Tensor::from_bytes(t.raw(), t.shape(), t.dtype()));
    batches.push_back(copy);
  }
  return batches;
}

Transforms mixing(std::unique_ptr<Transform> mix, const DatasetPtr& set) {
  Transforms list{std::shared_ptr<Transform>(scale()), std::shared_ptr<Transform>(std::move(mix))};
  fit_all(list, *set);
  return list;
}

TEST(Augment, MixupBlendsInputsAndTargetsAlike) {
  const DatasetPtr set = pictures(10);
  const Transforms plain{std::shared_ptr<Transform>(scale())};
  const auto mixed = epoch_of(set, mixing(mixup({.alpha = 1}), set), {.batch = 4, .workers = 0}, 3);
  const auto raw = epoch_of(set, plain, {.batch = 4, .workers = 0}, 3);
  ASSERT_EQ(mixed.size(), 3u);
  for (size_t b = 0; b < 3; ++b) {
    const int64_t n = raw[b][0].size(0), width = 3 * 8 * 8;
    ASSERT_EQ(mixed[b][1].shape(), (Shape{n, 3}));
    const Floats x = raw[b][0].floats(), m = mixed[b][0].floats(), t = mixed[b][1].floats();
    const std::vector<int64_t> ids = raw[b][1].ints();
    const auto at = [&](const Floats& v, int64_t i, int64_t k, int64_t w) { return v[static_cast<size_t>(i * w + k)]; };
    for (int64_t i = 0; i < n; ++i) {
      const int64_t j = (i + n - 1) % n;
      // The share of each example's own class tells λ, unless both have the same.
      const int64_t own = ids[static_cast<size_t>(i)], other = ids[static_cast<size_t>(j)];
      const float share = at(t, i, own, 3);
      EXPECT_NEAR(std::accumulate(t.begin() + i * 3, t.begin() + i * 3 + 3, 0.0F), 1, 1e-6);
      if (own == other) continue;
      EXPECT_NEAR(at(t, i, other, 3), 1 - share, 1e-6);
      for (int64_t k = 0; k < width; ++k) {
        EXPECT_NEAR(at(m, i, k, width), share * at(x, i, k, width) + (1 - share) * at(x, j, k, width), 1e-5);
      }
    }
  }
  // A function of seed, epoch and batch, whatever the workers.
  const auto again = epoch_of(set, mixing(mixup({.alpha = 1}), set), {.batch = 4, .workers = 2}, 3);
  const auto later = epoch_of(set, mixing(mixup({.alpha = 1}), set), {.batch = 4, .workers = 0}, 4);
  for (size_t b = 0; b < 3; ++b) EXPECT_EQ(again[b][0].floats(), mixed[b][0].floats());
  EXPECT_NE(later[0][0].floats(), mixed[0][0].floats());
}

TEST(Augment, CutmixSharesTargetsByArea) {
  const DatasetPtr set = pictures(12, 4);
  const Transforms plain{std::shared_ptr<Transform>(scale())};
  const auto raw = epoch_of(set, plain, {.batch = 4, .workers = 0}, 0);
  const auto mixed = epoch_of(set, mixing(cutmix(), set), {.batch = 4, .workers = 0}, 0);
  bool pasted = false;
  for (size_t b = 0; b < raw.size(); ++b) {
    const Floats x = raw[b][0].floats(), m = mixed[b][0].floats(), t = mixed[b][1].floats();
    const std::vector<int64_t> ids = raw[b][1].ints();
    for (size_t i = 0; i < 4; ++i) {
      const size_t j = (i + 3) % 4, width = 3 * 8 * 8;
      int from_other = 0;
      for (size_t k = 0; k < width; ++k) {
        const bool own = m[i * width + k] == x[i * width + k];
        EXPECT_TRUE(own || m[i * width + k] == x[j * width + k]);
        from_other += !own;
      }
      const float share = t[i * 4 + static_cast<size_t>(ids[i])];
      EXPECT_NEAR(1 - share, from_other / 192.0, 1e-6);
      pasted |= from_other > 0;
    }
  }
  EXPECT_TRUE(pasted);
}

TEST(Augment, MixingComesLastAndKnowsItsClasses) {
  const DatasetPtr set = pictures(4);
  const Transforms wrong{std::shared_ptr<Transform>(mixup()), std::shared_ptr<Transform>(flip())};
  EXPECT_CONTAINS(error_of([&] { Loader(set, wrong, {}); }), "put mixup last");
  const Transforms unfitted{std::shared_ptr<Transform>(scale()), std::shared_ptr<Transform>(mixup())};
  EXPECT_CONTAINS(error_of([&] { epoch_of(set, unfitted, {.workers = 0}, 0); }), "expected class ids");
  const Transforms bytes{std::shared_ptr<Transform>(cutmix())};
  EXPECT_CONTAINS(error_of([&] { epoch_of(set, bytes, {.workers = 0}, 0); }), "put scale or normalize before it");
  // An unmixed batch has shares too, so that the step is captured once.
  const auto never = epoch_of(set, mixing(mixup({.probability = 0}), set), {.batch = 4, .workers = 0}, 0);
  EXPECT_EQ(never[0][1].floats(), (Floats{1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0}));
}

TEST(Augment, ProgressiveResizeByEpoch) {
  const DatasetPtr set = pictures(4);
  const Transforms list{std::shared_ptr<Transform>(progressive_resize({.sizes = {4, 6, 8}, .epochs = {0, 2, 5}}))};
  for (const auto& [epoch, side] : {std::pair{0, 4}, {1, 4}, {2, 6}, {4, 6}, {5, 8}, {90, 8}}) {
    EXPECT_EQ(epoch_of(set, list, {.batch = 4, .workers = 1}, epoch)[0][0].shape(), (Shape{4, 3, side, side}));
  }
  EXPECT_EQ(output_shape(list, {3, 8, 8}), (Shape{3, 8, 8}));
}

TEST(Augment, ViewsBecomeInputsOfTheBatch) {
  const DatasetPtr set = pictures(5);
  const Transforms list{std::shared_ptr<Transform>(ten_crop({.size = {4}})), std::shared_ptr<Transform>(scale())};
  EXPECT_EQ(views_of(list), 10);
  EXPECT_EQ(output_shape(list, {3, 8, 8}), (Shape{3, 4, 4}));
  const auto batches = epoch_of(set, list, {.batch = 2, .workers = 1}, 0);
  ASSERT_EQ(batches.size(), 3u);
  EXPECT_EQ(batches[0][0].shape(), (Shape{20, 3, 4, 4}));
  EXPECT_EQ(batches[2][0].shape(), (Shape{10, 3, 4, 4}));
  EXPECT_EQ(batches[0][1].shape(), (Shape{2}));
  // A transform of single images after the views sees each of them.
  const Transforms later{std::shared_ptr<Transform>(flip_views()), std::shared_ptr<Transform>(scale()),
                         std::shared_ptr<Transform>(random_crop({.size = {2}}))};
  const auto small = epoch_of(set, later, {.batch = 5, .workers = 0}, 0);
  EXPECT_EQ(small[0][0].shape(), (Shape{10, 3, 2, 2}));
  const Transforms twice{std::shared_ptr<Transform>(flip_views()), std::shared_ptr<Transform>(flip_views())};
  EXPECT_CONTAINS(error_of([&] { apply_all(twice, set->get(0), 0, 0, 0); }), "cannot make views of views");
}

}  // namespace
}  // namespace lamina::data
