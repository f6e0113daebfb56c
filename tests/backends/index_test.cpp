#include "against_ref.h"
#include "lamina/core/error.h"
#include "lamina/ops/index_attrs.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/random_attrs.h"
#include "lamina/ops/softmax_attrs.h"

namespace lamina {
namespace {

using namespace testing_backends;

Tensor indices(const Shape& shape, int64_t below, DType dtype = DType::i64, uint64_t seed = 7) {
  Philox random(seed);
  std::vector<int64_t> values(static_cast<size_t>(shape.numel()));
  for (int64_t& v : values) v = static_cast<int64_t>(random.below(static_cast<uint64_t>(below)));
  return Tensor::from(values, shape, dtype);
}

/// The message of the error that running the op throws.
std::string error_of(OpId op, const Tensors& in, const Attrs& attrs) {
  try {
    run_on(cpu_backend(), op, in, attrs);
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(Index, GatherAndScatterAdd) {
  for (DType d : {DType::f32, DType::f64, DType::i64, DType::u8}) {
    for (int64_t axis : {0, 1, 2}) {
      const Tensor x = random_tensor({6, 7, 8}, 1, d);
      const Tensor i = indices({4, 5, 6}, x.size(static_cast<int>(axis)), axis == 1 ? DType::i32 : DType::i64);
      expect_like_ref(OpId::gather, {x, i}, IndexAttrs{axis}, 0);
      expect_like_ref(OpId::scatter_add, {x, i, random_tensor({4, 5, 6}, 2, d)}, IndexAttrs{axis}, 1e-6);
    }
  }
}

TEST(Index, SelectAndAddRows) {
  for (DType d : {DType::f32, DType::f64, DType::bf16, DType::i32}) {
    for (int64_t axis : {0, 1, 2}) {
      const Tensor x = random_tensor({30, 7, 200}, 1, d);
      const Tensor i = indices({9}, x.size(static_cast<int>(axis)));
      Shape shape = x.shape();
      shape[static_cast<int>(axis)] = 9;
      expect_like_ref(OpId::index_select, {x, i}, IndexAttrs{axis}, 0);
      expect_like_ref(OpId::index_add, {x, i, random_tensor(shape, 2, d)}, IndexAttrs{axis},
                      d == DType::bf16 ? 0.1 : 1e-6);
    }
  }
  // Many terms for few rows, on several threads.
  expect_like_ref(OpId::index_add, {random_tensor({5, 300}), indices({2000}, 5), random_tensor({2000, 300})},
                  IndexAttrs{0}, 2e-4);
}

TEST(Index, OutOfRangeNamesIndexAndExtent) {
  const Tensor x = random_tensor({4, 3});
  for (double bad : {4.0, -1.0}) {
    const std::string text = error_of(OpId::index_select, {x, Tensor::from({1, bad}, {2}, DType::i64)}, IndexAttrs{0});
    EXPECT_NE(text.find("index " + std::to_string(static_cast<int>(bad))), std::string::npos) << text;
    EXPECT_NE(text.find("0 to 3"), std::string::npos) << text;
    EXPECT_NE(text.find("element 1"), std::string::npos) << text;
  }
  EXPECT_NE(error_of(OpId::gather, {x, Tensor::from({9}, {1, 1}, DType::i32)}, IndexAttrs{1}).find("0 to 2"),
            std::string::npos);
  EXPECT_NE(
      error_of(OpId::one_hot, {Tensor::from({5}, {1}, DType::i64)}, OneHotAttrs{5, DType::f32}).find("less than 5"),
      std::string::npos);
}

TEST(OneHot, NegativeIdsGiveZeros) {
  for (DType d : {DType::f32, DType::bf16, DType::i64, DType::boolean}) {
    expect_like_ref(OpId::one_hot, {Tensor::from({0, -1, 4, 2}, {2, 2}, DType::i64)}, OneHotAttrs{5, d}, 0);
  }
}

TEST(Sort, IsStableAndPutsNanLast) {
  for (DType d : {DType::f32, DType::bf16, DType::i64, DType::u8}) {
    for (int64_t axis : {0, 1, 2}) {
      for (bool descending : {false, true}) {
        expect_like_ref(OpId::sort, {random_tensor({5, 40, 6}, 3, d)}, SortAttrs{axis, descending}, 0);
      }
    }
  }
  const Tensor x = Tensor::from({2, NAN, -1, 2, INFINITY, NAN, -INFINITY}, {7});
  for (bool descending : {false, true}) expect_like_ref(OpId::sort, {x}, SortAttrs{0, descending}, 0);
}

TEST(Softmax, AnyAxis) {
  for (OpId op : {OpId::softmax, OpId::log_softmax}) {
    for (DType d : {DType::f32, DType::f64, DType::bf16}) {
      for (const Shape& shape :
           {Shape{3, 5, 7}, Shape{64, 10}, Shape{300, 1001}, Shape{1, 1}, Shape{2, 9000}, Shape{9, 21, 40}}) {
        for (int64_t axis = 0; axis < shape.rank(); ++axis) {
          expect_like_ref(op, {random_tensor(shape, 1, d)}, SoftmaxAttrs{axis}, d == DType::bf16 ? 0.02 : 1e-6);
        }
      }
    }
  }
  const Tensor extreme = Tensor::from({1e30, -1e30, 0, 88, -INFINITY, 5, 1, 2, 3, 3, 3, 3}, {3, 4});
  for (OpId op : {OpId::softmax, OpId::log_softmax}) expect_like_ref(op, {extreme}, SoftmaxAttrs{1}, 1e-6);
}

TEST(CrossEntropy, IgnoresNegativeTargets) {
  for (int64_t classes : {2, 10, 1000}) {
    Tensor target = indices({70}, classes, classes == 10 ? DType::i32 : DType::i64);
    if (classes != 10) target.mutable_data<int64_t>()[3] = -100;
    expect_like_ref(OpId::cross_entropy_rows, {random_tensor({70, classes}), target}, {}, 2e-6);
  }
}

TEST(CrossEntropy, TargetOutOfRangeNamesRowTargetAndClasses) {
  const std::string text =
      error_of(OpId::cross_entropy_rows, {random_tensor({3, 4}), Tensor::from({0, 1, 4}, {3}, DType::i64)}, {});
  for (const char* part : {"target 4", "0 to 3", "row 2"}) EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST(Random, GivesTheBitsOfTheReference) {
  const Tensor key = Tensor::from({11, 3}, {2}, DType::i64);
  for (OpId op : {OpId::random_uniform, OpId::random_normal}) {
    for (DType d : {DType::f32, DType::f64, DType::bf16}) {
      for (const Shape& shape : {Shape{1}, Shape{3, 5}, Shape{20011}})
        expect_like_ref(op, {key}, RandomAttrs{shape, d}, 0);
    }
  }
  expect_like_ref(OpId::random_permutation, {key}, RandomAttrs{{1000}, DType::i64}, 0);
  expect_like_ref(OpId::random_advance, {key}, {}, 0);
}

}  // namespace
}  // namespace lamina
