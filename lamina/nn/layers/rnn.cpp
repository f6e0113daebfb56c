#include "lamina/nn/layers/rnn.h"

#include <cmath>
#include <utility>

#include "lamina/core/error.h"
#include "lamina/engine/grad.h"
#include "lamina/engine/module_path.h"
#include "lamina/nn/init.h"
#include "lamina/nn/layers/check.h"
#include "lamina/nn/lengths.h"
#include "lamina/ops/create.h"
#include "lamina/ops/index.h"
#include "lamina/ops/matmul.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/norm.h"
#include "lamina/ops/pointwise.h"
#include "lamina/ops/random.h"
#include "lamina/ops/reduce.h"

namespace lamina::nn {

using detail::RecurrentConfig;
using detail::RecurrentWeights;

namespace {

void check_choice(const std::string& value, std::initializer_list<const char*> choices, const std::string& kind,
                  const char* option) {
  NameList names;
  for (const char* c : choices) {
    if (value == c) return;
    names.add(c);
  }
  throw Error(kind, std::string(option) + " must be one of " + names.str() + ", got \"" + value + "\"");
}

void check_probability(double p, const std::string& kind, const char* option) {
  if (!(p >= 0 && p < 1)) throw Error(kind, std::string(option) + " must lie in [0, 1), got " + std::to_string(p));
}

/// x·weightᵀ + the biases that need not wait for the state.
Tensor input_gates(const Tensor& x, const RecurrentWeights& w, const Tensor& bias) {
  if (!w.norm_ih_weight.defined()) return linear(x, w.weight_ih, bias);
  const Tensor y = layer_norm(linear(x, w.weight_ih), w.norm_ih_weight, w.norm_ih_bias);
  return bias.defined() ? y + bias : y;
}

Tensor both(const Tensor& bias_ih, const Tensor& bias_hh) { return bias_ih.defined() ? bias_ih + bias_hh : Tensor(); }

/// bias_ih + bias_hh for r and z, bias_ih alone for n: its other part is multiplied by r.
Tensor gru_bias(const Tensor& bias_ih, const Tensor& bias_hh) {
  if (!bias_ih.defined()) return {};
  const int64_t hidden = bias_hh.size(0) / 3;
  return bias_ih + pad(slice(bias_hh, 0, 0, 2 * hidden), {0}, {hidden});
}

Tensor gru_bias_n(const Tensor& bias_hh) {
  return bias_hh.defined() ? slice(bias_hh, 0, bias_hh.size(0) / 3 * 2, bias_hh.size(0)) : Tensor();
}

}  // namespace

RecurrentState RecurrentState::detached() const {
  return {h.defined() ? stop_gradient(h) : h, c.defined() ? stop_gradient(c) : c};
}

// ---- what the three have in common -------------------------------------------------------------

Recurrent::Recurrent(RecurrentConfig config) : config_(std::move(config)) {
  const RecurrentConfig& c = config_;
  for (const auto& [value, option] : {std::pair{c.in, "in"}, {c.hidden, "hidden"}, {c.layers, "layers"}}) {
    require_at_least(value, 1, c.kind.c_str(), option);
  }
  require_at_least(c.carry, 0, c.kind.c_str(), "carry");
  require_at_least(c.projection, 0, c.kind.c_str(), "projection");
  check_probability(c.dropout, c.kind, "dropout");
  check_probability(c.state_dropout, c.kind, "state_dropout");
  check_choice(c.output, {"all", "last"}, c.kind, "output");
  const double limit = 1 / std::sqrt(static_cast<double>(c.hidden));
  const auto draw = [&](const Shape& shape) { return Param(init::uniform(shape, -limit, limit)); };
  const int64_t rows = c.gates * c.hidden, states = c.layers * c.directions();
  for (int64_t i = 0; i < states; ++i) {
    RecurrentWeights w;
    w.weight_ih = draw({rows, i < c.directions() ? c.in : c.directions() * c.state_size()});
    w.weight_hh = draw({rows, c.state_size()});
    if (c.bias) {
      const Tensor bias = init::uniform({rows}, -limit, limit);
      for (int64_t k = 0; c.forget_bias != 0 && k < c.hidden; ++k) {
        bias.mutable_data<float>()[c.hidden + k] += static_cast<float>(c.forget_bias);
      }
      w.bias_ih = Param(bias);
      w.bias_hh = draw({rows});
    }
    if (c.projection) w.weight_hr = draw({c.projection, c.hidden});
    if (c.peephole) w.weight_ch = draw({3, c.hidden});
    if (c.layer_norm) {
      w.norm_ih_weight = Param(init::constant({rows}, 1));
      w.norm_ih_bias = Param(init::zeros({rows}));
      w.norm_hh_weight = Param(init::constant({rows}, 1));
      w.norm_hh_bias = Param(init::zeros({rows}));
      w.norm_cell_weight = Param(init::constant({c.hidden}, 1));
      w.norm_cell_bias = Param(init::zeros({c.hidden}));
    }
    weights_.push_back(std::move(w));
  }
  if (c.learn_initial) {
    h0_ = Param(init::zeros({states, c.state_size()}));
    if (c.has_cell) c0_ = Param(init::zeros({states, c.hidden}));
  }
  if (c.carry) {
    carried_h_ = Buffer(init::zeros({states, c.carry, c.state_size()}));
    if (c.has_cell) carried_c_ = Buffer(init::zeros({states, c.carry, c.hidden}));
  }
}

void Recurrent::visit(ModuleVisitor& visitor) {
  for (size_t i = 0; i < weights_.size(); ++i) {
    RecurrentWeights& w = weights_[i];
    const auto directions = static_cast<size_t>(config_.directions());
    const std::string suffix = "_l" + std::to_string(i / directions) + (i % directions ? "_reverse" : "");
    const std::pair<const char*, Param*> members[] = {{"weight_ih", &w.weight_ih},
                                                      {"weight_hh", &w.weight_hh},
                                                      {"bias_ih", &w.bias_ih},
                                                      {"bias_hh", &w.bias_hh},
                                                      {"weight_hr", &w.weight_hr},
                                                      {"weight_ch", &w.weight_ch},
                                                      {"norm_ih_weight", &w.norm_ih_weight},
                                                      {"norm_ih_bias", &w.norm_ih_bias},
                                                      {"norm_hh_weight", &w.norm_hh_weight},
                                                      {"norm_hh_bias", &w.norm_hh_bias},
                                                      {"norm_cell_weight", &w.norm_cell_weight},
                                                      {"norm_cell_bias", &w.norm_cell_bias}};
    for (const auto& [name, param] : members) {
      if (param->defined()) visitor.field(name + suffix, *param);
    }
  }
  if (h0_.defined()) visitor.field("h0", h0_);
  if (c0_.defined()) visitor.field("c0", c0_);
  if (carried_h_.defined()) visitor.field("carried_h", carried_h_);
  if (carried_c_.defined()) visitor.field("carried_c", carried_c_);
}

void Recurrent::reset_state() {
  for (const Buffer& b : {carried_h_, carried_c_}) {
    if (b.defined()) b.assign(zeros(b.value().shape(), b.value().dtype()));
  }
}

void Recurrent::check(const Tensor& x, const RecurrentState& state, const Tensor& lengths) const {
  const RecurrentConfig& c = config_;
  check_rank(x, 3, 3, c.kind, c.batch_first ? "[n, steps, in]" : "[steps, n, in]");
  check_extent(x, 2, c.in, c.kind, "inputs on the last axis", weights_[0].weight_ih);
  const int64_t batch = x.size(c.batch_first ? 0 : 1), states = c.layers * c.directions();
  if (x.size(c.batch_first ? 1 : 0) < 1) {
    throw Error(c.kind, "there are no steps in the input").detail("input " + x.meta().str());
  }
  const auto expect = [&](const Tensor& t, const Shape& shape, const char* name) {
    if (!t.defined() || t.shape() == shape) return;
    throw Error(c.kind, std::string(name) + " must be " + shape.str() + ", got " + t.meta().str())
        .detail("input " + x.meta().str());
  };
  expect(state.h, {states, batch, c.state_size()}, "the state");
  expect(state.c, {states, batch, c.hidden}, "the cell state");
  expect(lengths, {batch}, "lengths");
  if (lengths.defined() && !is_integral(lengths.dtype())) {
    throw Error(c.kind, "lengths must be integers, got " + lengths.meta().str());
  }
  if (c.carry && !state.h.defined() && batch != c.carry) {
    throw Error(c.kind,
                "carries the states of " + std::to_string(c.carry) + " samples, the input has " + std::to_string(batch))
        .detail("input " + x.meta().str())
        .hint("batches must have the size that the option carry says, or give the state with the input");
  }
}

LstmState Recurrent::initial_state(const RecurrentState& given, int64_t index, int64_t batch, DType dtype) const {
  const auto choose = [&](const Tensor& state, const Buffer& carried, const Param& learned, int64_t size) {
    if (state.defined()) return select(state, 0, index);
    if (carried.defined()) return select(carried.value(), 0, index);
    if (learned.defined()) return expand(select(learned.value(), 0, index), {batch, size});
    return zeros({batch, size}, dtype);
  };
  LstmState s;
  s.h = choose(given.h, carried_h_, h0_, config_.state_size());
  if (config_.has_cell) s.c = choose(given.c, carried_c_, c0_, config_.hidden);
  return s;
}

CellExtras Recurrent::extras_of(const RecurrentWeights& w, int64_t batch) const {
  CellExtras e{.peephole = w.weight_ch,
               .projection = w.weight_hr,
               .norm_weight = w.norm_hh_weight,
               .norm_bias = w.norm_hh_bias,
               .cell_weight = w.norm_cell_weight,
               .cell_bias = w.norm_cell_bias};
  if (is_training() && config_.state_dropout > 0) {
    e.state_mask = dropout(ones({batch, config_.state_size()}, w.weight_hh.value().dtype()), config_.state_dropout);
  }
  return e;
}

/// x [steps, n, features].
Tensor Recurrent::dropped(const Tensor& x) const {
  if (!is_training() || config_.dropout == 0) return x;
  if (!config_.variational) return dropout(x, config_.dropout);
  return x * dropout(ones({1, x.size(1), x.size(2)}, x.dtype()), config_.dropout);
}

RecurrentResult Recurrent::sequence(const Tensor& input, const RecurrentState& state, const Tensor& given) {
  check(input, state, given);
  const RecurrentConfig& c = config_;
  const int steps_axis = c.batch_first ? 1 : 0;
  const Tensor lengths = given.defined() ? given : current_lengths(input, c.kind.c_str(), steps_axis, 1 - steps_axis);
  Tensor x = c.batch_first ? transpose(input, 0, 1) : input;
  Tensors hs, cs;
  for (int64_t layer = 0; layer < c.layers; ++layer) {
    if (layer > 0) x = dropped(x);
    Tensors ys;
    for (int64_t direction = 0; direction < c.directions(); ++direction) {
      const int64_t index = layer * c.directions() + direction;
      const RecurrentWeights& w = weights_[static_cast<size_t>(index)];
      const Sequence s = run(x, w, initial_state(state, index, x.size(1), x.dtype()),
                             {.reverse = direction == 1, .lengths = lengths}, extras_of(w, x.size(1)));
      ys.push_back(s.y);
      hs.push_back(s.h);
      if (c.has_cell) cs.push_back(s.c);
    }
    x = ys.size() == 1 ? ys[0] : concat(ys, 2);
  }
  RecurrentResult result{c.batch_first ? transpose(x, 0, 1) : x, {stack(hs), c.has_cell ? stack(cs) : Tensor()}};
  if (c.carry && !state.h.defined()) {
    carried_h_.assign(stop_gradient(result.state.h));
    if (c.has_cell) carried_c_.assign(stop_gradient(result.state.c));
  }
  return result;
}

RecurrentResult Recurrent::operator()(const Tensor& x, const RecurrentState& state, const Tensor& lengths) {
  const ModulePathScope scope(name());
  try {
    return sequence(x, state, lengths);
  } catch (Error& error) {
    if (!name().empty()) error.in_module(name());
    throw;
  }
}

Tensor Recurrent::forward(const Tensor& x) {
  const RecurrentResult r = sequence(x, {}, {});
  if (config_.output == "all") return r.y;
  const int64_t directions = config_.directions(), states = r.state.h.size(0);
  const Tensor uppermost = transpose(slice(r.state.h, 0, states - directions, states), 0, 1);
  return reshape(uppermost, {uppermost.size(0), directions * config_.state_size()});
}

// ---- the three ---------------------------------------------------------------------------------

namespace {

template <class Options>
RecurrentConfig config_of(const char* kind, int64_t gates, const Options& o) {
  return {kind,          o.in,      o.hidden,      gates,           o.layers, o.bias,          o.bidirectional,
          o.batch_first, o.dropout, o.variational, o.state_dropout, o.output, o.learn_initial, o.carry};
}

RecurrentConfig lstm_config(const LstmOptions& o) {
  RecurrentConfig c = config_of("Lstm", 4, o);
  c.has_cell = true;
  c.projection = o.projection;
  c.peephole = o.peephole;
  c.layer_norm = o.layer_norm;
  c.forget_bias = o.forget_bias;
  return c;
}

}  // namespace

Lstm::Lstm(LstmOptions options) : Recurrent(lstm_config(options)), options_(std::move(options)) {}

Recurrent::Sequence Lstm::run(const Tensor& x, const RecurrentWeights& w, const LstmState& initial,
                              const SequenceOptions& options, const CellExtras& extras) const {
  const LstmResult r = lstm(input_gates(x, w, both(w.bias_ih, w.bias_hh)), w.weight_hh, initial, options, extras);
  return {r.y, r.state.h, r.state.c};
}

Gru::Gru(GruOptions options) : Recurrent(config_of("Gru", 3, options)), options_(std::move(options)) {}

Recurrent::Sequence Gru::run(const Tensor& x, const RecurrentWeights& w, const LstmState& initial,
                             const SequenceOptions& options, const CellExtras& extras) const {
  if (!options_.reset_after) {
    const RnnResult r =
        gru_reset_before(input_gates(x, w, both(w.bias_ih, w.bias_hh)), w.weight_hh, initial.h, options, extras);
    return {r.y, r.h, {}};
  }
  const RnnResult r = gru(input_gates(x, w, gru_bias(w.bias_ih, w.bias_hh)), w.weight_hh, gru_bias_n(w.bias_hh),
                          initial.h, options, extras);
  return {r.y, r.h, {}};
}

Rnn::Rnn(RnnOptions options) : Recurrent(config_of("Rnn", 1, options)), options_(std::move(options)) {
  check_choice(options_.nonlinearity, {"tanh", "relu"}, "Rnn", "nonlinearity");
}

Recurrent::Sequence Rnn::run(const Tensor& x, const RecurrentWeights& w, const LstmState& initial,
                             const SequenceOptions& options, const CellExtras& extras) const {
  const RnnResult r = rnn(input_gates(x, w, both(w.bias_ih, w.bias_hh)), w.weight_hh, initial.h,
                          options_.nonlinearity == "relu", options, extras);
  return {r.y, r.h, {}};
}

// ---- cells -------------------------------------------------------------------------------------

namespace {

void draw_cell(int64_t in, int64_t hidden, int64_t gates, bool bias, const char* kind,
               std::initializer_list<Param*> params) {
  require_at_least(in, 1, kind, "in");
  require_at_least(hidden, 1, kind, "hidden");
  const double limit = 1 / std::sqrt(static_cast<double>(hidden));
  const Shape shapes[] = {{gates * hidden, in}, {gates * hidden, hidden}, {gates * hidden}, {gates * hidden}};
  size_t i = 0;
  for (Param* p : params) {
    if (i < 2 || bias) *p = Param(init::uniform(shapes[i], -limit, limit));
    ++i;
  }
}

void check_cell(const Tensor& x, const Tensor& h, int64_t in, int64_t hidden, const char* kind) {
  check_rank(x, 2, 2, kind, "[n, in]");
  check_extent(x, 1, in, kind, "inputs on the last axis", {});
  if (h.shape() == Shape{x.size(0), hidden}) return;
  throw Error(kind, "the state must be " + Shape{x.size(0), hidden}.str() + ", got " + h.meta().str())
      .detail("input " + x.meta().str());
}

Tensor blank_state(const Tensor& x, int64_t hidden) { return zeros({x.rank() ? x.size(0) : 0, hidden}, x.dtype()); }

}  // namespace

LstmCell::LstmCell(CellOptions options) : options_(options) {
  draw_cell(options_.in, options_.hidden, 4, options_.bias, "LstmCell",
            {&weight_ih_, &weight_hh_, &bias_ih_, &bias_hh_});
}

LstmState LstmCell::operator()(const Tensor& x, const LstmState& state) {
  check_cell(x, state.h, options_.in, options_.hidden, "LstmCell");
  check_cell(x, state.c, options_.in, options_.hidden, "LstmCell");
  return lstm_cell(linear(x, weight_ih_, both(bias_ih_, bias_hh_)), weight_hh_, state);
}

Tensor LstmCell::forward(const Tensor& x) {
  const Tensor none = blank_state(x, options_.hidden);
  return (*this)(x, {none, none}).h;
}

GruCell::GruCell(GruCellOptions options) : options_(options) {
  draw_cell(options_.in, options_.hidden, 3, options_.bias, "GruCell",
            {&weight_ih_, &weight_hh_, &bias_ih_, &bias_hh_});
}

Tensor GruCell::operator()(const Tensor& x, const Tensor& h) {
  check_cell(x, h, options_.in, options_.hidden, "GruCell");
  if (!options_.reset_after) {
    return gru_reset_before_cell(linear(x, weight_ih_, both(bias_ih_, bias_hh_)), weight_hh_, h);
  }
  return gru_cell(linear(x, weight_ih_, gru_bias(bias_ih_, bias_hh_)), weight_hh_, gru_bias_n(bias_hh_), h);
}

Tensor GruCell::forward(const Tensor& x) { return (*this)(x, blank_state(x, options_.hidden)); }

RnnCell::RnnCell(RnnCellOptions options) : options_(std::move(options)) {
  check_choice(options_.nonlinearity, {"tanh", "relu"}, "RnnCell", "nonlinearity");
  draw_cell(options_.in, options_.hidden, 1, options_.bias, "RnnCell",
            {&weight_ih_, &weight_hh_, &bias_ih_, &bias_hh_});
}

Tensor RnnCell::operator()(const Tensor& x, const Tensor& h) {
  check_cell(x, h, options_.in, options_.hidden, "RnnCell");
  return rnn_cell(linear(x, weight_ih_, both(bias_ih_, bias_hh_)), weight_hh_, h, options_.nonlinearity == "relu");
}

Tensor RnnCell::forward(const Tensor& x) { return (*this)(x, blank_state(x, options_.hidden)); }

// ---- many to one -------------------------------------------------------------------------------

Tensor Last::forward(const Tensor& x) {
  check_rank(x, 2, Dims::kMaxRank, "Last", "[n, steps, …]");
  if (x.size(1) < 1) throw Error("Last", "there are no steps in the input").detail("input " + x.meta().str());
  const Tensor lengths = current_lengths(x, "Last");
  if (!lengths.defined()) return select(x, 1, x.size(1) - 1);
  const Tensor place = cast(lengths, DType::i64) - 1.0, last = where(gt(place, 0.0), place, 0.0);
  Shape one = x.shape(), index = Shape::filled(x.rank(), 1);
  one[1] = 1;
  index[0] = x.size(0);
  return squeeze(gather(x, 1, expand(reshape(last, index), one)), 1);
}

/// What no maximum is.
constexpr double kLowest = -1e30;

PoolOverTime::PoolOverTime(PoolOverTimeOptions options) : options_(std::move(options)) {
  check_choice(options_.mode, {"max", "mean"}, "PoolOverTime", "mode");
}

Tensor PoolOverTime::forward(const Tensor& x) {
  check_rank(x, 2, Dims::kMaxRank, "PoolOverTime", "[n, steps, …]");
  if (x.size(1) < 1) throw Error("PoolOverTime", "there are no steps in the input").detail("input " + x.meta().str());
  const Tensor lengths = current_lengths(x, "PoolOverTime");
  const bool largest = options_.mode == "max";
  if (!lengths.defined()) return largest ? amax(x, {1}) : mean(x, {1});
  Shape wide = Shape::filled(x.rank(), 1);
  wide[0] = x.size(0);
  wide[1] = x.size(1);
  const Tensor inside = reshape(length_mask(lengths, x.size(1)), wide);
  wide.erase(1);
  const Tensor count = reshape(lengths, wide);  // a sample without steps gives zeros
  if (largest) return where(gt(count, 0.0), amax(where(inside, x, kLowest), {1}), 0.0);
  return sum(where(inside, x, 0.0), {1}) / cast(where(gt(count, 0.0), count, 1.0), x.dtype());
}

}  // namespace lamina::nn
