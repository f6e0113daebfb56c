// Attention: a weighted mean of a memory, the weights from how well each of its places fits a query.
#pragma once

#include <string>

#include "lamina/nn/layers/container.h"
#include "lamina/nn/lengths.h"

namespace lamina::nn {

struct AttentionOptions {
  Required query, memory;     // features of the query and of each place of the memory
  std::string score = "dot";  // "dot" q·m, "general" q·W·m (Luong et al. 2015), "additive" v·tanh(W·q + U·m)
                              // (Bahdanau et al. 2015)
  int64_t hidden = 0;         // additive: units; 0: as many as the query has features
  bool scaled = false;        // divides dot and general scores by the root of the features (Vaswani et al. 2017)
  LAMINA_OPTIONS(query, memory, score, hidden, scaled)
};

struct AttentionResult {
  Tensor context;  // [n, memory], or [n, queries, memory]
  Tensor weights;  // [n, places], or [n, queries, places]; each row adds up to 1, or is 0 where all is masked
};

/// Parameters: general: memory_layer.weight [query, memory]; additive: query_layer.weight [hidden, query] and .bias,
/// memory_layer.weight [hidden, memory], v.weight [1, hidden].
class Attention final : public Module {
 public:
  using Options = AttentionOptions;
  explicit Attention(AttentionOptions options);
  /// query [n, query] or [n, queries, query]; memory [n, places, memory]; mask [n, places] bool, true where one may
  /// look, or undefined. `keys`: keys(memory), for loops that ask the same memory again. Throws Error that names the
  /// shapes.
  AttentionResult operator()(const Tensor& query, const Tensor& memory, const Tensor& mask = {}, Tensor keys = {});
  /// The part of the scores that depends on the memory alone, [n, places, …].
  Tensor keys(const Tensor& memory);
  std::string describe() const override { return json_of(options_); }
  LAMINA_FIELDS(query_layer_, memory_layer_, v_)

 private:
  AttentionOptions options_;
  AnyLayer query_layer_, memory_layer_, v_;
};

}  // namespace lamina::nn
