#include "against_ref.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/reduce_attrs.h"

namespace lamina {
namespace {

using namespace testing_backends;

// Sums of terms of both signs lose digits to cancellation.
double tolerance_of(DType d) { return d == DType::f64 ? 1e-13 : d == DType::bf16 ? 1e-2 : 3e-5; }

void check_all_axes(const Tensor& x, std::initializer_list<OpId> ops) {
  for (OpId op : ops) {
    for (int mask = 1; mask < 1 << x.rank(); ++mask) {
      Dims axes;
      for (int i = 0; i < x.rank(); ++i) {
        if (mask >> i & 1) axes.push_back(i);
      }
      expect_like_ref(op, {x}, ReduceAttrs{axes, mask % 2 == 0}, tolerance_of(x.dtype()));
    }
  }
}

TEST(Reduce, AnyAxesOfAnyLayout) {
  for (const Shape& shape : {Shape{3, 4, 5, 6}, Shape{2, 33, 1, 7}, Shape{17, 3, 2, 70}, Shape{1, 1, 1, 1}}) {
    const Tensor x = random_tensor(shape);
    check_all_axes(x, {OpId::sum, OpId::amax, OpId::amin, OpId::prod});
    check_all_axes(permute(x, {0, 3, 1, 2}), {OpId::sum, OpId::amax});
    check_all_axes(permute(x, {3, 2, 1, 0}), {OpId::sum, OpId::amin});
    check_all_axes(slice(x, 3, 0, shape[3], 2), {OpId::sum});
    check_all_axes(expand(slice(x, 1, 0, 1), shape), {OpId::sum});
  }
}

TEST(Reduce, AnyDtype) {
  for (DType d : {DType::f64, DType::bf16, DType::i64, DType::i32, DType::u8, DType::boolean}) {
    const Tensor x = random_tensor({4, 6, 10}, 2, d);
    check_all_axes(x, {OpId::amax, OpId::amin});
    if (d != DType::boolean) check_all_axes(x, {OpId::sum, OpId::prod});
  }
}

TEST(Reduce, LargeEnoughForSeveralThreads) {
  for (const Shape& shape : {Shape{70001}, Shape{20, 9000}, Shape{9000, 20}, Shape{300, 1500}, Shape{70000, 3},
                             Shape{3, 70000}, Shape{2, 40000, 2}}) {
    check_all_axes(random_tensor(shape), {OpId::sum, OpId::amax});
  }
  check_all_axes(permute(random_tensor({8, 32, 24, 24}), {0, 3, 1, 2}), {OpId::sum});
}

TEST(Reduce, EmptyAxesGiveTheNeutralElement) {
  for (OpId op : {OpId::sum, OpId::prod}) {
    expect_like_ref(op, {random_tensor({3, 0, 2})}, ReduceAttrs{{1}, false}, 0);
    expect_like_ref(op, {random_tensor({3, 0, 2})}, ReduceAttrs{{0}, false}, 0);
  }
}

TEST(Reduce, TenMillionTermsStayExact) {
  const int64_t n = 10'000'000;
  const Tensor x = Tensor::empty({n});
  double exact = 0;
  Philox random(5);
  for (int64_t i = 0; i < n; ++i) {
    x.mutable_data<float>()[i] = static_cast<float>(random.uniform());
    exact += x.data<float>()[i];
  }
  EXPECT_NEAR(run_on(cpu_backend(), OpId::sum, {x}, ReduceAttrs{{0}, false})[0].item() / exact, 1, 1e-6);
  const Tensor rows = reshape(x, {n / 10, 10});
  double column = 0;
  for (int64_t i = 3; i < n; i += 10) column += x.data<float>()[i];
  EXPECT_NEAR(run_on(cpu_backend(), OpId::sum, {rows}, ReduceAttrs{{0}, false})[0].values()[3] / column, 1, 1e-6);
}

TEST(Reduce, NanWinsInExtremes) {
  for (int64_t place : {0, 5, 31, 99}) {
    Tensor x = random_tensor({3, 100});
    x.mutable_data<float>()[100 + place] = NAN;
    for (OpId op : {OpId::amax, OpId::amin}) {
      for (const Dims& axes : {Dims{0}, Dims{1}, Dims{0, 1}}) expect_like_ref(op, {x}, ReduceAttrs{axes, false}, 0);
    }
    for (OpId op : {OpId::argmax, OpId::argmin}) {
      for (int64_t axis : {0, 1}) expect_like_ref(op, {x}, ArgAttrs{axis, false}, 0);
    }
  }
}

TEST(Arg, FindsTheFirstOfEquals) {
  for (DType d : {DType::f32, DType::f64, DType::bf16, DType::i64, DType::u8}) {
    for (OpId op : {OpId::argmax, OpId::argmin}) {
      for (int64_t axis : {0, 1, 2}) expect_like_ref(op, {random_tensor({4, 40, 9}, 3, d)}, ArgAttrs{axis, false}, 0);
    }
  }
}

TEST(Cumsum, EitherDirection) {
  for (DType d : {DType::f32, DType::f64, DType::i64, DType::i32}) {
    for (int64_t axis : {0, 1, 2}) {
      for (bool reverse : {false, true}) {
        expect_like_ref(OpId::cumsum, {random_tensor({3, 20, 5}, 4, d)}, CumsumAttrs{axis, reverse}, 1e-6);
      }
    }
  }
}

}  // namespace
}  // namespace lamina
