#include "lamina/tensor/tensor.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "lamina/core/error.h"
#include "lamina/tensor/storage.h"

namespace lamina {
namespace {

TEST(Tensor, HoldsWhatItWasMadeFrom) {
  const Tensor t = Tensor::from({1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_EQ(t.shape(), (Shape{2, 3}));
  EXPECT_EQ(t.strides(), (Strides{3, 1}));
  EXPECT_EQ(t.at({1, -1}), 6);
  EXPECT_EQ(t.size(-1), 3);
  EXPECT_EQ(t.bytes(), 24U);
  EXPECT_THROW(t.at({2, 0}), Error);
  EXPECT_THROW(t.item(), Error);
}

TEST(Tensor, ConvertsBetweenDtypes) {
  for (DType d : {DType::f32, DType::f64, DType::bf16, DType::i64, DType::i32, DType::u8}) {
    const Tensor t = Tensor::from({0, 1, 100}, {3}, d);
    EXPECT_EQ(t.values(), (std::vector<double>{0, 1, 100})) << name_of(d);
  }
  EXPECT_EQ(Tensor::from({0, 2}, {2}, DType::boolean).values(), (std::vector<double>{0, 1}));
}

TEST(Tensor, RefusesWrongCountsAndAbsurdShapes) {
  EXPECT_THROW(Tensor::from({1, 2, 3}, {2, 2}), Error);
  EXPECT_THROW(Tensor::empty({-1, 2}), Error);
  EXPECT_THROW(Tensor::empty({INT64_MAX, 2}), Error);
  EXPECT_THROW(Tensor().shape(), Error);
  EXPECT_THROW(Tensor::from({1}, {1}).data<int64_t>(), Error);
}

TEST(Tensor, ZeroElementsAreATensorToo) {
  const Tensor t = Tensor::from(std::span<const double>{}, {0, 3}, DType::f32);
  EXPECT_EQ(t.numel(), 0);
  EXPECT_TRUE(t.values().empty());
}

TEST(Tensor, PrintsLikeNumPy) {
  EXPECT_EQ(Tensor::from({1, 2.5, -3, 4}, {2, 2}).str(), "[[ 1.0,  2.5],\n [-3.0,  4.0]]  [2, 2] f32");
  EXPECT_EQ(Tensor::from({1, 20}, {2}, DType::i64).str(), "[ 1, 20]  [2] i64");
  EXPECT_EQ(Tensor::from({3}, {}).str(), "3.  [] f32");
  const std::string text = Tensor::from(std::vector<double>(2000, 1.0), {2000}, DType::f32).str();
  EXPECT_NE(text.find("…"), std::string::npos);
  EXPECT_LT(text.size(), 80U);
}

TEST(Storage, IsAlignedAndCounted) {
  reset_peak_memory();
  const MemoryStats before = memory_stats();
  {
    const auto small = Storage::allocate(100);
    const auto large = Storage::allocate(size_t{8} << 20);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(small->data()) % 64, 0U);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(large->data()) % (size_t{2} << 20), 0U);
    EXPECT_EQ(memory_stats().live_bytes - before.live_bytes, 100 + (8 << 20));
    const auto window = Storage::view(large, 64, 128);
    EXPECT_EQ(window->data(), large->data() + 64);
    EXPECT_EQ(memory_stats().live_bytes - before.live_bytes, 100 + (8 << 20));
    EXPECT_THROW(Storage::view(large, 8 << 20, 1), Error);
  }
  EXPECT_EQ(memory_stats().live_bytes, before.live_bytes);
  EXPECT_GE(memory_stats().peak_bytes, before.live_bytes + (8 << 20));
}

}  // namespace
}  // namespace lamina
