#include "lamina/nn/loss.h"

#include <cstdio>
#include <limits>

#include "lamina/core/error.h"
#include "lamina/ops/ops.h"

namespace lamina {

namespace loss {

namespace {

// Below the smallest normal number a logarithm would flush or overflow.
constexpr double kTiny = 1.2e-38;

Tensor reduce(const Tensor& losses, Reduction reduction) {
  switch (reduction) {
    case Reduction::mean:
      return mean(losses);
    case Reduction::sum:
      return sum(losses);
    case Reduction::none:
      break;
  }
  return losses;
}

[[noreturn]] void fail(const char* name, const std::string& message, const Tensor& p, const Tensor& t) {
  throw Error(name, message).detail("prediction " + p.meta().str()).detail("target     " + t.meta().str());
}

/// The target in the dtype and shape of the prediction; a target [n] fits a prediction [n, 1].
Tensor matched(const Tensor& p, const Tensor& t, const char* name) {
  if (!is_floating(p.dtype())) fail(name, "the prediction must be floating", p, t);
  const bool column = p.rank() == 2 && p.size(1) == 1 && t.rank() == 1 && t.size(0) == p.size(0);
  if (!column && p.shape() != t.shape()) fail(name, "prediction and target differ in shape", p, t);
  return cast(column ? reshape(t, p.shape()) : t, p.dtype());
}

Tensor weights_for(const std::vector<double>& weights, int64_t classes, const Tensor& like, const char* name) {
  if (static_cast<int64_t>(weights.size()) != classes) {
    throw Error(name, "expected " + std::to_string(classes) + " class weights, got " + std::to_string(weights.size()));
  }
  return Tensor::from(weights, {classes}, like.dtype());
}

/// Scores [n, classes, …] as rows [n·…, classes].
Tensor as_rows(const Tensor& scores) {
  if (scores.rank() == 2) return scores;
  Dims order{0};
  for (int i = 2; i < scores.rank(); ++i) order.push_back(i);
  order.push_back(1);
  return reshape(permute(scores, order), {-1, scores.size(1)});
}

void check_class_targets(const Tensor& p, const Tensor& t, const char* name) {
  Shape expected = p.shape();
  if (p.rank() < 2) fail(name, "expects scores [n, classes] or [n, classes, …]", p, t);
  expected.erase(1);
  if (!is_integral(t.dtype()) || t.shape() != expected) {
    fail(name, "expects integer targets " + expected.str(), p, t);
  }
}

/// What rows with class numbers need besides their scores.
struct ClassTargets {
  Tensor ids;     // i64 [rows], negative where a row does not count
  Tensor counts;  // [rows]: 1, or 0 where it does not
  Tensor weight;  // [rows]: counts times the class weight

