// Recurrent layers. Names, layouts and gate order of the parameters are PyTorch's: weight_ih_l0, weight_hh_l0,
// bias_ih_l0, bias_hh_l0, …, with _reverse behind them for the second direction.
#pragma once

#include <string>
#include <vector>

#include "lamina/nn/module.h"
#include "lamina/nn/options.h"
#include "lamina/ops/rnn.h"

namespace lamina::nn {

/// [layers·directions, n, hidden], those of layer 0 first; undefined: zeros, or what the layer has learned. c: lstm
/// only, and h has the projected size there.
struct RecurrentState {
  Tensor h, c;
  /// The same values, cut from the tape: what the next window of truncated back-propagation starts from.
  RecurrentState detached() const;
};

struct RecurrentResult {
  Tensor y;              // [n, steps, directions·hidden], time first where x is; zeros behind the end of a short sample
  RecurrentState state;  // after the last step of each sample, in either direction
};

struct LstmOptions {
  Required in, hidden;
  int64_t layers = 1;
  bool bias = true;
  bool bidirectional = false;
  bool batch_first = true;     // x is [n, steps, in]; false: [steps, n, in]
  double dropout = 0;          // between layers
  bool variational = false;    // dropout between layers: one mask for all steps (Gal and Ghahramani 2016)
  double state_dropout = 0;    // of the state before each step, one mask for all steps (the same)
  std::string output = "all";  // in a list of layers: "all" steps, or the "last" states [n, directions·hidden]
  bool learn_initial = false;  // initial states are parameters h0, c0
  int64_t carry = 0;           // batch size whose last states the next call starts from, as buffers; 0: none
  int64_t projection = 0;      // size of the state (Sak et al. 2014); 0: hidden
  bool peephole = false;       // weight_ch_l0 [3, hidden]: gates see the cell (Gers et al. 2002)
  bool layer_norm = false;     // of both products and of the cell (Ba et al. 2016)
  double forget_bias = 0;      // added to the initial bias of the forget gate
  LAMINA_OPTIONS(in, hidden, layers, bias, bidirectional, batch_first, dropout, variational, state_dropout, output,
                 learn_initial, carry, projection, peephole, layer_norm, forget_bias)
};

struct GruOptions {
  Required in, hidden;
  int64_t layers = 1;
  bool bias = true;
  bool bidirectional = false;
  bool batch_first = true;  // as in LstmOptions, down to `carry`
  double dropout = 0;
  bool variational = false;
  double state_dropout = 0;
  std::string output = "all";
  bool learn_initial = false;
  int64_t carry = 0;
  bool reset_after = true;  // PyTorch's form; false: the reset before the product, h' = (1 − z)·h + z·tanh(W·[r·h, x])
  LAMINA_OPTIONS(in, hidden, layers, bias, bidirectional, batch_first, dropout, variational, state_dropout, output,
                 learn_initial, carry, reset_after)
};

struct RnnOptions {
  Required in, hidden;
  int64_t layers = 1;
  bool bias = true;
  bool bidirectional = false;
  bool batch_first = true;  // as in LstmOptions, down to `carry`
  double dropout = 0;
  bool variational = false;
  double state_dropout = 0;
  std::string output = "all";
  bool learn_initial = false;
  int64_t carry = 0;
  std::string nonlinearity = "tanh";  // or "relu"
  LAMINA_OPTIONS(in, hidden, layers, bias, bidirectional, batch_first, dropout, variational, state_dropout, output,
                 learn_initial, carry, nonlinearity)
};

namespace detail {

/// What the three have in common.
struct RecurrentConfig {
  std::string kind;
  int64_t in, hidden, gates, layers;
  bool bias, bidirectional, batch_first;
  double dropout;
  bool variational;
  double state_dropout;
  std::string output;
  bool learn_initial;
  int64_t carry;
  bool has_cell = false;
  int64_t projection = 0;
  bool peephole = false, layer_norm = false;
  double forget_bias = 0;
  int64_t state_size() const { return projection ? projection : hidden; }
  int64_t directions() const { return bidirectional ? 2 : 1; }
};

/// The parameters of one layer in one direction; undefined what it has not.
struct RecurrentWeights {
  Param weight_ih, weight_hh, bias_ih, bias_hh, weight_hr, weight_ch;
  Param norm_ih_weight, norm_ih_bias, norm_hh_weight, norm_hh_bias, norm_cell_weight, norm_cell_bias;
};

}  // namespace detail

/// What Lstm, Gru and Rnn are: layers over one or two directions, one fused op each.
class Recurrent : public Layer {
 public:
  using Layer::operator();
  /// x as the options say, lengths [n] integers (0 … steps; undefined: those of the nn::LengthsScope, else all steps).
  /// A short sample gives the numbers that it would give alone, in both directions. Throws Error that names the shapes.
  RecurrentResult operator()(const Tensor& x, const RecurrentState& state, const Tensor& lengths = {});
  /// y, or where the option `output` is "last" the last states of the uppermost layer, [n, directions·hidden].
  Tensor forward(const Tensor& x) override;
  /// Zeroes the states that the option `carry` keeps.
  void reset_state();
  void visit(ModuleVisitor& visitor) override;

 protected:
  explicit Recurrent(detail::RecurrentConfig config);

  struct Sequence {
    Tensor y, h, c;
  };
  /// One layer in one direction; x [steps, n, features].
  virtual Sequence run(const Tensor& x, const detail::RecurrentWeights& weights, const LstmState& initial,
                       const SequenceOptions& options, const CellExtras& extras) const = 0;

