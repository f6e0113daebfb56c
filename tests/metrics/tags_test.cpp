// Several labels per example; expected figures from scikit-learn 1.x: average_precision_score.
#include "lamina/metrics/tags.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lamina/core/error.h"
#include "lamina/metrics/metrics.h"

namespace lamina::metrics {
namespace {

Tensor logits() {
  return Tensor::from({2.0, -1.0, 0.5, 0.3, 0.8, 0.5, -1.2, 0.1, -2.0, 1.1, -0.4, 0.0, 0.3, 2.2, 1.0, -0.5, -3.0, 0.5},
                      {6, 3});
}
Tensor targets() { return Tensor::from({1, 0, 1, 0, 1, 0, 0, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0}, {6, 3}); }

TEST(Tags, MeanAveragePrecisionAsScikitLearn) {
  const MetricPtr map = make_metric("map", {"a", "b", "c"});
  map->update(logits(), targets());
  EXPECT_NEAR(map->values().at("map.a"), 0.8666666666666667, 1e-9);
  EXPECT_NEAR(map->values().at("map.b"), 0.9166666666666665, 1e-9);
  EXPECT_NEAR(map->values().at("map.c"), 0.7, 1e-9);
  EXPECT_NEAR(map->value(), 0.8277777777777778, 1e-9);
  map->reset();
  EXPECT_THROW(map->value(), Error);
  // A tag that nothing has does not count.
  map->update(Tensor::from({1, 0, 1, -1, 1, 0}, {2, 3}), Tensor::from({1, 0, 0, 0, 0, 1}, {2, 3}));
  EXPECT_EQ(map->values().count("map.b"), 0u);
  EXPECT_NEAR(map->value(), 0.75, 1e-9);
}

TEST(Tags, ThresholdsAreThoseOfTheBestF1) {
  const std::vector<double> thresholds = best_thresholds(logits(), targets());
  ASSERT_EQ(thresholds.size(), 3u);
  // By hand: tag a is best with {2.0, 1.1} (F1 0.8), b with all from −0.4 on (6/7), c with all from 0.0 on (0.75).
  const auto p = [](double z) { return 1 / (1 + std::exp(-z)); };
  EXPECT_NEAR(thresholds[0], (p(1.1) + p(0.3)) / 2, 1e-6);
  EXPECT_NEAR(thresholds[1], (p(-0.4) + p(-1.0)) / 2, 1e-6);
  EXPECT_NEAR(thresholds[2], (p(0.0) + p(-2.0)) / 2, 1e-6);
  const TagScores tuned = scores_at(logits(), targets(), thresholds);
  EXPECT_NEAR(tuned.f1_macro, (0.8 + 6.0 / 7 + 0.75) / 3, 1e-9);
  EXPECT_NEAR(tuned.f1_micro, 2.0 * 8 / (2 + 4 + 5 + 9), 1e-9);
  // No brute force does better.
  for (int i = 0; i < 1000; ++i) {
    EXPECT_LE(scores_at(logits(), targets(), {i / 1000.0, thresholds[1], thresholds[2]}).f1_macro,
              tuned.f1_macro + 1e-12);
    EXPECT_LE(scores_at(logits(), targets(), {thresholds[0], i / 1000.0, thresholds[2]}).f1_macro,
              tuned.f1_macro + 1e-12);
  }
  EXPECT_EQ(best_thresholds(Tensor::from({3, 1}, {1, 2}), Tensor::from({0, 0}, {1, 2})),
            (std::vector<double>{0.5, 0.5}));
  EXPECT_THROW(scores_at(logits(), targets(), {0.5}), Error);
}

}  // namespace
}  // namespace lamina::metrics
