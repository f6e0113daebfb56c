#include "lamina/ops/ctc.h"

#include <limits>
#include <string>

#include "lamina/core/error.h"
#include "lamina/engine/dispatch.h"
#include "lamina/engine/grad.h"
#include "lamina/engine/op_list.h"
#include "lamina/ops/create.h"
#include "lamina/ops/index.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/pointwise.h"
#include "lamina/ops/reduce.h"

namespace lamina {

namespace {

/// Stands for log 0, so that differences stay finite.
constexpr double kNever = -1e30;

/// log(eᵃ + eᵇ + …).
Tensor log_add(const Tensors& terms) { return logsumexp(stack(terms), {0}); }

/// Moved `by` places to the right along axis 1.
Tensor shifted(const Tensor& x, int64_t by) { return slice(pad(x, {0, by}, {0, 0}, kNever), 1, 0, x.size(1)); }

/// blank, label, blank, label, …, blank: [n, 2·most + 1]; behind the target only blanks.
Tensor extended(const Tensor& targets, const Tensor& lengths, int64_t blank) {
  const int64_t n = targets.size(0), most = targets.size(1);
  const Tensor end = full({n, 1}, static_cast<double>(blank), DType::i64);
  if (most == 0) return end;
  const Tensor place = reshape(arange(0, static_cast<double>(most), 1, DType::i64), {1, most});
  const Tensor labels = where(lt(place, unsqueeze(lengths, 1)), targets, static_cast<double>(blank));
  const Tensor blanks = full({n, most}, static_cast<double>(blank), DType::i64);
  return concat({reshape(stack({blanks, labels}, 2), {n, 2 * most}), end}, 1);
}

/// The recursion of the forward variables, on all samples at once.
Tensors ctc_composed(const Tensors& in, const Attrs& attrs) {
  const auto& a = attrs.as<CtcAttrs>();
  const Tensor &x = in[0], &input_lengths = in[2], &target_lengths = in[3];
  const int64_t frames = x.size(0), n = x.size(1);
  const Tensor labels = extended(in[1], target_lengths, a.blank);
  const int64_t states = labels.size(1);
  const Tensor emitted = gather(x, 2, contiguous(expand(unsqueeze(labels, 0), {frames, n, states})));
  const Tensor may_skip = logical_and(ne(labels, contiguous(shifted(cast(labels, x.dtype()), 2))),
                                      ne(labels, static_cast<double>(a.blank)));
  const Tensor start = lt(reshape(arange(0, static_cast<double>(states), 1, DType::i64), {1, states}), 2.0);
  Tensor alpha = where(expand(start, {n, states}), select(emitted, 0, 0), kNever);
  for (int64_t t = 1; t < frames; ++t) {
    const Tensor skipping = where(may_skip, shifted(alpha, 2), kNever);
    const Tensor next = select(emitted, 0, t) + log_add({alpha, shifted(alpha, 1), skipping});
    alpha = where(unsqueeze(gt(input_lengths, static_cast<double>(t)), 1), next, alpha);
  }
  const Tensor last = target_lengths * 2.0;
  const Tensor label = squeeze(gather(alpha, 1, unsqueeze(maximum(last - 1.0, zeros_like(last)), 1)), 1);
  const Tensor loss =
      -log_add({squeeze(gather(alpha, 1, unsqueeze(last, 1)), 1), where(gt(target_lengths, 0.0), label, kNever)});
  const Tensor nothing = le(input_lengths, 0.0);  // no frames fit the empty target, and no other
  const Tensor whole = where(nothing, where(gt(target_lengths, 0.0), full({n}, -kNever, x.dtype()), 0.0), loss);
  const double otherwise = a.zero_infinity ? 0.0 : std::numeric_limits<double>::infinity();
  return {where(gt(whole, -kNever / 2), otherwise, whole)};
}

Tensors ctc_vjp(const VjpCtx& c) {
  Tensors in = c.in;
  in.push_back(c.grads[0]);
  return {dispatch1(OpId::ctc_loss_backward, in, c.attrs), {}, {}, {}};
}

Tensors ctc_backward_composed(const Tensors& in, const Attrs& attrs) {
  return grad([&](const Tensors& at) { return sum(ctc_composed({at[0], in[1], in[2], in[3]}, attrs)[0] * in[4]); },
              {in[0]});
}

void check(std::span<const Meta> in, const Attrs& attrs) {
  const Meta& x = in[0];
  const bool numbers = in[1].dtype == DType::i64 && in[2].dtype == DType::i64 && in[3].dtype == DType::i64;
  const int64_t n = x.rank() == 3 ? x.shape[1] : 0;
  const bool fits = is_floating(x.dtype) && x.rank() == 3 && in[1].rank() == 2 && in[1].shape[0] == n &&
                    in[2].shape == Shape{n} && in[3].shape == Shape{n} && numbers;
  if (!fits) {
    throw Error("ctc_loss", "expected log_probs [frames, n, classes], and integers: targets [n, most], lengths [n]")
        .detail("log_probs      " + x.str())
        .detail("targets        " + in[1].str())
        .detail("input_lengths  " + in[2].str())
        .detail("target_lengths " + in[3].str());
  }
  const int64_t blank = attrs.as<CtcAttrs>().blank;
  if (blank < 0 || blank >= x.shape[2]) {
    throw Error("ctc_loss", "blank " + std::to_string(blank) + " is not a class").detail("log_probs " + x.str());
  }
  if (x.shape[0] < 1) throw Error("ctc_loss", "needs at least one frame").detail("log_probs " + x.str());
}

Metas infer_ctc(std::span<const Meta> in, const Attrs& attrs) {
  check(in, attrs);
  return {Meta(in[0].dtype, in[2].shape)};
}

Metas infer_ctc_backward(std::span<const Meta> in, const Attrs& attrs) {
  check(in, attrs);
  if (in[4].shape != in[2].shape || in[4].dtype != in[0].dtype) {
    throw Error("ctc_loss_backward",
                "the gradient must be " + Meta(in[0].dtype, in[2].shape).str() + ", got " + in[4].str());
  }
  return {Meta(in[0].dtype, in[0].shape)};
}

}  // namespace

const OpDef ctc_loss_def{.name = "ctc_loss",
                         .infer = infer_ctc,
                         .gradient = Vjp{ctc_vjp},
                         .decompose = ctc_composed,
                         .traits = {.saves = Saves::inputs}};
// The inputs of ctc_loss, then the gradient of the loss [n] → gradient of log_probs.
const OpDef ctc_loss_backward_def{.name = "ctc_loss_backward",
                                  .infer = infer_ctc_backward,
                                  .gradient = ByDecomposition{},
                                  .decompose = ctc_backward_composed,
                                  .traits = {.saves = Saves::inputs}};

Tensor ctc_loss(const Tensor& log_probs, const Tensor& targets, const Tensor& input_lengths,
                const Tensor& target_lengths, const CtcAttrs& options) {
  const auto whole = [](const Tensor& t, const char* name) {
    if (!is_integral(t.dtype()))
      throw Error("ctc_loss", std::string(name) + " must be integers, got " + t.meta().str());
    return cast(t, DType::i64);
  };
  const Tensor x = log_probs.dtype() == DType::f64 ? log_probs : cast(log_probs, DType::f32);
  const Tensors in{x, whole(targets, "targets"), whole(input_lengths, "input_lengths"),
                   whole(target_lengths, "target_lengths")};
  return dispatch1(OpId::ctc_loss, in, options);
}

}  // namespace lamina
