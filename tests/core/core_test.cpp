#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <set>
#include <thread>

#include "lamina/core/dtype.h"
#include "lamina/core/error.h"
#include "lamina/core/fields.h"
#include "lamina/core/parallel.h"
#include "lamina/core/philox.h"
#include "lamina/core/shape.h"

namespace lamina {
namespace {

TEST(DType, NamesReadBack) {
  for (DType d : {DType::f32, DType::f64, DType::bf16, DType::i64, DType::i32, DType::u8, DType::boolean}) {
    EXPECT_EQ(dtype_from_name(name_of(d)), d);
  }
  EXPECT_THROW(dtype_from_name("f31"), Error);
}

TEST(DType, PromotionTakesTheWider) {
  EXPECT_EQ(promote(DType::i64, DType::bf16), DType::bf16);
  EXPECT_EQ(promote(DType::f32, DType::f64), DType::f64);
  EXPECT_EQ(promote(DType::boolean, DType::u8), DType::u8);
}

TEST(BFloat16, RoundsToNearestEven) {
  EXPECT_EQ(static_cast<float>(bfloat16(1.0F)), 1.0F);
  EXPECT_EQ(static_cast<float>(bfloat16(1.0F + 0x1p-8F)), 1.0F);            // halfway: to even
  EXPECT_EQ(static_cast<float>(bfloat16(1.0F + 0x3p-8F)), 1.0F + 0x1p-6F);  // halfway: to even, upwards
  EXPECT_TRUE(std::isnan(static_cast<float>(bfloat16(std::numeric_limits<float>::quiet_NaN()))));
  EXPECT_TRUE(std::isinf(static_cast<float>(bfloat16(3.4e38F))));
}

TEST(Dims, InsertEraseAndPrint) {
  Dims d{2, 4};
  d.insert(1, 3);
  EXPECT_EQ(d.str(), "[2, 3, 4]");
  EXPECT_EQ(d.numel(), 24);
  d.erase(0);
  EXPECT_EQ(d, (Dims{3, 4}));
  EXPECT_EQ(Dims{}.numel(), 1);
  EXPECT_THROW(Dims::filled(9, 1), Error);
}

TEST(Broadcast, FollowsNumPy) {
  EXPECT_EQ(broadcast_shapes({8, 1, 6, 1}, {7, 1, 5}, "add"), (Shape{8, 7, 6, 5}));
  EXPECT_EQ(broadcast_shapes({}, {3}, "add"), (Shape{3}));
  EXPECT_EQ(broadcast_shapes({0}, {1}, "add"), (Shape{0}));
  try {
    broadcast_shapes({2, 3}, {4, 3}, "add");
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("add: shapes [2, 3] and [4, 3]"), std::string::npos) << e.what();
  }
}

TEST(Error, ComposesAllItsParts) {
  Error e("conv", "weight expects 64 input channels, input has 32");
  e.detail("input [8, 32]").hint("look at the previous layer").in_module("conv1").in_module("layer2");
  EXPECT_STREQ(e.what(),
               "conv: weight expects 64 input channels, input has 32\n  input [8, 32]\n  in layer \"layer2.conv1\"\n"
               "  hint: look at the previous layer");
}

TEST(NameList, FindsTheNearestName) {
  NameList names;
  for (const char* n : {"adam", "adagrad", "sgd"}) names.add(n);
  EXPECT_EQ(names.nearest("addam"), "adam");
  EXPECT_EQ(names.nearest("adgrad"), "adagrad");
  EXPECT_EQ(names.nearest("completely-different"), "");
}

struct Options {
  int64_t count = 3;
  double rate = 0.1;
  bool on = true;
  std::string name = "a\"b\n";
  Dims kernel = {2, 3};
  std::vector<double> list = {1, 0.5};
  LAMINA_OPTIONS(count, rate, on, name, kernel, list)
};

TEST(Fields, PrintAsJson) {
  FieldPrinter printer;
  Options().visit(printer);
  EXPECT_EQ(printer.json(),
            R"({"count": 3, "rate": 0.1, "on": true, "name": "a\"b\u000a", "kernel": [2, 3], "list": [1, 0.5]})");
}

