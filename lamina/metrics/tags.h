// Several labels per example: where to draw the line for each.
#pragma once

#include <vector>

#include "lamina/tensor/tensor.h"

namespace lamina::metrics {

/// For each tag the probability, sigmoid of its logit, from which on it counts as set so that its F1 on these examples
/// is largest: between two neighbouring scores; 0.5 where no example has the tag. Both [n, tags], targets of 0 and 1.
/// Choose them on validation data.
std::vector<double> best_thresholds(const Tensor& logits, const Tensor& targets);

struct TagScores {
  double f1_micro = 0, f1_macro = 0;  // macro: over the tags that occur in targets or predictions
};
/// F1 with these thresholds. Throws Error where their number is not that of the tags.
TagScores scores_at(const Tensor& logits, const Tensor& targets, const std::vector<double>& thresholds);

}  // namespace lamina::metrics
