// The networks of the bench that work on sequences.
#pragma once

#include "lamina/nn/module.h"

namespace lamina::bench {

/// Embedding, two LSTM layers, scores of all words; words [steps, n] → [steps·n, words].
nn::LayerPtr language_model(int64_t words, int64_t width);
/// Bidirectional GRU encoder, additive attention, GRU decoder fed the true words; [n, source + target] → [n·target,
/// words].
nn::LayerPtr translator(int64_t words, int64_t width);
/// Two bidirectional LSTM layers; [frames, n, inputs] → log-probabilities [frames, n, classes].
nn::LayerPtr speech(int64_t inputs, int64_t width, int64_t classes);
/// LSTM and a linear layer; [steps, n, series] → [n, series].
nn::LayerPtr forecaster(int64_t series, int64_t width);

/// Kim 2014: convolutions of widths 3, 4 and 5 over embedded words, each reduced to its largest response; [n, length] →
/// [n, 2].
nn::LayerPtr text_cnn(int64_t words, double dropout);

/// Mean of CTC per label, as PyTorch's; target [n, length], all of full length.
Tensor ctc_of(const Tensor& log_probs, const Tensor& target);

}  // namespace lamina::bench
