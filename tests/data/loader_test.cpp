#include "lamina/data/loader.h"

#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>

#include "lamina/data/split.h"
#include "lamina/data/transforms.h"
#include "tests/support/files.h"

namespace lamina::data {
namespace {

using testing::error_of;

/// Example i is the image of the value i, its class i mod 3.
DatasetPtr counting(int64_t n, bool with_targets = true) {
  std::vector<int64_t> values, ids;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t k = 0; k < 6; ++k) values.push_back(i % 256);
    ids.push_back(i % 3);
  }
  DatasetInfo info;
  info.name = "counting";
  info.classes = {"a", "b", "c"};
  return in_memory(info, Tensor::from(values, {n, 1, 2, 3}, DType::u8),
                   with_targets ? Tensor::from(ids, {n}) : Tensor());
}

/// The same without gather(), as sets of files are; example `bad` throws.
class OneByOne final : public Dataset {
 public:
  explicit OneByOne(DatasetPtr inner, int64_t bad = -1) : inner_(std::move(inner)), bad_(bad) {}
  const DatasetInfo& info() const override { return inner_->info(); }
  int64_t size() const override { return inner_->size(); }
  Example get(int64_t index) const override {
    ++reads;
    if (index == bad_) throw Error("bad.png", "is broken");
    return inner_->get(index);
  }
  mutable std::atomic<int64_t> reads{0};

 private:
  DatasetPtr inner_;
  int64_t bad_;
};

using Values = std::vector<std::vector<double>>;

Values epoch_of(Loader& loader, int64_t epoch, int64_t first = 0) {
  Values all;
  loader.start(epoch, first);
  Batch batch;
  while (loader.next(batch)) {
    all.push_back(batch[0].values());
    const std::vector<double> targets = batch[1].values();
    all.back().insert(all.back().end(), targets.begin(), targets.end());
  }
  return all;
}

Transforms augmenting() {
  return {transforms::shift({.pixels = 1}), transforms::scale(), transforms::noise({.std = 0.1})};
}

TEST(Loader, DeliversEveryExampleOnce) {
  Loader loader(counting(10), {}, {.batch = 4, .shuffle = true, .seed = 3});
  EXPECT_EQ(loader.batches_per_epoch(), 3);
  loader.start(0);
  Batch batch;
  std::vector<double> seen;
  std::vector<int64_t> sizes;
  while (loader.next(batch)) {
    sizes.push_back(batch[0].size(0));
    EXPECT_EQ(batch[0].shape(), (Shape{batch[0].size(0), 1, 2, 3}));
    EXPECT_EQ(batch[0].dtype(), DType::u8);
    EXPECT_EQ(batch[1].dtype(), DType::i64);
    for (int64_t i = 0; i < batch[0].size(0); ++i) {
      seen.push_back(batch[0].at({i, 0, 0, 0}));
      EXPECT_EQ(batch[1].at({i}), static_cast<int64_t>(seen.back()) % 3);
    }
  }
  EXPECT_EQ(sizes, (std::vector<int64_t>{4, 4, 2}));
  EXPECT_FALSE(std::is_sorted(seen.begin(), seen.end()));
  std::sort(seen.begin(), seen.end());
  for (size_t i = 0; i < 10; ++i) EXPECT_EQ(seen[i], static_cast<double>(i));
  EXPECT_FALSE(loader.next(batch));
}

TEST(Loader, WithoutShufflingTheOrderIsKept) {
  Loader loader(counting(7), {}, {.batch = 3, .drop_last = true});
  EXPECT_EQ(loader.batches_per_epoch(), 2);
  const Values all = epoch_of(loader, 5);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1][0], 3);
}

TEST(Loader, NeitherWorkersNorPathChangeAnything) {
  for (const Transforms& t : {augmenting(), Transforms{transforms::scale(), transforms::flatten()}}) {
    Loader reference(counting(50), t, {.batch = 8, .shuffle = true, .seed = 7, .workers = 0});
    const Values first = epoch_of(reference, 0), second = epoch_of(reference, 1);
    EXPECT_NE(first, second);
    for (const int64_t workers : {0, 1, 3}) {
      for (const int64_t prefetch : {1, 4}) {
        for (const bool files : {false, true}) {
          DatasetPtr set = counting(50);
          if (files) set = std::make_shared<OneByOne>(set);
          Loader loader(set, t, {.batch = 8, .shuffle = true, .seed = 7, .workers = workers, .prefetch = prefetch});
          EXPECT_EQ(epoch_of(loader, 0), first);
          EXPECT_EQ(epoch_of(loader, 1), second);
        }
      }
    }
    Loader other(counting(50), t, {.batch = 8, .shuffle = true, .seed = 8});
    EXPECT_NE(epoch_of(other, 0), first);
  }
}

