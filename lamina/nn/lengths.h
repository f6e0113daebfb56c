// Batches of sequences of unequal length: how layers learn where each sample ends. docs/adr/0012 says why this way.
#pragma once

#include "lamina/tensor/tensor.h"

namespace lamina::nn {

/// While it lives, sequences that layers on this thread are given have these lengths [n] (integers, 0 … steps), padded
/// to `steps`. Tasks open one around the forward pass, so that lengths reach every layer, in lists of layers and in
/// modules of one's own. A module whose inner layers see another number of steps (a decoder; a convolution that
/// strides over time) opens its own around them. Undefined lengths: all samples are whole.
class LengthsScope {
 public:
  explicit LengthsScope(Tensor lengths, int64_t steps = 0);
  ~LengthsScope();
  LengthsScope(const LengthsScope&) = delete;
  LengthsScope& operator=(const LengthsScope&) = delete;

 private:
  Tensor lengths_, previous_lengths_;
  int64_t previous_steps_;
};

/// The lengths [n] of the samples of x, whose axis `axis` are the steps; undefined where all are whole. Throws Error
/// naming `layer` where the sequences of the scope have another number of steps, or are others in number.
Tensor current_lengths(const Tensor& x, const char* layer, int steps_axis = 1, int batch_axis = 0);

/// [n, places] bool: true below the length of each sample; lengths [n] integers.
Tensor length_mask(const Tensor& lengths, int64_t places);

}  // namespace lamina::nn
