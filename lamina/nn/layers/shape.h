// Layers that rearrange.
#pragma once

#include "lamina/nn/module.h"
#include "lamina/nn/options.h"

namespace lamina::nn {

struct FlattenOptions {
  int64_t start = 1, end = -1;  // first and last axis of those merged; negative ones count from the end
  LAMINA_OPTIONS(start, end)
};

/// [n, a, b, …] → [n, a·b·…].
class Flatten final : public Layer {
 public:
  using Options = FlattenOptions;
  explicit Flatten(FlattenOptions options = {}) : options_(options) {}
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }
  LAMINA_FIELDS()

 private:
  FlattenOptions options_;
};

struct ReshapeOptions {
  Dims shape;  // without the batch axis; one extent may be −1: inferred
  LAMINA_OPTIONS(shape)
};

/// [n, …] → [n, shape…].
class Reshape final : public Layer {
 public:
  using Options = ReshapeOptions;
  explicit Reshape(ReshapeOptions options) : options_(options) {}
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }
  LAMINA_FIELDS()

 private:
  ReshapeOptions options_;
};

struct PixelShuffleOptions {
  int64_t factor = 2;
  LAMINA_OPTIONS(factor)
};

/// [n, c·factor², h, w] → [n, c, h·factor, w·factor]: each pixel's channels become a square of pixels. (Shi et al.
/// 2016)
class PixelShuffle final : public Layer {
 public:
  using Options = PixelShuffleOptions;
  explicit PixelShuffle(PixelShuffleOptions options = {});
  explicit PixelShuffle(int64_t factor) : PixelShuffle(PixelShuffleOptions{.factor = factor}) {}
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }
  LAMINA_FIELDS()

 private:
  PixelShuffleOptions options_;
};

class Identity final : public Layer {
 public:
  Tensor forward(const Tensor& x) override { return x; }
  LAMINA_FIELDS()
};

}  // namespace lamina::nn