 private:
  RecurrentResult sequence(const Tensor& x, const RecurrentState& state, const Tensor& lengths);
  void check(const Tensor& x, const RecurrentState& state, const Tensor& lengths) const;
  LstmState initial_state(const RecurrentState& given, int64_t index, int64_t batch, DType dtype) const;
  CellExtras extras_of(const detail::RecurrentWeights& weights, int64_t batch) const;
  Tensor dropped(const Tensor& x) const;

  detail::RecurrentConfig config_;
  std::vector<detail::RecurrentWeights> weights_;  // layer by layer, the reverse direction behind the other
  Param h0_, c0_;                                  // [layers·directions, state or hidden]
  Buffer carried_h_, carried_c_;                   // [layers·directions, carry, state or hidden]
};

/// Long short-term memory. (Hochreiter and Schmidhuber 1997; Gers et al. 2000) The equations: lstm_cell in ops/rnn.h.
class Lstm final : public Recurrent {
 public:
  using Options = LstmOptions;
  explicit Lstm(LstmOptions options);
  std::string describe() const override { return json_of(options_); }
  std::unique_ptr<Module> copy() const override { return std::make_unique<Lstm>(*this); }
  std::string kind() const override { return "Lstm"; }

 protected:
  Sequence run(const Tensor& x, const detail::RecurrentWeights& weights, const LstmState& initial,
               const SequenceOptions& options, const CellExtras& extras) const override;

 private:
  LstmOptions options_;
};

/// Gated recurrent units. (Cho et al. 2014)
class Gru final : public Recurrent {
 public:
  using Options = GruOptions;
  explicit Gru(GruOptions options);
  std::string describe() const override { return json_of(options_); }
  std::unique_ptr<Module> copy() const override { return std::make_unique<Gru>(*this); }
  std::string kind() const override { return "Gru"; }

 protected:
  Sequence run(const Tensor& x, const detail::RecurrentWeights& weights, const LstmState& initial,
               const SequenceOptions& options, const CellExtras& extras) const override;

 private:
  GruOptions options_;
};

/// The plain recurrent network. (Elman 1990)
class Rnn final : public Recurrent {
 public:
  using Options = RnnOptions;
  explicit Rnn(RnnOptions options);
  std::string describe() const override { return json_of(options_); }
  std::unique_ptr<Module> copy() const override { return std::make_unique<Rnn>(*this); }
  std::string kind() const override { return "Rnn"; }

 protected:
  Sequence run(const Tensor& x, const detail::RecurrentWeights& weights, const LstmState& initial,
               const SequenceOptions& options, const CellExtras& extras) const override;

 private:
  RnnOptions options_;
};

// ---- cells: one step, for loops that feed results back -----------------------------------------

struct CellOptions {
  Required in, hidden;
  bool bias = true;
  LAMINA_OPTIONS(in, hidden, bias)
};

/// x [n, in] → h [n, hidden]. Parameters weight_ih, weight_hh, bias_ih, bias_hh.
class LstmCell final : public Layer {
 public:
  using Options = CellOptions;
  explicit LstmCell(CellOptions options);
  using Layer::operator();
  LstmState operator()(const Tensor& x, const LstmState& state);
  /// From a state of zeros.
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }
  LAMINA_FIELDS(weight_ih_, weight_hh_, bias_ih_, bias_hh_)

 private:
  CellOptions options_;
  Param weight_ih_, weight_hh_, bias_ih_, bias_hh_;
};

struct GruCellOptions {
  Required in, hidden;
  bool bias = true;
  bool reset_after = true;  // see GruOptions
  LAMINA_OPTIONS(in, hidden, bias, reset_after)
};

class GruCell final : public Layer {
 public:
  using Options = GruCellOptions;
  explicit GruCell(GruCellOptions options);
  using Layer::operator();
  Tensor operator()(const Tensor& x, const Tensor& h);
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }
  LAMINA_FIELDS(weight_ih_, weight_hh_, bias_ih_, bias_hh_)

 private:
  GruCellOptions options_;
  Param weight_ih_, weight_hh_, bias_ih_, bias_hh_;
};

struct RnnCellOptions {
  Required in, hidden;
  bool bias = true;
  std::string nonlinearity = "tanh";  // or "relu"
  LAMINA_OPTIONS(in, hidden, bias, nonlinearity)
};

class RnnCell final : public Layer {
 public:
  using Options = RnnCellOptions;
  explicit RnnCell(RnnCellOptions options);
  using Layer::operator();
  Tensor operator()(const Tensor& x, const Tensor& h);
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }
  LAMINA_FIELDS(weight_ih_, weight_hh_, bias_ih_, bias_hh_)

 private:
  RnnCellOptions options_;
  Param weight_ih_, weight_hh_, bias_ih_, bias_hh_;
};

// ---- many to one -------------------------------------------------------------------------------

/// [n, steps, …] → [n, …]: the last step of each sample (see nn::LengthsScope).
class Last final : public Layer {
 public:
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS()
};

struct PoolOverTimeOptions {
  std::string mode = "max";  // or "mean"
  LAMINA_OPTIONS(mode)
};

/// [n, steps, …] → [n, …]: the maximum or mean over the steps of each sample (see nn::LengthsScope); zeros where it has
/// none.
class PoolOverTime final : public Layer {
 public:
  using Options = PoolOverTimeOptions;
  explicit PoolOverTime(PoolOverTimeOptions options = {});
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return json_of(options_); }
  LAMINA_FIELDS()

 private:
  PoolOverTimeOptions options_;
};

}  // namespace lamina::nn
