// Vectors by number.
#pragma once

#include "lamina/nn/module.h"
#include "lamina/nn/options.h"

namespace lamina::nn {

struct EmbeddingOptions {
  Required rows, dim;
  int64_t padding_id = -1;      // this row starts as zeros and gets no gradient; below zero: none
  std::string init = "normal";  // see nn/init.h
  LAMINA_OPTIONS(rows, dim, padding_id, init)
};

/// Integers of any shape → [.., dim]; weight [rows, dim], N(0, 1).
class Embedding final : public Layer {
 public:
  using Options = EmbeddingOptions;
  explicit Embedding(EmbeddingOptions options);
  Tensor forward(const Tensor& ids) override;
  std::string describe() const override { return json_of(options_); }
  LAMINA_FIELDS(weight_)

 private:
  EmbeddingOptions options_;
  Param weight_;
};

}  // namespace lamina::nn