TEST(Philox, MatchesThePublishedVectors) {
  // The known-answer tests that come with the authors' Random123 library.
  const auto zeros = philox4x32(0, 0, 0);
  EXPECT_EQ(zeros, (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const auto ones = philox4x32(~0ULL, ~0ULL, ~0ULL);
  EXPECT_EQ(ones, (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
}

TEST(Philox, DrawsHaveTheMomentsOfTheirDistribution) {
  Philox random(7);
  double sum = 0, squares = 0;
  constexpr int kDraws = 200000;
  for (int i = 0; i < kDraws; ++i) {
    const double v = random.normal();
    sum += v;
    squares += v * v;
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.01);
  EXPECT_NEAR(squares / kDraws, 1, 0.02);
  std::set<uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.below(10));
  EXPECT_EQ(seen.size(), 10U);
  EXPECT_EQ(*seen.rbegin(), 9U);
}

TEST(ParallelFor, CoversTheRangeOnceInChunksThatThreadsDoNotChange) {
  for (int threads : {1, 2, 3}) {
    const int before = num_threads();
    set_num_threads(threads);
    std::vector<std::atomic<int>> touched(1003);
    std::atomic<int> chunks{0};
    parallel_for(1003, 100, [&](int64_t begin, int64_t end) {
      EXPECT_EQ(begin % 100, 0);
      ++chunks;
      for (int64_t i = begin; i < end; ++i) ++touched[static_cast<size_t>(i)];
    });
    set_num_threads(before);
    EXPECT_EQ(chunks, 11);
    for (const auto& t : touched) EXPECT_EQ(t, 1);
  }
}

TEST(ParallelFor, PassesExceptionsOn) {
  EXPECT_THROW(parallel_for(100, 1,
                            [](int64_t b, int64_t) {
                              if (b == 37) throw Error("x", "y");
                            }),
               Error);
  EXPECT_THROW(set_num_threads(0), Error);
}

TEST(ParallelFor, CountsEveryChunkInManyShortLoops) {
  // Threads come late, spin, sleep and wake again; whatever they do, a loop is done when it returns.
  const int before = num_threads();
  for (int threads : {2, 4}) {
    set_num_threads(threads);
    for (int loop = 0; loop < 3000; ++loop) {
      if (loop % 500 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
      if (loop % 100 == 0) release_threads();
      int64_t done[8] = {};
      parallel_for(8, 1, [&](int64_t begin, int64_t) { done[begin] = loop; });
      for (int64_t d : done) ASSERT_EQ(d, loop);
    }
  }
  set_num_threads(before);
}

TEST(ParallelFor, RunsLoopsInsideOfLoopsAndOfSeveralThreads) {
  const int before = num_threads();
  set_num_threads(3);
  std::atomic<int64_t> sum{0};
  const auto nested = [&] {
    for (int loop = 0; loop < 200; ++loop) {
      parallel_for(6, 1, [&](int64_t outer, int64_t) {
        parallel_for(5, 1, [&](int64_t inner, int64_t) { sum += outer * 5 + inner; });
      });
    }
  };
  std::thread other(nested), third(nested);
  nested();
  other.join();
  third.join();
  set_num_threads(before);
  EXPECT_EQ(sum, 3 * 200 * (29 * 30 / 2));
}

TEST(ParallelFor, ThePoolWorksOnAfterAnException) {
  const int before = num_threads();
  set_num_threads(3);
  for (int loop = 0; loop < 50; ++loop) {
    EXPECT_THROW(parallel_for(9, 1, [](int64_t, int64_t) { throw Error("x", "y"); }), Error);
    std::atomic<int> chunks{0};
    parallel_for(9, 1, [&](int64_t, int64_t) { ++chunks; });
    EXPECT_EQ(chunks, 9);
  }
  set_num_threads(before);
}

TEST(ParallelTeam, HasAllItsMembersEachTime) {
  const int before = num_threads();
  set_num_threads(4);  // more than there may be cores
  for (int loop = 0; loop < 300; ++loop) {
    std::atomic<int> seen[4] = {};
    parallel_team(4, [&](TeamMember& m) {
      EXPECT_EQ(m.count(), 4);
      ++seen[m.index()];
      m.wait();
      for (auto& s : seen) EXPECT_EQ(s, 1);
    });
    if (loop % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  set_num_threads(before);
}

TEST(ParallelTeam, MembersWaitForEachOther) {
  // Each step reads what another member wrote in the step before: without the barrier this comes out wrong.
  constexpr int kSteps = 2000;
  int64_t values[2][64] = {};
  int members = 0;
  parallel_team(64, [&](TeamMember& m) {
    if (m.index() == 0) {
      members = m.count();
      for (int i = 0; i < m.count(); ++i) values[0][i] = i;
    }
    m.wait();
    for (int step = 0; step < kSteps; ++step) {
      values[(step + 1) % 2][m.index()] = values[step % 2][(m.index() + 1) % m.count()] + 1;
      m.wait();
    }
  });
  EXPECT_EQ(members, std::min(64, num_threads()));
  for (int i = 0; i < members; ++i) EXPECT_EQ(values[kSteps % 2][i], (i + kSteps) % members + kSteps);
}

}  // namespace
}  // namespace lamina