TEST(Loader, AnEpochCanBeEnteredAnywhere) {
  Loader loader(counting(50), augmenting(), {.batch = 8, .shuffle = true, .seed = 7, .workers = 2});
  const Values whole = epoch_of(loader, 4);
  for (int64_t first = 0; first <= 7; ++first) {
    const Values rest = epoch_of(loader, 4, first);
    EXPECT_EQ(rest, Values(whole.begin() + first, whole.end())) << first;
  }
  Batch batch;
  loader.start(2);
  loader.next(batch);
  EXPECT_EQ(epoch_of(loader, 4), whole);  // abandoning an epoch leaves nothing of it
}

TEST(Loader, ErrorsOfWorkersAreThrownByNext) {
  for (const int64_t workers : {0, 2}) {
    const auto set = std::make_shared<OneByOne>(counting(20), 9);
    Loader loader(set, {}, {.batch = 4, .workers = workers});
    loader.start(0);
    Batch batch;
    EXPECT_TRUE(loader.next(batch));
    EXPECT_TRUE(loader.next(batch));
    const std::string message = error_of([&] { loader.next(batch); });
    EXPECT_CONTAINS(message, "bad.png: is broken");
    EXPECT_CONTAINS(message, "in example 9 of counting");
  }
}

TEST(Loader, ReadsNoFurtherAheadThanPrefetch) {
  const auto set = std::make_shared<OneByOne>(counting(200));
  Loader loader(set, {}, {.batch = 4, .workers = 2, .prefetch = 3});
  loader.start(0);
  Batch batch;
  loader.next(batch);
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_LE(set->reads, 4 * 4);
  EXPECT_GE(loader.waited(), 0);
}

TEST(Loader, HeldBatchesKeepTheirValues) {
  Loader loader(counting(64), {transforms::scale()}, {.batch = 4, .workers = 2, .prefetch = 2});
  loader.start(0);
  std::vector<Batch> held;
  Batch batch;
  while (loader.next(batch)) held.push_back(batch);
  for (size_t i = 0; i < held.size(); ++i) {
    EXPECT_FLOAT_EQ(static_cast<float>(held[i][0].at({0, 0, 0, 0})), static_cast<float>(4 * i) / 255) << i;
  }
}

TEST(Loader, BuffersAreUsedAgain) {
  Loader loader(counting(4000), {transforms::scale()}, {.batch = 10, .workers = 1, .prefetch = 2});
  std::vector<const void*> seen;
  loader.start(0);
  Batch batch;
  while (loader.next(batch)) seen.push_back(batch[0].raw());
  std::sort(seen.begin(), seen.end());
  EXPECT_LE(std::unique(seen.begin(), seen.end()) - seen.begin(), 20);
}

TEST(Loader, BadOptionsAreNamed) {
  EXPECT_CONTAINS(error_of([] { Loader(counting(3), {}, {.batch = 0}); }), "batch: expected at least 1, got 0");
  EXPECT_CONTAINS(error_of([] { Loader(counting(3), {}, {.workers = -1}); }), "workers");
  EXPECT_THROW(Loader(nullptr, {}, {}), Error);
  Loader loader(counting(3), {}, {.batch = 2});
  Batch batch;
  EXPECT_CONTAINS(error_of([&] { loader.next(batch); }), "start()");
  EXPECT_CONTAINS(error_of([&] { loader.start(0, 3); }), "cannot begin");
}

TEST(Loader, AnEmptySetHasNoBatches) {
  Loader loader(subset(counting(3), {}), {}, {.shuffle = true});
  EXPECT_EQ(loader.batches_per_epoch(), 0);
  EXPECT_TRUE(epoch_of(loader, 0).empty());
}

