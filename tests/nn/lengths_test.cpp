// Lengths reach layers wherever they are, and a sample in a batch gives what it gives alone.
#include "lamina/nn/lengths.h"

#include <gtest/gtest.h>

#include "../support/files.h"
#include "lamina/nn/init.h"
#include "lamina/nn/layers.h"
#include "lamina/ops/ops.h"

namespace lamina::nn {
namespace {

using lamina::testing::error_of;

/// A module that knows nothing of lengths.
class Wrapped final : public Layer {
 public:
  Wrapped() : inner_(Gru{{.in = 4, .hidden = 4, .bidirectional = true}}) {}
  Tensor forward(const Tensor& x) override { return inner_(x) * 2.0; }
  LAMINA_FIELDS(inner_)

 private:
  AnyLayer inner_;
};

std::vector<Sequential> nets() {
  seed(3);
  return {Sequential{Embedding{{.rows = 9, .dim = 4}}, Wrapped{}, Last{}},
          Sequential{Embedding{{.rows = 9, .dim = 4}}, Wrapped{}, PoolOverTime{{.mode = "max"}}},
          Sequential{Embedding{{.rows = 9, .dim = 4}}, PoolOverTime{{.mode = "mean"}}},
          Sequential{Embedding{{.rows = 9, .dim = 4}},
                     Lstm{{.in = 4, .hidden = 3, .layers = 2, .bidirectional = true, .output = "last"}}}};
}

TEST(Lengths, APaddedSampleGivesWhatItGivesAlone) {
  const Tensor x = Tensor::from({1, 2, 3, 0, 0, 4, 5, 6, 7, 8, 3, 0, 0, 0, 0}, {3, 5}, DType::i64);
  const Tensor lengths = Tensor::from(std::vector<int64_t>{3, 5, 1}, {3}, DType::i32);
  for (Sequential& net : nets()) {
    Tensor together;
    {
      const LengthsScope scope(lengths, 5);
      together = net(x);
    }
    for (int64_t i = 0; i < 3; ++i) {
      const Tensor alone = net(slice(slice(x, 0, i, i + 1), 1, 0, lengths.ints()[static_cast<size_t>(i)]));
      for (int64_t k = 0; k < alone.size(1); ++k) EXPECT_NEAR(together.at({i, k}), alone.at({0, k}), 1e-6);
    }
    EXPECT_NE(net(x).values(), together.values());  // without the scope the padding counts
  }
}

TEST(Lengths, ASampleWithoutStepsGivesZeros) {
  const Tensor x = Tensor::from({1.0, 2.0, 3.0, 4.0}, {2, 2, 1}, DType::f32);
  const LengthsScope scope(Tensor::from({0, 1}, {2}, DType::i64), 2);
  EXPECT_EQ(PoolOverTime{{.mode = "max"}}(x).floats(), (std::vector<float>{0, 3}));
  EXPECT_EQ(PoolOverTime{{.mode = "mean"}}(x).floats(), (std::vector<float>{0, 3}));
}

TEST(Lengths, AnotherNumberOfStepsIsAMistakeUnlessAScopeSaysSo) {
  const Tensor x = Tensor::from({1.0, 2.0, 3.0, 4.0}, {1, 4, 1}, DType::f32);
  const LengthsScope scope(Tensor::from({2}, {1}, DType::i64), 4);
  EXPECT_EQ(Last{}(x).item(), 2);
  const std::string message = error_of([&] { Last{}(slice(x, 1, 0, 3)); });
  EXPECT_CONTAINS(message, "1 sequences padded to 4 steps, the input here 1 of 3");
  EXPECT_CONTAINS(message, "nn::LengthsScope");
  {
    const LengthsScope whole{Tensor()};
    EXPECT_EQ(Last{}(slice(x, 1, 0, 3)).item(), 3);
  }
  EXPECT_EQ(Last{}(x).item(), 2);
  EXPECT_CONTAINS(error_of([] { LengthsScope(Tensor::from({1.5}, {1}, DType::f32), 2); }), "must be integers");
}

}  // namespace
}  // namespace lamina::nn
