#include "lamina/nn/ctc_decode.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lamina/core/error.h"
#include "lamina/nn/init.h"
#include "lamina/ops/ops.h"

namespace lamina::nn {
namespace {

Tensor random_log_probs(int64_t frames, int64_t n, int64_t classes) {
  return log_softmax(init::normal({frames, n, classes}, 0, 1.5), 2);
}

/// −ctc_loss of one target under sample n.
double log_prob_of(const Tensor& x, int64_t n, const Labels& target) {
  const auto length = static_cast<int64_t>(target.size());
  return -ctc_loss(slice(x, 1, n, n + 1), Tensor::from(std::span<const int64_t>(target), {1, length}),
                   full({1}, static_cast<double>(x.size(0)), DType::i64),
                   full({1}, static_cast<double>(length), DType::i64))
              .item();
}

TEST(CtcGreedy, JoinsRepetitionsAndDropsBlanks) {
  const std::vector<int64_t> best{1, 1, 0, 1, 2, 2, 0};
  const Tensor x = reshape(one_hot(Tensor::from(std::span<const int64_t>(best), {7}), 3), {7, 1, 3});
  EXPECT_EQ(ctc_greedy(x)[0], (Labels{1, 1, 2}));
  EXPECT_EQ(ctc_greedy(x, Tensor::from({3}, {1}, DType::i64))[0], (Labels{1}));
  EXPECT_EQ(ctc_greedy(x, {}, 2)[0], (Labels{1, 0, 1, 0}));
}

TEST(CtcBeamSearch, AWideBeamFindsTheLikeliestLabelsWithTheirProbability) {
  seed(3);
  const Tensor x = random_log_probs(5, 4, 3);
  const auto found = ctc_beam_search(x, {}, {.width = 1000});
  for (int64_t n = 0; n < 4; ++n) {
    const auto& list = found[static_cast<size_t>(n)];
    double total = 0;
    for (const CtcHypothesis& h : list) {
      EXPECT_NEAR(h.log_prob, log_prob_of(x, n, h.labels), 1e-5);
      EXPECT_LE(h.score, list[0].score);
      total += std::exp(h.log_prob);
    }
    EXPECT_NEAR(total, 1, 1e-5) << "every sequence of labels is in the beam";
  }
}

TEST(CtcBeamSearch, SumsAlignmentsThatGreedyCannotSee) {
  // Blank is likelier in each frame (0.6), but the label in either or both has 0.64.
  const Tensor x = log(Tensor::from({0.6, 0.4, 0.6, 0.4}, {2, 1, 2}));
  EXPECT_TRUE(ctc_greedy(x)[0].empty());
  EXPECT_EQ(ctc_beam_search(x)[0][0].labels, (Labels{1}));
  EXPECT_NEAR(std::exp(ctc_beam_search(x)[0][0].log_prob), 0.64, 1e-6);
}

TEST(CtcBeamSearch, ALanguageModelDecidesWhatTheNetworkLeavesOpen) {
  NgramModel model(2, 4);
  for (int i = 0; i < 10; ++i) model.add({1, 3});
  // 1, then 2 or 3: the network is undecided, leaning towards 2.
  const Tensor x = log(Tensor::from({0.01, 0.97, 0.01, 0.01, 0.02, 0.02, 0.5, 0.46}, {2, 1, 4}));
  EXPECT_EQ(ctc_beam_search(x)[0][0].labels, (Labels{1, 2}));
  EXPECT_EQ(ctc_beam_search(x, {}, {.model = &model})[0][0].labels, (Labels{1, 3}));
}

TEST(NgramModel, ProbabilitiesAddUpAndFollowWittenAndBell) {
  NgramModel model(3, 5);
  model.add({1, 2, 1, 3, 1, 2});
  for (const Labels& before : {Labels{}, Labels{1}, Labels{2, 1}, Labels{4, 4}}) {
    double total = 0;
    for (int64_t next = 0; next < 5; ++next) total += std::exp(model.log_prob(before, next));
    EXPECT_NEAR(total, 1, 1e-12);
  }
  // Labels: 1 thrice, 2 twice, 3 once: 6, of 3 kinds. After 1: 2 twice, 3 once.
  const double alone = (2 + 3 * 0.2) / 9;
  EXPECT_NEAR(std::exp(model.log_prob({}, 2)), alone, 1e-12);
  EXPECT_NEAR(std::exp(model.log_prob(Labels{1}, 2)), (2 + 2 * alone) / 5, 1e-12);
  EXPECT_THROW(model.add({5}), Error);
  EXPECT_THROW(NgramModel(0, 5), Error);
}

TEST(CtcAlign, FindsTheLikeliestAlignment) {
  seed(5);
  for (const Labels& target : {Labels{1}, Labels{1, 2}, Labels{2, 2}, Labels{}}) {
    const Tensor x = select(random_log_probs(5, 1, 3), 1, 0);
    const std::vector<double> p = x.values();
    double best = -INFINITY;
    for (int64_t path = 0; path < 243; ++path) {
      Labels labels;
      double total = 0;
      for (int64_t t = 0, rest = path, before = 0; t < 5; ++t, rest /= 3) {
        const int64_t c = rest % 3;
        if (c != 0 && c != before) labels.push_back(c);
        total += p[static_cast<size_t>(t * 3 + c)];
        before = c;
      }
      if (labels == target) best = std::max(best, total);
    }
    const CtcAlignment found = ctc_align(x, target);
    EXPECT_NEAR(found.log_prob, best, 1e-6);
    double total = 0;
    for (size_t t = 0; t < 5; ++t) {
      const int64_t place = found.places[t];
      total += p[t * 3 + static_cast<size_t>(place < 0 ? 0 : target[static_cast<size_t>(place)])];
    }
    EXPECT_NEAR(total, best, 1e-6) << "the places are those of the probability";
  }
}

TEST(CtcAlign, RefusesATargetThatDoesNotFit) {
  EXPECT_THROW(ctc_align(zeros({2, 3}), {1, 1}), Error);
  EXPECT_THROW(ctc_align(zeros({2, 3}), {3}), Error);
  EXPECT_THROW(ctc_align(zeros({2, 3}), {0}), Error);
  EXPECT_NO_THROW(ctc_align(zeros({3, 3}), {1, 1}));
}

}  // namespace
}  // namespace lamina::nn
