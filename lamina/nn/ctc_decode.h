// From the frame-wise probabilities of a network trained by CTC to labels. Host code: values are read.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "lamina/tensor/tensor.h"

namespace lamina::nn {

using Labels = std::vector<int64_t>;

/// The likeliest class of each frame, repetitions joined, blanks dropped. log_probs [frames, n, classes], lengths [n]
/// integers or undefined: all frames. One list per sample.
std::vector<Labels> ctc_greedy(const Tensor& log_probs, const Tensor& lengths = {}, int64_t blank = 0);

/// Interpolated n-gram probabilities of labels. (Witten and Bell 1991)
class NgramModel {
 public:
  /// order 1: single labels, 2: pairs, …; labels are 0 … classes − 1. Throws Error where order or classes is below 1.
  NgramModel(int64_t order, int64_t classes);
  /// Counts a sentence. Throws Error where a label is out of range.
  void add(const Labels& sentence);
  /// log p(next | the labels before it), from the last order − 1 of them.
  double log_prob(std::span<const int64_t> before, int64_t next) const;

 private:
  struct Context {
    int64_t total = 0;
    std::map<int64_t, int64_t> counts;
  };
  int64_t order_, classes_;
  std::map<Labels, Context> contexts_;
};

struct CtcBeamOptions {
  int64_t width = 16;  // prefixes kept per frame
  int64_t blank = 0;
  const NgramModel* model = nullptr;  // of the labels; its classes are those of the network
  double model_weight = 0.5;          // of the model's log-probabilities
  double label_bonus = 0;             // added per label: against the model's liking for short results
};

struct CtcHypothesis {
  Labels labels;
  double log_prob;  // of the network alone, over all alignments that the beam kept
  double score;     // with model and bonus: what the beam is ordered by
};

/// The best prefixes, best first, of each sample. (Hannun et al. 2014)
std::vector<std::vector<CtcHypothesis>> ctc_beam_search(const Tensor& log_probs, const Tensor& lengths = {},
                                                        const CtcBeamOptions& options = {});

struct CtcAlignment {
  Labels places;    // per frame: the place in the target that it belongs to, −1 for blank
  double log_prob;  // of this alignment, the likeliest one
};

/// The likeliest alignment of one sample; log_probs [frames, classes]. Throws Error where the target does not fit.
CtcAlignment ctc_align(const Tensor& log_probs, const Labels& target, int64_t blank = 0);

}  // namespace lamina::nn
