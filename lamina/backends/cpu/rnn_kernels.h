// The gates of recurrent cells, for the CPU at hand. All in f32.
#pragma once

#include <cstdint>

namespace lamina::cpu {

/// `count` adjacent units of one sample at one step. Gates of a unit lie gate_step (product_step) apart.
struct CellRow {
  int64_t count;
  const float* product;  // weight·h
  int64_t product_step;
  const float* gates;  // from the inputs
  int64_t gate_step;
  const float* h;     // the state before
  const float* bias;  // gru: of weight_hn·h
  float* c;           // lstm: the cell, in and out
  float* y;           // the new state
  float* cell;        // lstm: the new cell again, or null
  float* kept;        // gates behind their functions (gru: and weight_hn·h + bias), or null
};

/// The same backwards.
struct CellRowGrad {
  int64_t count;
  int64_t gate_step;
  const float* g;     // of y, without what comes from the step behind
  float* dh;          // of the state, from the step behind; gru: out, the part that does not go through weight_hh
  float* dc;          // lstm: of the cell, in and out
  const float* kept;  // as above
  const float* y;     // rnn
  const float* h;     // gru: the state before
  const float* cell;  // lstm: the new cell
  const float* c;     // lstm: the cell before
  float* dgates;
  float* dhidden;  // gru: of weight_hh·h
};

struct CellKernels {
  void (*lstm)(const CellRow&);
  void (*gru)(const CellRow&);
  void (*rnn_tanh)(const CellRow&);
  void (*rnn_relu)(const CellRow&);
  void (*lstm_grad)(const CellRowGrad&);
  void (*gru_grad)(const CellRowGrad&);
  void (*rnn_tanh_grad)(const CellRowGrad&);
  void (*rnn_relu_grad)(const CellRowGrad&);
};

const CellKernels& cell_kernels();

}  // namespace lamina::cpu
