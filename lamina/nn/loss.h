// Losses: mean over the batch unless told otherwise. Each is a function object, called with options or made into a
// LossFn with them:
//
//     loss::cross_entropy(logits, target, {.label_smoothing = 0.1})
//     train::Supervised task{net, loss::cross_entropy.with({.label_smoothing = 0.1})};
//
// p is an element of the prediction, t one of the target; the two have the same shape unless a loss says otherwise.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/core/registry.h"
#include "lamina/tensor/tensor.h"

namespace lamina {

/// (prediction, target) → one element.
using LossFn = std::function<Tensor(const Tensor& prediction, const Tensor& target)>;

namespace loss {

enum class Reduction { mean, sum, none };

/// A loss with options.
template <class Options>
struct Loss {
  Tensor (*compute)(const Tensor& prediction, const Tensor& target, const Options& options);

  Tensor operator()(const Tensor& prediction, const Tensor& target, const Options& options = {}) const {
    return compute(prediction, target, options);
  }
  LossFn with(const Options& options) const {
    return [f = compute, options](const Tensor& p, const Tensor& t) { return f(p, t, options); };
  }
};

struct PlainOptions {
  Reduction reduction = Reduction::mean;
  LAMINA_OPTIONS()
};

namespace detail {
Tensor mse(const Tensor& p, const Tensor& t, const PlainOptions& o);
Tensor mae(const Tensor& p, const Tensor& t, const PlainOptions& o);
}  // namespace detail

/// (p − t)².
inline constexpr Loss<PlainOptions> mse{detail::mse};
/// |p − t|.
inline constexpr Loss<PlainOptions> mae{detail::mae};

struct HuberOptions {
  double delta = 1;
  Reduction reduction = Reduction::mean;
  LAMINA_OPTIONS(delta)
};
struct SmoothL1Options {
  double beta = 1;
  Reduction reduction = Reduction::mean;
  LAMINA_OPTIONS(beta)
};
struct BceOptions {
  Reduction reduction = Reduction::mean;
  LAMINA_OPTIONS()
};
struct BceWithLogitsOptions {
  std::vector<double> pos_weight = {};  // of one entry, or one per class (last axis); default: 1
  Reduction reduction = Reduction::mean;
  LAMINA_OPTIONS(pos_weight)
};
struct CrossEntropyOptions {
  std::vector<double> class_weights = {};  // [classes]; the mean is then weighted, as PyTorch does
  int64_t ignore_index = -100;             // rows with this target count nowhere
  double label_smoothing = 0;              // in [0, 1): target·(1 − s) + s/classes (Szegedy et al. 2016)
  Reduction reduction = Reduction::mean;
  LAMINA_OPTIONS(class_weights, ignore_index, label_smoothing)
};
struct NllOptions {
  std::vector<double> class_weights = {};
  int64_t ignore_index = -100;
  Reduction reduction = Reduction::mean;
  LAMINA_OPTIONS(class_weights, ignore_index)
};
struct KlDivOptions {
  bool log_target = false;  // the target holds log-probabilities too
  bool batch_mean = true;   // Reduction::mean divides by the batch, which makes it the divergence; else by all elements
  Reduction reduction = Reduction::mean;
  LAMINA_OPTIONS(log_target, batch_mean)
};
struct HingeOptions {
  double margin = 1;
  Reduction reduction = Reduction::mean;
  LAMINA_OPTIONS(margin)
};
struct CosineEmbeddingOptions {
  double margin = 0;
  Reduction reduction = Reduction::mean;
  LAMINA_OPTIONS(margin)
};
struct TripletOptions {
  double margin = 1;
  double p = 2;  // of the norm
  Reduction reduction = Reduction::mean;
  LAMINA_OPTIONS(margin, p)
};
struct FocalOptions {
  double alpha = 0.25;  // weight of the positives, 1 − alpha that of the negatives; below zero: no weights
  double gamma = 2;
  Reduction reduction = Reduction::mean;
  LAMINA_OPTIONS(alpha, gamma)
};

namespace detail {
Tensor huber(const Tensor& p, const Tensor& t, const HuberOptions& o);
Tensor smooth_l1(const Tensor& p, const Tensor& t, const SmoothL1Options& o);
Tensor bce(const Tensor& p, const Tensor& t, const BceOptions& o);
Tensor bce_with_logits(const Tensor& p, const Tensor& t, const BceWithLogitsOptions& o);
Tensor cross_entropy(const Tensor& p, const Tensor& t, const CrossEntropyOptions& o);
Tensor nll(const Tensor& p, const Tensor& t, const NllOptions& o);
Tensor kl_div(const Tensor& p, const Tensor& t, const KlDivOptions& o);
Tensor hinge(const Tensor& p, const Tensor& t, const HingeOptions& o);
Tensor squared_hinge(const Tensor& p, const Tensor& t, const HingeOptions& o);
Tensor multiclass_hinge(const Tensor& p, const Tensor& t, const HingeOptions& o);
Tensor squared_multiclass_hinge(const Tensor& p, const Tensor& t, const HingeOptions& o);
Tensor cosine_embedding(const Tensor& p, const Tensor& t, const CosineEmbeddingOptions& o);
Tensor triplet(const Tensor& p, const Tensor& t, const TripletOptions& o);
Tensor focal(const Tensor& p, const Tensor& t, const FocalOptions& o);
}  // namespace detail

/// (p − t)²/2 where |p − t| ≤ delta, else delta·(|p − t| − delta/2). (Huber 1964)
inline constexpr Loss<HuberOptions> huber{detail::huber};
/// (p − t)²/(2·beta) where |p − t| < beta, else |p − t| − beta/2; beta 0 is mae. (Girshick 2015)
inline constexpr Loss<SmoothL1Options> smooth_l1{detail::smooth_l1};
/// −t·log p − (1 − t)·log(1 − p) of probabilities p in [0, 1]; logarithms are cut at −100.
inline constexpr Loss<BceOptions> bce{detail::bce};
/// −w·t·log σ(p) − (1 − t)·log(1 − σ(p)) of logits p, without overflow; w is pos_weight.
inline constexpr Loss<BceWithLogitsOptions> bce_with_logits{detail::bce_with_logits};
/// −w[t]·log softmax(p)[t]: logits [n, classes] or [n, classes, …] with i64 targets [n] or [n, …], or floating targets
/// shaped like the logits (probabilities): −Σ w[c]·t[c]·log softmax(p)[c]. The mean over rows is divided by Σ w[t].
inline constexpr Loss<CrossEntropyOptions> cross_entropy{detail::cross_entropy};
/// −w[t]·p[t] of log-probabilities p, shaped as in cross_entropy.
inline constexpr Loss<NllOptions> nll{detail::nll};
/// t·(log t − p) of log-probabilities p and probabilities t; 0 where t = 0.
inline constexpr Loss<KlDivOptions> kl_div{detail::kl_div};
/// max(0, margin − t·p), t = −1 or 1.
inline constexpr Loss<HingeOptions> hinge{detail::hinge};
/// max(0, margin − t·p)², t = −1 or 1.
inline constexpr Loss<HingeOptions> squared_hinge{detail::squared_hinge};
/// Σ over c ≠ t of max(0, margin − p[t] + p[c]): scores [n, classes], i64 targets [n]. (Weston and Watkins 1999)
inline constexpr Loss<HingeOptions> multiclass_hinge{detail::multiclass_hinge};
/// Σ over c ≠ t of max(0, margin − p[t] + p[c])².
inline constexpr Loss<HingeOptions> squared_multiclass_hinge{detail::squared_multiclass_hinge};
/// Pairs p [n, 2, dim] with t [n]: 1 − cos where t = 1, max(0, cos − margin) where t = −1.
inline constexpr Loss<CosineEmbeddingOptions> cosine_embedding{detail::cosine_embedding};
/// Triples p [n, 3, dim] (anchor, positive, negative): max(0, |a − p| − |a − n| + margin); the target is not read.
/// (Schroff et al. 2015)
inline constexpr Loss<TripletOptions> triplet{detail::triplet};
/// −α·(1 − q)^γ·log q of logits p, q = σ(p) where t = 1 and 1 − σ(p) where t = 0. (Lin et al. 2017)
inline constexpr Loss<FocalOptions> focal{detail::focal};

}  // namespace loss

/// Losses by name, for recipes: their options, and `reduction`: mean or sum.
std::span<const Entry<LossFn>> loss_table();

}  // namespace lamina
