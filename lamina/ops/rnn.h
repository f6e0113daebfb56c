// Recurrent networks: one step, and whole sequences in one fused op per layer and direction. Sequences are time-major,
// [steps, n, …]. The part of the gates that comes from the inputs, x·weight_ihᵀ + biases, is computed by the caller for
// all steps at once (`linear`), so that only the part that needs the state before is left for the loop. Gates lie side
// by side in PyTorch's order.
#pragma once

#include "lamina/tensor/tensor.h"

namespace lamina {

struct SequenceOptions {
  bool reverse = false;  // from the last step to the first
  Tensor lengths = {};   // [n] i64, each 0 … steps: what lies behind gives zeros and leaves the state alone
};

/// What a cell may have besides its gates; undefined: it has not. With any of them a sequence is unrolled into other
/// ops instead of one fused op.
struct CellExtras {
  Tensor peephole = {};    // lstm: [3, hidden], what the input, forget and output gate see of the cell (Gers 2002)
  Tensor projection = {};  // lstm: [projected, hidden], the state is projection·h (Sak et al. 2014)
  Tensor state_mask = {};  // [n, hidden], multiplies the state before each step: variational dropout (Gal 2016)
  Tensor norm_weight = {}, norm_bias = {};  // lstm: [4·hidden], layer normalization of weight_hh·h (Ba et al. 2016)
  Tensor cell_weight = {}, cell_bias = {};  // lstm: [hidden], of the cell before its tanh
  double norm_eps = 1e-5;
  bool any() const;
};

struct LstmState {
  Tensor h, c;  // [n, projected or hidden], [n, hidden]
};
struct LstmResult {
  Tensor y;         // [steps, n, projected or hidden]: all h
  LstmState state;  // after the last step of each sample
};
struct RnnResult {
  Tensor y;  // [steps, n, hidden]
  Tensor h;  // [n, hidden]
};

/// i, f, g, o of gates + h·weight_hhᵀ: c' = σ(f)·c + σ(i)·tanh(g), h' = σ(o)·tanh(c'). gates [n, 4·hidden],
/// weight_hh [4·hidden, hidden]. (Hochreiter and Schmidhuber 1997; Gers et al. 2000)
LstmState lstm_cell(const Tensor& gates, const Tensor& weight_hh, const LstmState& state,
                    const CellExtras& extras = {});
/// r, z, n: h' = (1 − σ(z))·tanh(n + σ(r)·(weight_hn·h + bias_n)) + σ(z)·h: reset after the product. gates
/// [n, 3·hidden], weight_hh [3·hidden, hidden], bias_n [hidden] or undefined. (Cho et al. 2014, as cuDNN and PyTorch)
Tensor gru_cell(const Tensor& gates, const Tensor& weight_hh, const Tensor& bias_n, const Tensor& h,
                const CellExtras& extras = {});
/// The form with the reset before the product: h' = (1 − σ(z))·h + σ(z)·tanh(n + weight_hn·(σ(r)·h)).
Tensor gru_reset_before_cell(const Tensor& gates, const Tensor& weight_hh, const Tensor& h,
                             const CellExtras& extras = {});
/// h' = tanh(gates + h·weight_hhᵀ), or max(0, …). (Elman 1990)
Tensor rnn_cell(const Tensor& gates, const Tensor& weight_hh, const Tensor& h, bool relu = false,
                const CellExtras& extras = {});

/// Whole sequences. gates [steps, n, gates·hidden]; h0, c0: the state before the first step, [n, hidden]. Throws Error
/// that names the shapes, or the sample whose length is out of range.
LstmResult lstm(const Tensor& gates, const Tensor& weight_hh, const LstmState& initial,
                const SequenceOptions& options = {}, const CellExtras& extras = {});
RnnResult gru(const Tensor& gates, const Tensor& weight_hh, const Tensor& bias_n, const Tensor& h0,
              const SequenceOptions& options = {}, const CellExtras& extras = {});
RnnResult gru_reset_before(const Tensor& gates, const Tensor& weight_hh, const Tensor& h0,
                           const SequenceOptions& options = {}, const CellExtras& extras = {});
RnnResult rnn(const Tensor& gates, const Tensor& weight_hh, const Tensor& h0, bool relu = false,
              const SequenceOptions& options = {}, const CellExtras& extras = {});

}  // namespace lamina
