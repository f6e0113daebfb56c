#include "lamina/nn/layers/attention.h"

#include <cmath>

#include "lamina/core/error.h"
#include "lamina/nn/layers/check.h"
#include "lamina/nn/layers/linear.h"
#include "lamina/ops/matmul.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/pointwise.h"
#include "lamina/ops/reduce.h"
#include "lamina/ops/softmax.h"

namespace lamina::nn {

Attention::Attention(AttentionOptions options) : options_(std::move(options)) {
  AttentionOptions& o = options_;
  require_at_least(o.query, 1, "Attention", "query");
  require_at_least(o.memory, 1, "Attention", "memory");
  require_at_least(o.hidden, 0, "Attention", "hidden");
  if (o.score == "dot") {
    if (o.query == o.memory) return;
    throw Error("Attention", "the score \"dot\" needs as many features of the query as of the memory, they have " +
                                 std::to_string(o.query) + " and " + std::to_string(o.memory))
        .hint("use the score \"general\" or \"additive\"");
  }
  if (o.score == "general") {
    memory_layer_ = Linear{{.in = o.memory, .out = o.query, .bias = false}};
  } else if (o.score == "additive") {
    const int64_t hidden = o.hidden ? o.hidden : static_cast<int64_t>(o.query);
    query_layer_ = Linear{{.in = o.query, .out = hidden}};
    memory_layer_ = Linear{{.in = o.memory, .out = hidden, .bias = false}};
    v_ = Linear{{.in = hidden, .out = 1, .bias = false}};
  } else {
    throw Error("Attention", "score must be one of dot, general, additive, got \"" + o.score + "\"");
  }
}

Tensor Attention::keys(const Tensor& memory) {
  check_rank(memory, 3, 3, "Attention", "[n, places, memory]");
  check_extent(memory, 2, options_.memory, "Attention", "features of the memory on the last axis", {});
  return memory_layer_(memory);
}

AttentionResult Attention::operator()(const Tensor& query, const Tensor& memory, const Tensor& mask, Tensor keys) {
  if (!keys.defined()) keys = this->keys(memory);
  check_rank(query, 2, 3, "Attention", "a query of [n, query] or [n, queries, query]");
  check_extent(query, -1, options_.query, "Attention", "features of the query on the last axis", {});
  const bool single = query.rank() == 2;
  const int64_t n = memory.size(0), places = memory.size(1);
  if (query.size(0) != n || (mask.defined() && (mask.shape() != Shape{n, places} || mask.dtype() != DType::boolean))) {
    Error error("Attention",
                "query and memory must have as many samples, the mask be " + Meta(DType::boolean, {n, places}).str());
    error.detail("query  " + query.meta().str()).detail("memory " + memory.meta().str());
    if (mask.defined()) error.detail("mask   " + mask.meta().str());
    throw error;
  }
  const Tensor q = single ? unsqueeze(query, 1) : query;  // [n, queries, query]
  Tensor scores;                                          // [n, queries, places]
  if (options_.score == "additive") {
    scores = squeeze(v_(tanh(unsqueeze(query_layer_(q), 2) + unsqueeze(keys, 1))), -1);
  } else {
    scores = matmul(q, transpose(keys));
    if (options_.scaled) scores = scores * (1 / std::sqrt(static_cast<double>(q.size(2))));
  }
  if (mask.defined()) scores = where(unsqueeze(mask, 1), scores, -1e30);
  Tensor weights = softmax(scores, -1);
  if (mask.defined()) weights = where(unsqueeze(mask, 1), weights, 0.0);
  const Tensor context = matmul(weights, memory);
  return single ? AttentionResult{squeeze(context, 1), squeeze(weights, 1)} : AttentionResult{context, weights};
}

}  // namespace lamina::nn
