// Sequences of unequal length: what batches they become.
#include <numeric>
#include <set>

#include "lamina/data/loader.h"
#include "lamina/data/split.h"
#include "lamina/data/transforms.h"
#include "tests/support/files.h"

namespace lamina::data {
namespace {

using testing::error_of;

/// Example i is i mod 37 + 1 times the number i, its class i mod 2.
DatasetPtr repeated(int64_t n) {
  std::vector<Example> examples;
  for (int64_t i = 0; i < n; ++i) {
    const std::vector<int64_t> ids(static_cast<size_t>(i % 37 + 1), i);
    examples.push_back({Tensor::from(ids, {static_cast<int64_t>(ids.size())}, DType::i64),
                        Tensor::from(std::vector<int64_t>{i % 2}, {}, DType::i64)});
  }
  DatasetInfo info;
  info.name = "repeated";
  info.classes = {"even", "odd"};
  return in_memory(info, std::move(examples));
}

std::vector<Batch> epoch_of(Loader& loader, int64_t epoch) {
  std::vector<Batch> all;
  loader.start(epoch);
  for (Batch batch; loader.next(batch);) {
    Batch kept;
    for (const Tensor& t : batch) kept.push_back(Tensor::from_bytes(t.raw(), t.shape(), t.dtype()));
    all.push_back(kept);
  }
  return all;
}

TEST(Sequences, AreAsLongAsTheyAre) {
  const DatasetPtr set = repeated(40);
  EXPECT_EQ(set->info().input, (Shape{-1}));
  EXPECT_TRUE(set->info().unequal());
  EXPECT_EQ(set->length_of(3), 4);
  EXPECT_EQ(subset(set, {5, 3})->length_of(0), 6);
  EXPECT_EQ(joined({subset(set, {5}), subset(set, {3})})->length_of(1), 4);
  EXPECT_NE(repeated(39)->info().fingerprint, set->info().fingerprint);
}

TEST(Sequences, BatchesHaveFewLengthsAndSayThoseOfTheirSamples) {
  Loader loader(repeated(500), {}, {.batch = 8, .shuffle = true, .seed = 3});
  const std::vector<Batch> all = epoch_of(loader, 0);
  std::set<int64_t> widths, seen;
  int64_t padding = 0, places = 0;
  for (const Batch& batch : all) {
    ASSERT_EQ(batch.size(), 3U);
    EXPECT_EQ(batch[2].dtype(), DType::i32);
    EXPECT_EQ(lengths_of(batch).impl(), batch[2].impl());
    EXPECT_FALSE(lengths_of(batch, 1).defined());
    const int64_t n = batch[0].size(0), width = batch[0].size(1);
    widths.insert(width);
    for (int64_t i = 0; i < n; ++i) {
      const auto number = static_cast<int64_t>(batch[0].at({i, 0})), length = static_cast<int64_t>(batch[2].at({i}));
      EXPECT_EQ(length, number % 37 + 1);
      EXPECT_EQ(batch[1].at({i}), number % 2);
      for (int64_t t = 0; t < width; ++t) EXPECT_EQ(batch[0].at({i, t}), t < length ? number : 0);
      seen.insert(number);
      padding += width - length;
      places += width;
    }
  }
  EXPECT_EQ(seen.size(), 500U);
  EXPECT_EQ(widths, (std::set<int64_t>{8, 16, 24, 32, 48}));
  EXPECT_LT(padding * 4, places);  // in random order more than a third
}

TEST(Sequences, TheOrderBelongsToSeedAndEpoch) {
  const auto numbers = [](int64_t seed, int64_t epoch, int64_t workers) {
    Loader loader(repeated(100), {}, {.batch = 8, .shuffle = true, .seed = seed, .workers = workers});
    std::vector<double> all;
    for (const Batch& batch : epoch_of(loader, epoch)) {
      for (int64_t i = 0; i < batch[0].size(0); ++i) all.push_back(batch[0].at({i, 0}));
    }
    return all;
  };
  EXPECT_EQ(numbers(1, 2, 0), numbers(1, 2, 3));
  EXPECT_NE(numbers(1, 2, 0), numbers(1, 3, 0));
  EXPECT_NE(numbers(1, 2, 0), numbers(2, 2, 0));
  Loader plain(repeated(20), {}, {.batch = 8});
  EXPECT_EQ(epoch_of(plain, 0)[1][0].at({0, 0}), 8);  // evaluation keeps the order
}

TEST(Sequences, LengthsComeEvenWhereAllAreEqual) {
  const DatasetPtr set = subset(repeated(200), {2, 39, 76});  // three of 3 steps
  Loader loader(set, {}, {.batch = 3});
  const Batch batch = epoch_of(loader, 0)[0];
  EXPECT_EQ(batch[0].shape(), (Shape{3, 8}));
  EXPECT_EQ(batch[2].ints(), (std::vector<int64_t>{3, 3, 3}));
}

std::vector<Example> pairs() {
  const auto ids = [](int64_t n, int64_t value) {
    return Tensor::from(std::vector<int64_t>(static_cast<size_t>(n), value), {n}, DType::i64);
  };
  return {{ids(3, 1), ids(1, 4)}, {ids(2, 2), ids(9, 5)}};
}

TEST(Sequences, SeveralFieldsHaveTheirOwnPaddingAndLengths) {
  const Batch apart = collate(pairs(), {.fields = 2});
  EXPECT_EQ(apart[0].shape(), (Shape{2, 8}));
  EXPECT_EQ(apart[1].shape(), (Shape{2, 16}));
  EXPECT_EQ(apart[0].at({0, 3}), 0);
  EXPECT_EQ(apart[1].at({0, 1}), -100);
  EXPECT_EQ(lengths_of(apart, 0).ints(), (std::vector<int64_t>{3, 2}));
  EXPECT_EQ(lengths_of(apart, 1).ints(), (std::vector<int64_t>{1, 9}));
  const Batch together = collate(pairs(), {.fields = 2, .sizes = {4, 10}, .fill = {7, 9}, .together = true});
  EXPECT_EQ(together[0].shape(), (Shape{2, 10}));
  EXPECT_EQ(together[0].at({1, 2}), 7);
  EXPECT_EQ(together[1].at({0, 1}), 9);
}

TEST(Sequences, WhatDoesNotFitIsRefused) {
  EXPECT_CONTAINS(error_of([] { collate(pairs(), {.fields = 2, .sizes = {4, 8}}); }),
                  "a sequence has 9 steps, more than the last of sizes [4, 8]");
  EXPECT_CONTAINS(error_of([] { collate(pairs(), {.fields = 1}); }), "differ in shape");
  EXPECT_CONTAINS(error_of([] { collate(pairs(), {.fields = 3}); }), "field 2 of an example is no sequence");
  EXPECT_CONTAINS(error_of([] { transforms::pad_sequences({.sizes = {8, 8}}); }), "rising");
  EXPECT_CONTAINS(error_of([] { transforms::pad_sequences({.fields = 0}); }), "fields");
  EXPECT_CONTAINS(error_of([] { transforms::pad_sequences({.sort = -1}); }), "sort");
  DatasetInfo info;
  info.name = "x";
  info.classes = {"a"};
  const Tensor one = Tensor::from({1}, {1}, DType::i64);
  EXPECT_CONTAINS(error_of([&] { in_memory(info, std::vector<Example>{}); }), "at least one example");
  EXPECT_CONTAINS(error_of([&] { in_memory(info, {{one, one}, {one}}); }), "example 1 has other fields");
  EXPECT_CONTAINS(error_of([&] { in_memory(info, {{one, one}}); }), "example 0 has label 1, expected 0 to 0");
}

TEST(Sequences, ATransformSetsTheLengths) {
  const Transforms t{transforms::pad_sequences({.sizes = {20, 40}})};
  Loader loader(repeated(100), t, {.batch = 8, .shuffle = true});
  std::set<int64_t> widths;
  for (const Batch& batch : epoch_of(loader, 0)) widths.insert(batch[0].size(1));
  EXPECT_EQ(widths, (std::set<int64_t>{20, 40}));
}

}  // namespace
}  // namespace lamina::data