TEST(Collate, PadsSequencesAndSaysTheirLengths) {
  const std::vector<Example> examples{{Tensor::from({1, 2, 3, 4}, {2, 2}), Tensor::from({7}, {}, DType::i64)},
                                      {Tensor::from({5, 6}, {1, 2}), Tensor::from({8}, {}, DType::i64)}};
  const Batch batch = collate(examples);
  ASSERT_EQ(batch.size(), 3U);
  EXPECT_EQ(batch[0].shape(), (Shape{2, 2, 2}));
  EXPECT_EQ(batch[0].floats(), (std::vector<float>{1, 2, 3, 4, 5, 6, 0, 0}));
  EXPECT_EQ(batch[1].ints(), (std::vector<int64_t>{7, 8}));
  EXPECT_EQ(batch[2].ints(), (std::vector<int64_t>{2, 1}));
}

TEST(Collate, ImagesOfDifferentSizesAreRefused) {
  const auto image = [](int64_t h) {
    return Example{Tensor::from(std::vector<int64_t>(static_cast<size_t>(h), 1), {1, h, 1}, DType::u8)};
  };
  const std::string message = error_of([&] { collate({image(2), image(3)}); });
  EXPECT_CONTAINS(message, "example 1: [1, 3, 1] u8");
  EXPECT_CONTAINS(message, "resize");
  EXPECT_THROW(collate({}), Error);
  EXPECT_THROW(collate({{Tensor::from({1}, {1})}, {}}), Error);
}

TEST(Dataset, ChecksWhatItIsGiven) {
  DatasetInfo info;
  info.name = "x";
  info.classes = {"a", "b"};
  const Tensor inputs = Tensor::from({1, 2, 3}, {3, 1});
  EXPECT_CONTAINS(error_of([&] { in_memory(info, inputs, Tensor::from({0, 1}, {2}, DType::i64)); }),
                  "differ in number");
  EXPECT_CONTAINS(error_of([&] { in_memory(info, inputs, Tensor::from({0, 2, 1}, {3}, DType::i64)); }),
                  "example 1 has label 2, expected 0 to 1");
  EXPECT_CONTAINS(error_of([&] { in_memory(info, inputs, Tensor::from({0, 1, 1}, {3})); }), "class ids are i64");
  EXPECT_EQ(in_memory(info, inputs, {})->info().target, TargetKind::none);
  EXPECT_THROW(counting(3)->get(3), Error);
  EXPECT_THROW(subset(counting(3), {3}), Error);
  const DatasetPtr both = joined({counting(3), counting(2)});
  EXPECT_EQ(both->size(), 5);
  EXPECT_EQ(both->get(4)[0].at({0, 0, 0}), 1);
  EXPECT_EQ(both->class_of(4), 1);
  EXPECT_THROW(joined({counting(3), in_memory(info, inputs, Tensor::from({0, 1, 1}, {3}, DType::i64))}), Error);
  EXPECT_NE(subset(counting(3), {0, 1})->info().fingerprint, subset(counting(3), {1, 0})->info().fingerprint);
}

TEST(Split, SharesAndDeterminism) {
  const IndexSplit random = split_random(101, 0.25, 1);
  EXPECT_EQ(random.second.size(), 25U);
  EXPECT_EQ(random.first.size(), 76U);
  EXPECT_EQ(split_random(101, 0.25, 1).second, random.second);
  EXPECT_NE(split_random(101, 0.25, 2).second, random.second);
  std::vector<int64_t> classes;
  for (int64_t i = 0; i < 100; ++i) classes.push_back(i < 70 ? 0 : i < 95 ? 1 : 2);
  const IndexSplit even = split_stratified(classes, 0.3, 1);
  std::vector<int64_t> counts(3);
  for (const int64_t i : even.second) ++counts[static_cast<size_t>(classes[static_cast<size_t>(i)])];
  EXPECT_EQ(counts[0], 21);
  EXPECT_NEAR(static_cast<double>(counts[1]), 7.5, 0.6);
  EXPECT_EQ(even.second.size(), 30U);
  const IndexSplit time = split_by_time(10, 0.3);
  EXPECT_EQ(time.second, (std::vector<int64_t>{7, 8, 9}));
  std::vector<int64_t> groups;
  for (int64_t i = 0; i < 40; ++i) groups.push_back(i % 8);
  const IndexSplit grouped = split_grouped(groups, 0.25, 1);
  EXPECT_EQ(grouped.second.size(), 10U);
  for (const int64_t i : grouped.second) {
    for (const int64_t k : grouped.first) EXPECT_NE(groups[static_cast<size_t>(i)], groups[static_cast<size_t>(k)]);
  }
  EXPECT_THROW(split_random(10, 1.5, 1), Error);
  EXPECT_EQ(split_random(10, 0, 1).second.size(), 0U);
}

}  // namespace
}  // namespace lamina::data
