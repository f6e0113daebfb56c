#include "lamina/ops/rnn.h"

#include <functional>
#include <string>

#include "lamina/core/error.h"
#include "lamina/engine/dispatch.h"
#include "lamina/engine/grad.h"
#include "lamina/engine/op_list.h"
#include "lamina/ops/create.h"
#include "lamina/ops/matmul.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/norm.h"
#include "lamina/ops/pointwise.h"
#include "lamina/ops/reduce.h"
#include "lamina/ops/rnn_attrs.h"

namespace lamina {

bool CellExtras::any() const {
  return peephole.defined() || projection.defined() || state_mask.defined() || norm_weight.defined() ||
         cell_weight.defined();
}

// ---- one step ----------------------------------------------------------------------------------

namespace {

Tensor seen(const Tensor& h, const CellExtras& e) { return e.state_mask.defined() ? h * e.state_mask : h; }

Tensor gate_rows(const Tensor& weight, int64_t first, int64_t count) {
  const int64_t hidden = weight.size(1);
  return transpose(slice(weight, 0, first * hidden, (first + count) * hidden));
}

}  // namespace

LstmState lstm_cell(const Tensor& gates, const Tensor& weight_hh, const LstmState& state, const CellExtras& e) {
  Tensor recurrent = matmul(seen(state.h, e), transpose(weight_hh));
  if (e.norm_weight.defined()) recurrent = layer_norm(recurrent, e.norm_weight, e.norm_bias, e.norm_eps);
  Tensors g = chunk(gates + recurrent, 4, 1);
  if (e.peephole.defined()) {
    g[0] = g[0] + select(e.peephole, 0, 0) * state.c;
    g[1] = g[1] + select(e.peephole, 0, 1) * state.c;
  }
  const Tensor c = sigmoid(g[1]) * state.c + sigmoid(g[0]) * tanh(g[2]);
  if (e.peephole.defined()) g[3] = g[3] + select(e.peephole, 0, 2) * c;
  const Tensor out = e.cell_weight.defined() ? layer_norm(c, e.cell_weight, e.cell_bias, e.norm_eps) : c;
  const Tensor h = sigmoid(g[3]) * tanh(out);
  return {e.projection.defined() ? matmul(h, transpose(e.projection)) : h, c};
}

Tensor gru_cell(const Tensor& gates, const Tensor& weight_hh, const Tensor& bias_n, const Tensor& state,
                const CellExtras& e) {
  const Tensors x = chunk(gates, 3, 1), w = chunk(matmul(seen(state, e), transpose(weight_hh)), 3, 1);
  const Tensor r = sigmoid(x[0] + w[0]), z = sigmoid(x[1] + w[1]);
  const Tensor n = tanh(x[2] + r * (bias_n.defined() ? w[2] + bias_n : w[2]));
  return (1.0 - z) * n + z * state;
}

Tensor gru_reset_before_cell(const Tensor& gates, const Tensor& weight_hh, const Tensor& state, const CellExtras& e) {
  const Tensor h = seen(state, e);
  const Tensors x = chunk(gates, 3, 1), w = chunk(matmul(h, gate_rows(weight_hh, 0, 2)), 2, 1);
  const Tensor r = sigmoid(x[0] + w[0]), z = sigmoid(x[1] + w[1]);
  const Tensor n = tanh(x[2] + matmul(r * h, gate_rows(weight_hh, 2, 1)));
  return (1.0 - z) * state + z * n;
}

Tensor rnn_cell(const Tensor& gates, const Tensor& weight_hh, const Tensor& state, bool use_relu, const CellExtras& e) {
  const Tensor a = gates + matmul(seen(state, e), transpose(weight_hh));
  return use_relu ? relu(a) : tanh(a);
}

// ---- sequences, unrolled -----------------------------------------------------------------------

namespace {

/// Goes through the steps; step(t, gates of step t, states) gives the new states, of which the first is the output, and
/// whatever else is to be collected. Returns what was collected, [steps, n, …] each, then the last states.
using StepFn = std::function<Tensors(int64_t t, const Tensor& gates, const Tensors& states)>;

Tensors unroll(const Tensor& gates, const Tensor& lengths, bool reverse, Tensors states, const StepFn& step) {
  const int64_t steps = gates.size(0);
  std::vector<Tensors> collected;
  for (int64_t s = 0; s < steps; ++s) {
    const int64_t t = reverse ? steps - 1 - s : s;
    Tensors now = step(t, select(gates, 0, t), states);
    collected.resize(now.size(), Tensors(static_cast<size_t>(steps)));
    const Tensor alive = lengths.defined() ? unsqueeze(gt(lengths, static_cast<double>(t)), 1) : Tensor();
    for (size_t i = 0; i < now.size(); ++i) {
      if (i < states.size()) states[i] = alive.defined() ? where(alive, now[i], states[i]) : now[i];
      collected[i][static_cast<size_t>(t)] = alive.defined() ? where(alive, now[i], 0.0) : now[i];
    }
  }
  Tensors result;
  for (const Tensors& c : collected) result.push_back(stack(c));
  result.insert(result.end(), states.begin(), states.end());
  return result;
}

Tensor lengths_of(const Tensors& in, const Attrs& attrs, size_t at) {
  return attrs.as<RnnAttrs>().masked ? in[at] : Tensor();
}

/// in: gates, weight, h0, c0[, lengths] → y, h, c, cells, activated gates.
Tensors lstm_composed(const Tensors& in, const Attrs& attrs) {
  const Tensor weight = transpose(in[1]);
  const Tensors all = unroll(in[0], lengths_of(in, attrs, 4), attrs.as<RnnAttrs>().reverse, {in[2], in[3]},
                             [&](int64_t, const Tensor& x, const Tensors& state) {
                               const Tensors g = chunk(x + matmul(state[0], weight), 4, 1);
                               const Tensor i = sigmoid(g[0]), f = sigmoid(g[1]), n = tanh(g[2]), o = sigmoid(g[3]);
                               const Tensor c = f * state[1] + i * n;
                               return Tensors{o * tanh(c), c, concat({i, f, n, o}, 1)};
                             });
  return {all[0], all[3], all[4], all[1], all[2]};
}

/// in: gates, weight, h0, bias_n[, lengths] → y, h, and r, z, n, weight_hn·h + bias_n. `probe`, where defined, is added
/// to weight_hh·h: for its gradient.
Tensors gru_probed(const Tensors& in, const Attrs& attrs, const Tensor& probe) {
  const Tensor weight = transpose(in[1]);
  const Tensors all = unroll(in[0], lengths_of(in, attrs, 4), attrs.as<RnnAttrs>().reverse, {in[2]},
                             [&](int64_t t, const Tensor& gates, const Tensors& state) {
                               Tensor recurrent = matmul(state[0], weight);
                               if (probe.defined()) recurrent = recurrent + select(probe, 0, t);
                               const Tensors x = chunk(gates, 3, 1), w = chunk(recurrent, 3, 1);
                               const Tensor r = sigmoid(x[0] + w[0]), z = sigmoid(x[1] + w[1]), q = w[2] + in[3];
                               const Tensor n = tanh(x[2] + r * q);
                               return Tensors{(1.0 - z) * n + z * state[0], concat({r, z, n, q}, 1)};
                             });
  return {all[0], all[2], all[1]};
}

Tensors gru_composed(const Tensors& in, const Attrs& attrs) { return gru_probed(in, attrs, {}); }

/// in: gates, weight, h0[, lengths] → y, h.
Tensors rnn_composed(const Tensors& in, const Attrs& attrs) {
  const auto& a = attrs.as<RnnAttrs>();
  return unroll(
      in[0], lengths_of(in, attrs, 3), a.reverse, {in[2]},
      [&](int64_t, const Tensor& x, const Tensors& state) { return Tensors{rnn_cell(x, in[1], state[0], a.relu)}; });
}

// ---- gradients ---------------------------------------------------------------------------------

/// Of Σ outᵢ·gᵢ, out = f(in), with respect to the inputs of these numbers.
Tensors gradients(const DecomposeFn f, const Tensors& in, const Attrs& attrs, const std::vector<size_t>& of,
                  const Tensors& gs) {
  Tensors xs;
  for (const size_t i : of) xs.push_back(in[i]);
  return grad(
      [&](const Tensors& at) {
        Tensors moved = in;
        for (size_t k = 0; k < of.size(); ++k) moved[of[k]] = at[k];
        const Tensors out = f(moved, attrs);
        Tensor total;
        for (size_t i = 0; i < gs.size(); ++i) {
          if (!gs[i].defined()) continue;
          const Tensor term = sum(out[i] * gs[i]);
          total = total.defined() ? total + term : term;
        }
        return total;
      },
      xs);
}

size_t own_inputs(const Attrs& attrs, size_t without_lengths) {
  return without_lengths + (attrs.as<RnnAttrs>().masked ? 1 : 0);
}

Tensors first(const Tensors& in, size_t count) {
  return Tensors(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(count));
}

/// The state before each step, [steps, n, hidden], from those after it.
Tensor states_before(const Tensor& y, const Tensor& h0, const Tensor& lengths, bool reverse) {
  const int64_t steps = y.size(0);
  const Tensor start = unsqueeze(h0, 0);
  if (!reverse) return concat({start, slice(y, 0, 0, steps - 1)}, 0);
  const Tensor before = concat({slice(y, 0, 1, steps), start}, 0);
  if (!lengths.defined()) return before;
  // A short sample begins at its own last step.
  const Tensor t = reshape(arange(0, static_cast<double>(steps), 1, DType::i64), {steps, 1, 1});
  return where(eq(t, reshape(lengths, {1, -1, 1}) - 1.0), start, before);
}

/// Of weight_hh: one product over all steps. d [steps, n, gates], before [steps, n, hidden].
Tensor weight_gradient(const Tensor& d, const Tensor& before) {
  return matmul(transpose(reshape(d, {-1, d.size(2)})), reshape(before, {-1, before.size(2)}));
}

Tensors lstm_vjp(const VjpCtx& c) {
  Tensors result(c.in.size());
  if (c.grads[3].defined() || c.grads[4].defined()) {
    // Nobody but a test asks for gradients through what is only kept for the gradient.
    const Tensors found = gradients(lstm_composed, c.in, c.attrs, {0, 1, 2, 3}, c.grads);
    std::copy(found.begin(), found.end(), result.begin());
    return result;
  }
  Tensors in = c.in;
  in.insert(in.end(), {c.out[0], c.out[3], c.out[4], c.grad(0), c.grad(1), c.grad(2)});
  const Tensors d = dispatch(OpId::lstm_backward, in, c.attrs);
  result[0] = d[0];
  if (c.needs[1]) {
    const Tensor lengths = lengths_of(c.in, c.attrs, 4);
    result[1] = weight_gradient(d[0], states_before(c.out[0], c.in[2], lengths, c.attrs.as<RnnAttrs>().reverse));
  }
  result[2] = d[1];
  result[3] = d[2];
  return result;
}

Tensors gru_vjp(const VjpCtx& c) {
  Tensors result(c.in.size());
  if (c.grads[2].defined()) {
    const Tensors found = gradients(gru_composed, c.in, c.attrs, {0, 1, 2, 3}, c.grads);
    std::copy(found.begin(), found.end(), result.begin());
    return result;
  }
  Tensors in = c.in;
  in.insert(in.end(), {c.out[0], c.out[2], c.grad(0), c.grad(1)});
  const Tensors d = dispatch(OpId::gru_backward, in, c.attrs);
  result[0] = d[0];
  if (c.needs[1]) {
    const Tensor lengths = lengths_of(c.in, c.attrs, 4);
    result[1] = weight_gradient(d[1], states_before(c.out[0], c.in[2], lengths, c.attrs.as<RnnAttrs>().reverse));
  }
  result[2] = d[2];
  const int64_t hidden = c.in[1].size(1);
  if (c.needs[3]) result[3] = sum(slice(d[1], 2, 2 * hidden, 3 * hidden), {0, 1});
  return result;
}

Tensors rnn_vjp(const VjpCtx& c) {
  Tensors result(c.in.size()), in = c.in;
  in.insert(in.end(), {c.out[0], c.grad(0), c.grad(1)});
  const Tensors d = dispatch(OpId::rnn_backward, in, c.attrs);
  result[0] = d[0];
  if (c.needs[1]) {
    const Tensor lengths = lengths_of(c.in, c.attrs, 3);
    result[1] = weight_gradient(d[0], states_before(c.out[0], c.in[2], lengths, c.attrs.as<RnnAttrs>().reverse));
  }
  result[2] = d[1];
  return result;
}

// Of the inputs alone: what the forward pass kept follows from them.

Tensors lstm_backward_composed(const Tensors& in, const Attrs& attrs) {
  const size_t own = own_inputs(attrs, 4);
  return gradients(lstm_composed, first(in, own), attrs, {0, 2, 3}, {in[own + 3], in[own + 4], in[own + 5]});
}

Tensors gru_backward_composed(const Tensors& in, const Attrs& attrs) {
  const size_t own = own_inputs(attrs, 4);
  Tensors with_probe = first(in, own);
  with_probe.push_back(zeros(in[0].shape(), in[0].dtype()));
  const DecomposeFn f = [](const Tensors& all, const Attrs& a) {
    return gru_probed(first(all, all.size() - 1), a, all.back());
  };
  return gradients(f, with_probe, attrs, {0, own, 2}, {in[own + 2], in[own + 3]});
}

Tensors rnn_backward_composed(const Tensors& in, const Attrs& attrs) {
  const size_t own = own_inputs(attrs, 3);
  return gradients(rnn_composed, first(in, own), attrs, {0, 2}, {in[own + 1], in[own + 2]});
}

// ---- shapes ------------------------------------------------------------------------------------

void check_input(const Meta& got, const Shape& shape, const Meta& gates, const char* op, const char* name) {
  if (got.shape == shape && got.dtype == gates.dtype) return;
  throw Error(op, std::string(name) + " must be " + Meta(gates.dtype, shape).str() + ", got " + got.str())
      .detail("gates " + gates.str());
}

struct Extents {
  int64_t steps, batch, hidden;
};

/// Checks what all cells have: gates, weight, h0 and, behind the inputs of the cell, lengths.
Extents check_sequence(std::span<const Meta> in, const Attrs& attrs, const char* op, int64_t gates, size_t cell) {
  const Meta &x = in[0], &w = in[1];
  const bool fits = is_floating(x.dtype) && x.rank() == 3 && w.rank() == 2 && w.shape[0] == gates * w.shape[1] &&
                    x.shape[2] == w.shape[0] && w.dtype == x.dtype;
  if (!fits) {
    const std::string form = std::to_string(gates) + "·hidden";
    throw Error(op, "expected gates [steps, n, " + form + "] and weight [" + form + ", hidden] of one dtype")
        .detail("gates  " + x.str())
        .detail("weight " + w.str());
  }
  const Extents e{x.shape[0], x.shape[1], w.shape[1]};
  if (e.steps < 1 || e.hidden < 1) throw Error(op, "needs at least one step and one unit").detail("gates " + x.str());
  check_input(in[2], {e.batch, e.hidden}, x, op, "the initial state");
  if (attrs.as<RnnAttrs>().masked) {
    const Meta& l = in[cell];
    if (l.dtype != DType::i64 || l.shape != Shape{e.batch}) {
      throw Error(op, "lengths must be " + Meta(DType::i64, {e.batch}).str() + ", got " + l.str());
    }
  }
  return e;
}

Metas infer_lstm(std::span<const Meta> in, const Attrs& attrs) {
  const Extents e = check_sequence(in, attrs, "lstm", 4, 4);
  const DType d = in[0].dtype;
  check_input(in[3], {e.batch, e.hidden}, in[0], "lstm", "the initial cell");
  const Meta all(d, {e.steps, e.batch, e.hidden}), one(d, {e.batch, e.hidden});
  return {all, one, one, all, Meta(d, in[0].shape)};
}

Metas infer_gru(std::span<const Meta> in, const Attrs& attrs) {
  const Extents e = check_sequence(in, attrs, "gru", 3, 4);
  const DType d = in[0].dtype;
  check_input(in[3], {e.hidden}, in[0], "gru", "bias_n");
  return {Meta(d, {e.steps, e.batch, e.hidden}), Meta(d, {e.batch, e.hidden}),
          Meta(d, {e.steps, e.batch, 4 * e.hidden})};
}

Metas infer_rnn(std::span<const Meta> in, const Attrs& attrs) {
  const Extents e = check_sequence(in, attrs, "rnn", 1, 3);
  return {Meta(in[0].dtype, {e.steps, e.batch, e.hidden}), Meta(in[0].dtype, {e.batch, e.hidden})};
}

Metas infer_lstm_backward(std::span<const Meta> in, const Attrs& attrs) {
  const Extents e = check_sequence(in, attrs, "lstm_backward", 4, 4);
  const Meta one(in[0].dtype, {e.batch, e.hidden});
  return {Meta(in[0].dtype, in[0].shape), one, one};
}

Metas infer_gru_backward(std::span<const Meta> in, const Attrs& attrs) {
  const Extents e = check_sequence(in, attrs, "gru_backward", 3, 4);
  const Meta all(in[0].dtype, in[0].shape);
  return {all, all, Meta(in[0].dtype, {e.batch, e.hidden})};
}

Metas infer_rnn_backward(std::span<const Meta> in, const Attrs& attrs) {
  const Extents e = check_sequence(in, attrs, "rnn_backward", 1, 3);
  return {Meta(in[0].dtype, in[0].shape), Meta(in[0].dtype, {e.batch, e.hidden})};
}

/// The recurrent product; what is left is small beside it.
double recurrent_flops(std::span<const Meta> in, std::span<const Meta>, const Attrs&) {
  return 2.0 * static_cast<double>(in[0].numel()) * static_cast<double>(in[1].shape[1]);
}

}  // namespace

// gates [t, n, 4h], weight [4h, h], h0 [n, h], c0 [n, h][, lengths [n]] → y [t, n, h], h [n, h], c [n, h], and for the
// gradient c of all steps [t, n, h] and the gates behind their functions [t, n, 4h].
const OpDef lstm_def{.name = "lstm",
                     .infer = infer_lstm,
                     .gradient = Vjp{lstm_vjp},
                     .decompose = lstm_composed,
                     .traits = {.saves = Saves::both},
                     .flops = recurrent_flops,
                     .onnx = {"LSTM", 14}};
// The inputs of lstm, then y, all c and all gates, gradients of y, h and c → gradients of gates, h0 and c0. That of the
// weight is a product of the first with the states.
const OpDef lstm_backward_def{.name = "lstm_backward",
                              .infer = infer_lstm_backward,
                              .gradient = ByDecomposition{},
                              .decompose = lstm_backward_composed,
                              .traits = {.saves = Saves::inputs},
                              .flops = recurrent_flops};
// gates [t, n, 3h], weight [3h, h], h0 [n, h], bias_n [h][, lengths [n]] → y [t, n, h], h [n, h], and for the gradient
// r, z, n and weight_hn·h + bias_n [t, n, 4h].
const OpDef gru_def{.name = "gru",
                    .infer = infer_gru,
                    .gradient = Vjp{gru_vjp},
                    .decompose = gru_composed,
                    .traits = {.saves = Saves::both},
                    .flops = recurrent_flops,
                    .onnx = {"GRU", 14}};
// The inputs of gru, then y, all gates, gradients of y and h → gradients of gates, of weight_hh·h [t, n, 3h], of h0.
const OpDef gru_backward_def{.name = "gru_backward",
                             .infer = infer_gru_backward,
                             .gradient = ByDecomposition{},
                             .decompose = gru_backward_composed,
                             .traits = {.saves = Saves::inputs},
                             .flops = recurrent_flops};
// gates [t, n, h], weight [h, h], h0 [n, h][, lengths [n]] → y [t, n, h], h [n, h].
const OpDef rnn_def{.name = "rnn",
                    .infer = infer_rnn,
                    .gradient = Vjp{rnn_vjp},
                    .decompose = rnn_composed,
                    .traits = {.saves = Saves::both},
                    .flops = recurrent_flops,
                    .onnx = {"RNN", 14}};
// The inputs of rnn, then y, gradients of y and h → gradients of gates and h0.
const OpDef rnn_backward_def{.name = "rnn_backward",
                             .infer = infer_rnn_backward,
                             .gradient = ByDecomposition{},
                             .decompose = rnn_backward_composed,
                             .traits = {.saves = Saves::inputs},
                             .flops = recurrent_flops};

// ---- what people call --------------------------------------------------------------------------

namespace {

Tensors sequence_inputs(Tensors in, const SequenceOptions& o) {
  if (o.lengths.defined()) in.push_back(cast(o.lengths, DType::i64));
  return in;
}

RnnAttrs attrs_of(const SequenceOptions& o, bool use_relu = false) {
  return {.reverse = o.reverse, .masked = o.lengths.defined(), .relu = use_relu};
}

RnnResult unrolled(const Tensor& gates, const Tensor& h0, const SequenceOptions& o,
                   const std::function<Tensor(const Tensor&, const Tensor&)>& cell) {
  const Tensors all = unroll(gates, o.lengths, o.reverse, {h0}, [&](int64_t, const Tensor& x, const Tensors& state) {
    return Tensors{cell(x, state[0])};
  });
  return {all[0], all[1]};
}

}  // namespace

LstmResult lstm(const Tensor& gates, const Tensor& weight_hh, const LstmState& initial, const SequenceOptions& options,
                const CellExtras& extras) {
  if (!extras.any()) {
    const Tensors out =
        dispatch(OpId::lstm, sequence_inputs({gates, weight_hh, initial.h, initial.c}, options), attrs_of(options));
    return {out[0], {out[1], out[2]}};
  }
  const Tensors all = unroll(gates, options.lengths, options.reverse, {initial.h, initial.c},
                             [&](int64_t, const Tensor& x, const Tensors& state) {
                               const LstmState next = lstm_cell(x, weight_hh, {state[0], state[1]}, extras);
                               return Tensors{next.h, next.c};
                             });
  return {all[0], {all[2], all[3]}};
}

RnnResult gru(const Tensor& gates, const Tensor& weight_hh, const Tensor& bias_n, const Tensor& h0,
              const SequenceOptions& options, const CellExtras& extras) {
  if (extras.any()) {
    return unrolled(gates, h0, options,
                    [&](const Tensor& x, const Tensor& h) { return gru_cell(x, weight_hh, bias_n, h, extras); });
  }
  const Tensor bias = bias_n.defined() ? bias_n : zeros({weight_hh.size(-1)}, gates.dtype());
  const Tensors out = dispatch(OpId::gru, sequence_inputs({gates, weight_hh, h0, bias}, options), attrs_of(options));
  return {out[0], out[1]};
}

RnnResult gru_reset_before(const Tensor& gates, const Tensor& weight_hh, const Tensor& h0,
                           const SequenceOptions& options, const CellExtras& extras) {
  return unrolled(gates, h0, options,
                  [&](const Tensor& x, const Tensor& h) { return gru_reset_before_cell(x, weight_hh, h, extras); });
}

RnnResult rnn(const Tensor& gates, const Tensor& weight_hh, const Tensor& h0, bool use_relu,
              const SequenceOptions& options, const CellExtras& extras) {
  if (extras.any()) {
    return unrolled(gates, h0, options,
                    [&](const Tensor& x, const Tensor& h) { return rnn_cell(x, weight_hh, h, use_relu, extras); });
  }
  const Tensors out =
      dispatch(OpId::rnn, sequence_inputs({gates, weight_hh, h0}, options), attrs_of(options, use_relu));
  return {out[0], out[1]};
}

}  // namespace lamina
