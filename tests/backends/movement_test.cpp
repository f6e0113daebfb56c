#include "lamina/ops/movement.h"

#include "against_ref.h"
#include "lamina/ops/movement_attrs.h"

namespace lamina {
namespace {

using namespace testing_backends;

const DType kAll[] = {DType::f32, DType::f64, DType::bf16, DType::i64, DType::i32, DType::u8, DType::boolean};

TEST(Contiguous, AnyPermutationOfAnyDtype) {
  for (DType d : kAll) {
    for (const Shape& shape : {Shape{2, 3, 4, 5}, Shape{3, 17, 1, 70}, Shape{2, 64, 66, 3}}) {
      Dims order{0, 1, 2, 3};
      do {
        expect_like_ref(OpId::contiguous, {permute(random_tensor(shape, 1, d), order)}, {}, 0);
      } while (std::next_permutation(order.begin(), order.end()));
    }
  }
}

TEST(Contiguous, StepsAndBroadcasts) {
  const Tensor x = random_tensor({40, 50});
  expect_like_ref(OpId::contiguous, {slice(x, 1, 3, 50, 4)}, {}, 0);
  expect_like_ref(OpId::contiguous, {transpose(slice(x, 0, 1, 39, 2))}, {}, 0);
  expect_like_ref(OpId::contiguous, {expand(slice(x, 0, 0, 1), {40, 50})}, {}, 0);
  expect_like_ref(OpId::contiguous, {expand(slice(x, 1, 0, 1), {40, 50})}, {}, 0);
  expect_like_ref(OpId::contiguous, {transpose(random_tensor({700, 900}))}, {}, 0);
  expect_like_ref(OpId::contiguous, {transpose(random_tensor({0, 9}))}, {}, 0);
}

// The layout pass asks for results with the channels last.
TEST(Contiguous, WritesChannelsLast) {
  const Tensor x = random_tensor({2, 16, 9, 11});
  const Tensor last = permute(x, {0, 2, 3, 1});
  Meta meta(DType::f32, x.shape());
  meta.strides = {16 * 99, 1, 16 * 11, 16};
  const Tensor y = run_on(cpu_backend(), OpId::contiguous, {x}, {}, {meta})[0];
  EXPECT_EQ(y.floats(), run_on(ref_backend(), OpId::contiguous, {last})[0].floats());
}

TEST(Pad, GrowsCutsAndFills) {
  for (DType d : kAll) {
    const Tensor x = random_tensor({3, 4, 50}, 1, d);
    expect_like_ref(OpId::pad, {x}, PadAttrs{{1, 0, 2}, {0, 3, 1}, 1.5}, 0);
    expect_like_ref(OpId::pad, {x}, PadAttrs{{-1, 2, 0}, {1, -3, -40}, -2}, 0);
    expect_like_ref(OpId::pad, {x}, PadAttrs{{-1, 0, 0}, {0, 0, -1}, 0}, 0);
    expect_like_ref(OpId::pad, {x}, PadAttrs{{-4, 2, 0}, {2, 0, 0}, 0}, 0);
  }
}

TEST(Concat, AnyAxisAnyStrides) {
  for (int64_t axis : {0, 1, 2}) {
    Shape a{3, 4, 5}, b{3, 4, 5}, c{3, 4, 5};
    b[static_cast<int>(axis)] = 1;
    c[static_cast<int>(axis)] = 9;
    expect_like_ref(OpId::concat, {random_tensor(a), random_tensor(b), random_tensor(c)}, AxisAttrs{axis}, 0);
    const Tensor turned = transpose(random_tensor({3, 5, 4}));
    expect_like_ref(OpId::concat, {turned, random_tensor(a)}, AxisAttrs{axis}, 0);
  }
}

TEST(Arange, AnyDtype) {
  for (DType d : kAll) expect_like_ref(OpId::arange, {}, ArangeAttrs{-3, 0.7, 20, d}, 0);
}

}  // namespace
}  // namespace lamina
