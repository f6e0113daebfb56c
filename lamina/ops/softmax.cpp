#include "lamina/ops/softmax.h"

#include "lamina/core/error.h"
#include "lamina/engine/dispatch.h"
#include "lamina/engine/op_list.h"
#include "lamina/ops/create.h"
#include "lamina/ops/index.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/pointwise.h"
#include "lamina/ops/reduce.h"
#include "lamina/ops/softmax_attrs.h"

namespace lamina {

namespace {

Metas infer_same(std::span<const Meta> in, const Attrs&) { return {Meta(in[0].dtype, in[0].shape)}; }

Metas infer_cross_entropy(std::span<const Meta> in, const Attrs&) {
  const Meta &logits = in[0], &target = in[1];
  const bool fits = logits.rank() == 2 && target.rank() == 1 && target.shape[0] == logits.shape[0] &&
                    (target.dtype == DType::i64 || target.dtype == DType::i32);
  if (!fits) {
    throw Error("cross_entropy", "expected logits [n, classes] and integer targets [n]")
        .detail("logits " + logits.str())
        .detail("target " + target.str());
  }
  return {Meta(logits.dtype, target.shape)};
}

int axis_of(const VjpCtx& c) { return static_cast<int>(c.attrs.as<SoftmaxAttrs>().axis); }

Tensors softmax_vjp(const VjpCtx& c) {
  const Tensor &y = c.out[0], &g = c.grads[0];
  return {y * (g - sum(g * y, {axis_of(c)}, true))};
}

Tensors log_softmax_vjp(const VjpCtx& c) {
  const Tensor& g = c.grads[0];
  return {g - exp(c.out[0]) * sum(g, {axis_of(c)}, true)};
}

Tensors cross_entropy_vjp(const VjpCtx& c) {
  const Tensor &logits = c.in[0], &target = c.in[1];
  const Tensor counted = cast(ge(target, 0.0), logits.dtype());
  const Tensor g = unsqueeze(c.grads[0] * counted, 1);
  return {(softmax(logits, 1) - one_hot(target, logits.size(1), logits.dtype())) * g, {}};
}

Tensors cross_entropy_composed(const Tensors& in, const Attrs&) {
  const Tensor &logits = in[0], &target = in[1];
  const Tensor safe = unsqueeze(where(ge(target, 0.0), target, 0.0), 1);
  const Tensor picked = squeeze(gather(log_softmax(logits, 1), 1, safe), 1);
  return {where(ge(target, 0.0), -picked, 0.0)};
}

double softmax_flops(std::span<const Meta> in, std::span<const Meta>, const Attrs&) {
  return 5.0 * static_cast<double>(in[0].numel());
}

Tensor as_float(const Tensor& x) { return is_floating(x.dtype()) ? x : cast(x, DType::f32); }

}  // namespace

const OpDef softmax_def{.name = "softmax",
                        .infer = infer_same,
                        .gradient = Vjp{softmax_vjp},
                        .traits = {.saves = Saves::outputs},
                        .flops = softmax_flops,
                        .onnx = {"Softmax", 13}};
const OpDef log_softmax_def{.name = "log_softmax",
                            .infer = infer_same,
                            .gradient = Vjp{log_softmax_vjp},
                            .traits = {.saves = Saves::outputs},
                            .flops = softmax_flops,
                            .onnx = {"LogSoftmax", 13}};
const OpDef cross_entropy_rows_def{.name = "cross_entropy_rows",
                                   .infer = infer_cross_entropy,
                                   .gradient = Vjp{cross_entropy_vjp},
                                   .decompose = cross_entropy_composed,
                                   .traits = {.saves = Saves::inputs},
                                   .flops = softmax_flops};

Tensor softmax(const Tensor& x, int axis) {
  return dispatch1(OpId::softmax, {as_float(x)}, SoftmaxAttrs{normalize_axis(axis, x.rank(), "softmax")});
}
Tensor log_softmax(const Tensor& x, int axis) {
  return dispatch1(OpId::log_softmax, {as_float(x)}, SoftmaxAttrs{normalize_axis(axis, x.rank(), "log_softmax")});
}
Tensor cross_entropy_rows(const Tensor& logits, const Tensor& target) {
  return dispatch1(OpId::cross_entropy_rows, {as_float(logits), target});
}

}  // namespace lamina
