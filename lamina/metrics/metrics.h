// All metrics. Predictions are the raw outputs of a network, targets what the data set gives:
//
//   classes  predictions [n, classes] logits, or [n] or [n, 1] (one logit: class 1 where it is above 0);
//            targets [n] class ids (i64, i32, u8, bool; also 0/1 in f32 beside one logit).
//            [n, classes, …] with targets [n, …] counts every place. Negative ids are left out.
//   tags     predictions and targets [n, tags], targets f32 of 0 and 1; a tag is set where its logit is above 0.
//   values   predictions and targets of equal size, [n] or [n, outputs].
//   pictures predictions and targets [n, channels, height, width] with values in [0, 1].
//
// All are exact: fed batch by batch they give what one call with all examples gives. NaN predictions and shapes that
// do not fit are an Error; so is value() before any example came.
#pragma once

#include <span>

#include "lamina/metrics/metric.h"

namespace lamina::metrics {

using Names = std::vector<std::string>;

/// Share of right classes; of tags, share of right tags.
MetricPtr accuracy();
/// Share of examples whose class is among the k largest outputs.
MetricPtr top_k(int64_t k);

/// How classes are joined into one figure ("f1" is the macro mean, "f1_micro", "f1_weighted"): `micro` counts all
/// decisions alike, `macro` is the plain mean over the classes that occur in targets or predictions, `weighted` the
/// mean weighted by how often a class is in the targets.
enum class Average { micro, macro, weighted };
/// TP / (TP + FP); 0 where a class is never predicted. values() has one entry per class.
MetricPtr precision(Average average = Average::macro, Names classes = {});
/// TP / (TP + FN).
MetricPtr recall(Average average = Average::macro, Names classes = {});
/// 2·TP / (2·TP + FP + FN).
MetricPtr f1(Average average = Average::macro, Names classes = {});
/// table(): counts [true, predicted], i64. value(): the share on the diagonal; not among values().
MetricPtr confusion_matrix(Names classes = {});

/// Area under the ROC curve, ties counted half (Mann–Whitney). More than two classes: the mean over one-vs-rest areas
/// of the softmax; tags: the mean over tags. Keeps every score: 8·classes bytes per example.
MetricPtr roc_auc(Names classes = {});
/// "map": the mean over tags of the average precision Σ (Rₙ − Rₙ₋₁)·Pₙ over falling thresholds, as scikit-learn has it
/// (no interpolation); tags that no example has do not count. Keeps every score.
MetricPtr mean_average_precision(Names tags = {});
/// Mean of −log p(target) in nats, p from softmax (one logit or tags: sigmoid).
MetricPtr log_loss();

/// Mean of |prediction − target|. Here and below, values() has an entry per output where there are several.
MetricPtr mae(Names outputs = {});
/// Mean of (prediction − target)².
MetricPtr mse(Names outputs = {});
/// √mse of each output, averaged over outputs.
MetricPtr rmse(Names outputs = {});
/// 1 − Σ(t − p)² / Σ(t − mean t)², averaged over outputs; for constant targets 1 if all are met, else 0.
MetricPtr r2(Names outputs = {});

/// Peak signal-to-noise ratio in dB, −10·log₁₀ of the mean squared error of each picture, averaged over pictures. Equal
/// pictures count 100 dB.
MetricPtr psnr();
/// Mean squared error of each picture, its values times `scale`, averaged over pictures. By name it is `mse`, which is
/// per output.
MetricPtr picture_mse(double scale = 1);
/// Structural similarity (Wang et al. 2004): Gaussian windows of 11×11 pixels with σ = 1.5 that lie within the picture,
/// K₁ = 0.01, K₂ = 0.03; averaged over windows, channels and pictures. Smaller pictures are an Error.
MetricPtr ssim();

/// Of clusters and classes, one each per example. purity: the share of examples in the most frequent class of their
/// cluster. nmi: mutual information over the mean of the two entropies (Strehl and Ghosh 2002, with the arithmetic
/// mean). Both lie in [0, 1]. Throw Error where the sizes differ or are 0.
double purity(std::span<const int64_t> clusters, std::span<const int64_t> classes);
double nmi(std::span<const int64_t> clusters, std::span<const int64_t> classes);

}  // namespace lamina::metrics