  /// Numbers that can be looked up.
  Tensor safe_ids() const { return maximum(ids, full({}, 0, DType::i64)); }
};

ClassTargets class_targets(const Tensor& target, const Tensor& rows, const std::vector<double>& class_weights,
                           int64_t ignore_index, const char* name) {
  ClassTargets c;
  c.ids = reshape(cast(target, DType::i64), {-1});
  if (ignore_index >= 0) c.ids = where(eq(c.ids, static_cast<double>(ignore_index)), -1.0, c.ids);
  c.counts = c.weight = cast(ge(c.ids, 0.0), rows.dtype());
  if (!class_weights.empty()) {
    const Tensor weights = weights_for(class_weights, rows.size(1), rows, name);
    c.weight = index_select(weights, 0, c.safe_ids()) * c.counts;
  }
  return c;
}

/// Losses [rows], weighted already: their sum over the sum of weights (0 where nothing counts), sum, or all in the
/// target's shape.
Tensor reduce_rows(const Tensor& losses, const Tensor& weight, const Shape& shape, Reduction reduction) {
  if (reduction == Reduction::none) return reshape(losses, shape);
  if (reduction == Reduction::sum) return sum(losses);
  return sum(losses) / maximum(sum(weight), full({}, kTiny, losses.dtype()));
}

Tensor pick(const Tensor& rows, const Tensor& ids) {
  return reshape(gather(rows, 1, unsqueeze(ids, 1)), {rows.size(0)});
}

/// Probabilities as targets: −Σ w·t·log softmax, over the number of rows.
Tensor soft_cross_entropy(const Tensor& logits, const Tensor& target, const CrossEntropyOptions& o) {
  const double classes = static_cast<double>(logits.size(1));
  Tensor t = as_rows(cast(target, logits.dtype()));
  if (o.label_smoothing > 0) t = t * (1 - o.label_smoothing) + o.label_smoothing / classes;
  Tensor terms = t * log_softmax(as_rows(logits), 1);
  if (!o.class_weights.empty()) {
    terms = terms * weights_for(o.class_weights, logits.size(1), logits, "cross_entropy");
  }
  Shape shape = logits.shape();
  shape.erase(1);
  return reduce(reshape(-sum(terms, {1}), shape), o.reduction);
}

/// Smoothed class numbers: (1 − s)·(−log softmax[t]) + s/classes·Σ −w·log softmax.
Tensor smoothed_cross_entropy(const Tensor& rows, const ClassTargets& c, const CrossEntropyOptions& o) {
  const Tensor log_p = log_softmax(rows, 1);
  const Tensor hard = -pick(log_p, c.safe_ids()) * c.weight;
  Tensor terms = log_p;
  if (!o.class_weights.empty()) terms = terms * weights_for(o.class_weights, rows.size(1), rows, "cross_entropy");
  const Tensor even = -sum(terms, {1}) * c.counts;
  return hard * (1 - o.label_smoothing) + even * (o.label_smoothing / static_cast<double>(rows.size(1)));
}

/// max(0, margin − score of the target + score) for every other class, [n, classes].
Tensor margins(const Tensor& p, const Tensor& t, const HingeOptions& o, const char* name) {
  if (p.rank() != 2) fail(name, "expects scores [n, classes]", p, t);
  check_class_targets(p, t, name);
  const Tensor ids = cast(t, DType::i64);
  const Tensor own = gather(p, 1, unsqueeze(ids, 1));
  return masked_fill(relu(p - own + o.margin), one_hot(ids, p.size(1), DType::boolean), 0);
}

Tensor signed_margin(const Tensor& p, const Tensor& t, const HingeOptions& o, const char* name) {
  return relu(o.margin - matched(p, t, name) * p);
}

/// Member i of pairs or triples [n, members, dim].
Tensor member(const Tensor& p, const Tensor& t, int64_t members, int64_t i, const char* name) {
  if (p.rank() != 3 || p.size(1) != members) {
    fail(name, "expects a prediction [n, " + std::to_string(members) + ", dim]", p, t);
  }
  return select(p, 1, i);
}

}  // namespace

namespace detail {

Tensor mse(const Tensor& p, const Tensor& t, const PlainOptions& o) {
  return reduce(square(p - matched(p, t, "mse")), o.reduction);
}

Tensor mae(const Tensor& p, const Tensor& t, const PlainOptions& o) {
  return reduce(abs(p - matched(p, t, "mae")), o.reduction);
}

Tensor huber(const Tensor& p, const Tensor& t, const HuberOptions& o) {
  if (!(o.delta > 0)) throw Error("huber", "delta must be above 0, got " + std::to_string(o.delta));
  const Tensor d = p - matched(p, t, "huber"), size = abs(d);
  return reduce(where(le(size, o.delta), square(d) * 0.5, (size - o.delta / 2) * o.delta), o.reduction);
}

Tensor smooth_l1(const Tensor& p, const Tensor& t, const SmoothL1Options& o) {
  if (!(o.beta >= 0)) throw Error("smooth_l1", "beta must be 0 or more, got " + std::to_string(o.beta));
  const Tensor d = p - matched(p, t, "smooth_l1"), size = abs(d);
  if (o.beta == 0) return reduce(size, o.reduction);
  return reduce(where(lt(size, o.beta), square(d) * (0.5 / o.beta), size - o.beta / 2), o.reduction);
}

Tensor bce(const Tensor& p, const Tensor& t, const BceOptions& o) {
  const Tensor target = matched(p, t, "bce");
  // The inner clamp keeps the gradient finite where the logarithm is cut.
  const auto safe_log = [](const Tensor& q) {
    return where(gt(q, kTiny), log(clamp(q, kTiny, std::numeric_limits<double>::infinity())), -100.0);
  };
  return reduce(-(target * safe_log(p) + (1.0 - target) * safe_log(1.0 - p)), o.reduction);
}

Tensor bce_with_logits(const Tensor& p, const Tensor& t, const BceWithLogitsOptions& o) {
  const Tensor target = matched(p, t, "bce_with_logits");
  Tensor positive = softplus(-p);
  if (o.pos_weight.size() == 1) {
    positive = positive * (target * (o.pos_weight[0] - 1) + 1.0);
  } else if (!o.pos_weight.empty()) {
    const Tensor w = weights_for(o.pos_weight, p.size(-1), p, "bce_with_logits");
    positive = positive * (target * (w - 1.0) + 1.0);
  }
  return reduce((1.0 - target) * p + positive, o.reduction);
}

Tensor cross_entropy(const Tensor& p, const Tensor& t, const CrossEntropyOptions& o) {
  if (!(o.label_smoothing >= 0 && o.label_smoothing < 1)) {
    throw Error("cross_entropy", "label_smoothing must lie in [0, 1), got " + std::to_string(o.label_smoothing));
  }
  if (p.rank() >= 2 && is_floating(t.dtype()) && t.shape() == p.shape()) return soft_cross_entropy(p, t, o);
  check_class_targets(p, t, "cross_entropy");
  const Tensor rows = as_rows(p);
  const ClassTargets c = class_targets(t, rows, o.class_weights, o.ignore_index, "cross_entropy");
  Tensor losses;
  if (o.label_smoothing > 0) {
    losses = smoothed_cross_entropy(rows, c, o);
  } else {
    losses = cross_entropy_rows(rows, c.ids);  // 0 where a row does not count
    if (!o.class_weights.empty()) losses = losses * c.weight;
  }
  return reduce_rows(losses, c.weight, t.shape(), o.reduction);
}

Tensor nll(const Tensor& p, const Tensor& t, const NllOptions& o) {
  check_class_targets(p, t, "nll");
  const Tensor rows = as_rows(p);
  const ClassTargets c = class_targets(t, rows, o.class_weights, o.ignore_index, "nll");
  return reduce_rows(-pick(rows, c.safe_ids()) * c.weight, c.weight, t.shape(), o.reduction);
}

Tensor kl_div(const Tensor& p, const Tensor& t, const KlDivOptions& o) {
  const Tensor target = matched(p, t, "kl_div");
  const Tensor losses = o.log_target ? exp(target) * (target - p)
                                     : where(gt(target, 0.0), target * log(clamp(target, kTiny, 1)), 0.0) - target * p;
  if (o.reduction == Reduction::mean && o.batch_mean) {
    if (p.rank() == 0) fail("kl_div", "the mean over the batch needs a batch axis", p, t);
    return sum(losses) / static_cast<double>(p.size(0));
  }
  return reduce(losses, o.reduction);
}

Tensor hinge(const Tensor& p, const Tensor& t, const HingeOptions& o) {
  return reduce(signed_margin(p, t, o, "hinge"), o.reduction);
}

Tensor squared_hinge(const Tensor& p, const Tensor& t, const HingeOptions& o) {
  return reduce(square(signed_margin(p, t, o, "squared_hinge")), o.reduction);
}

Tensor multiclass_hinge(const Tensor& p, const Tensor& t, const HingeOptions& o) {
  return reduce(sum(margins(p, t, o, "multiclass_hinge"), {1}), o.reduction);
}

Tensor squared_multiclass_hinge(const Tensor& p, const Tensor& t, const HingeOptions& o) {
  return reduce(sum(square(margins(p, t, o, "squared_multiclass_hinge")), {1}), o.reduction);
}

Tensor cosine_embedding(const Tensor& p, const Tensor& t, const CosineEmbeddingOptions& o) {
  constexpr const char* kName = "cosine_embedding";
  const Tensor a = member(p, t, 2, 0, kName), b = member(p, t, 2, 1, kName);
  if (t.shape() != Shape{p.size(0)}) fail(kName, "expects a target [n] of −1 and 1", p, t);
  constexpr double kEps = 1e-12;  // PyTorch's
  const Tensor lengths = (sum(square(a), {1}) + kEps) * (sum(square(b), {1}) + kEps);
  const Tensor cosine = sum(a * b, {1}) * rsqrt(lengths);
  return reduce(where(gt(t, 0.0), 1.0 - cosine, relu(cosine - o.margin)), o.reduction);
}

Tensor triplet(const Tensor& p, const Tensor& t, const TripletOptions& o) {
  constexpr const char* kName = "triplet";
  const Tensor anchor = member(p, t, 3, 0, kName);
  constexpr double kEps = 1e-6;  // PyTorch's: keeps the gradient finite for equal vectors
  const auto distance = [&](int64_t i) { return norm(anchor - member(p, t, 3, i, kName) + kEps, o.p, {1}); };
  return reduce(relu(distance(1) - distance(2) + o.margin), o.reduction);
}

Tensor focal(const Tensor& p, const Tensor& t, const FocalOptions& o) {
  if (!(o.gamma >= 0)) throw Error("focal", "gamma must be 0 or more, got " + std::to_string(o.gamma));
  const Tensor target = matched(p, t, "focal");
  const Tensor z = p * (target * 2.0 - 1.0);  // logit of the true side: log q = −softplus(−z)
  Tensor losses = softplus(-z) * exp(softplus(z) * -o.gamma);
  if (o.alpha >= 0) losses = losses * (target * (2 * o.alpha - 1) + (1 - o.alpha));
  return reduce(losses, o.reduction);
}

}  // namespace detail

namespace {

Reduction reduction_named(const std::string& name) {
  if (name == "mean") return Reduction::mean;
  if (name == "sum") return Reduction::sum;
  throw Error("reduction", "expected mean or sum, got \"" + name + "\"");
}

void require(bool holds, const char* option, const char* range, double value) {
  if (holds) return;
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  throw Error("loss", std::string(option) + " must " + range + ", got " + text);
}

void require_weights(const char* option, const std::vector<double>& weights) {
  for (const double w : weights) require(w >= 0, option, "be 0 or more", w);
}

// What can be said of options before there are data.
template <class Options>
void check(const Options&) {}
void check(const HuberOptions& o) { require(o.delta > 0, "delta", "be above 0", o.delta); }
void check(const SmoothL1Options& o) { require(o.beta >= 0, "beta", "be 0 or more", o.beta); }
void check(const BceWithLogitsOptions& o) { require_weights("pos_weight", o.pos_weight); }
void check(const NllOptions& o) { require_weights("class_weights", o.class_weights); }
void check(const HingeOptions& o) { require(o.margin > 0, "margin", "be above 0", o.margin); }
void check(const CosineEmbeddingOptions& o) {
  require(o.margin >= -1 && o.margin <= 1, "margin", "lie in [-1, 1]", o.margin);
}
void check(const CrossEntropyOptions& o) {
  require_weights("class_weights", o.class_weights);
  require(o.label_smoothing >= 0 && o.label_smoothing < 1, "label_smoothing", "lie in [0, 1)", o.label_smoothing);
}
void check(const TripletOptions& o) {
  require(o.margin >= 0, "margin", "be 0 or more", o.margin);
  require(o.p >= 1, "p", "be 1 or more", o.p);
}
void check(const FocalOptions& o) {
  require(o.alpha <= 1, "alpha", "be at most 1", o.alpha);
  require(o.gamma >= 0, "gamma", "be 0 or more", o.gamma);
}

template <const auto& loss, class Options>
std::unique_ptr<LossFn> make(FieldVisitor& visitor) {
  Options options;
  options.visit(visitor);
  check(options);
  std::string reduction = "mean";
  visitor.field("reduction", reduction);
  options.reduction = reduction_named(reduction);
  return std::make_unique<LossFn>(loss.with(options));
}

}  // namespace
}  // namespace loss

std::span<const Entry<LossFn>> loss_table() {
  using namespace loss;
  static constexpr Entry<LossFn> kTable[] = {
      {"mse", "mean squared error", make<mse, PlainOptions>},
      {"mae", "mean absolute error", make<mae, PlainOptions>},
      {"huber", "squared near zero, linear beyond delta (Huber 1964)", make<huber, HuberOptions>},
      {"smooth_l1", "Huber's loss over beta (Girshick 2015)", make<smooth_l1, SmoothL1Options>},
      {"bce", "binary cross-entropy of probabilities", make<bce, BceOptions>},
      {"bce_with_logits", "binary cross-entropy of logits", make<bce_with_logits, BceWithLogitsOptions>},
      {"cross_entropy", "softmax cross-entropy of logits", make<cross_entropy, CrossEntropyOptions>},
      {"nll", "negative log-likelihood of log-probabilities", make<nll, NllOptions>},
      {"kl_div", "Kullback–Leibler divergence from log-probabilities", make<kl_div, KlDivOptions>},
      {"hinge", "max(0, margin − t·p), t = −1 or 1", make<hinge, HingeOptions>},
      {"squared_hinge", "max(0, margin − t·p)², t = −1 or 1", make<squared_hinge, HingeOptions>},
      {"multiclass_hinge", "hinge over all wrong classes (Weston and Watkins 1999)",
       make<multiclass_hinge, HingeOptions>},
      {"squared_multiclass_hinge", "squared hinge over all wrong classes",
       make<squared_multiclass_hinge, HingeOptions>},
      {"cosine_embedding", "angle within pairs", make<cosine_embedding, CosineEmbeddingOptions>},
      {"triplet", "nearer to the positive than to the negative (Schroff et al. 2015)", make<triplet, TripletOptions>},
      {"focal", "binary cross-entropy of logits, easy examples weighted down (Lin et al. 2017)",
       make<focal, FocalOptions>},
  };
  return kTable;
}

}  // namespace lamina
