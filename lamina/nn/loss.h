// Losses: mean over the batch unless told otherwise. Each is a function object, so that it can be
// called with options and handed to a task.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "lamina/core/registry.h"
#include "lamina/tensor/tensor.h"

namespace lamina {

/// (prediction, target) → one element.
using LossFn = std::function<Tensor(const Tensor& prediction, const Tensor& target)>;

namespace loss {

enum class Reduction { mean, sum, none };

struct CrossEntropyOptions {
  Tensor class_weights = {};    // [classes]; the mean is then weighted, as PyTorch does
  int64_t ignore_index = -100;  // rows with this target count nowhere
  double label_smoothing = 0;   // Szegedy et al. 2016
  Reduction reduction = Reduction::mean;
};
struct CrossEntropy {
  /// −log softmax(logits)[target]: logits [n, classes] or [n, classes, …] with i64 targets [n] or [n, …], or f32
  /// targets shaped like logits (probabilities).
  Tensor operator()(const Tensor& logits, const Tensor& target, const CrossEntropyOptions& options = {}) const;
};
inline constexpr CrossEntropy cross_entropy{};

}  // namespace loss
}  // namespace lamina
