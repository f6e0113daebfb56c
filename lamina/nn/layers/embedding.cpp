#include "lamina/nn/layers/embedding.h"

#include <algorithm>

#include "lamina/core/error.h"
#include "lamina/nn/init.h"
#include "lamina/ops/index.h"

namespace lamina::nn {

Embedding::Embedding(EmbeddingOptions options) : options_(std::move(options)) {
  require_at_least(options_.rows, 1, "Embedding", "rows");
  require_at_least(options_.dim, 1, "Embedding", "dim");
  const Tensor weight = init::by_name(options_.init, {options_.rows, options_.dim});
  if (options_.padding_id >= options_.rows) {
    throw Error("Embedding", "padding_id " + std::to_string(options_.padding_id) + " is not below rows " +
                                 std::to_string(options_.rows));
  }
  if (options_.padding_id >= 0) {
    float* row = weight.mutable_data<float>() + options_.padding_id * options_.dim;
    std::fill(row, row + options_.dim, 0.0F);
  }
  weight_ = Param(weight);
}

Tensor Embedding::forward(const Tensor& ids) {
  if (!is_integral(ids.dtype())) {
    throw Error("Embedding", "expects integers").detail("input " + ids.meta().str());
  }
  return embedding(weight_, ids, options_.padding_id);
}

}  // namespace lamina::nn
