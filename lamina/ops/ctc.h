// Connectionist temporal classification: the probability of a sequence of labels, summed over its alignments.
#pragma once

#include "lamina/ops/ctc_attrs.h"
#include "lamina/tensor/tensor.h"

namespace lamina {

/// −log p(targets | log_probs) of each sample, [n]. log_probs [frames, n, classes] are logarithms of probabilities
/// (log_softmax), targets [n, most] integers, padded with anything; input_lengths and target_lengths [n] say how much
/// of either counts. Targets may be empty. The gradient is the true one, −occupancy; PyTorch's kernel gives
/// exp(log_probs) − occupancy, which is the same behind log_softmax. Throws Error that names the sample where a length
/// or label is out of range, or where a target with its repeated labels needs more frames than there are, unless
/// zero_infinity. (Graves et al. 2006)
Tensor ctc_loss(const Tensor& log_probs, const Tensor& targets, const Tensor& input_lengths,
                const Tensor& target_lengths, const CtcAttrs& options = {});

}  // namespace lamina
