// Recurrent sequences and CTC.
#include "catalog.h"
#include "lamina/engine/backend.h"
#include "lamina/engine/dispatch.h"
#include "lamina/engine/tape.h"
#include "lamina/ops/ops.h"
#include "lamina/ops/rnn_attrs.h"

namespace lamina::catalog {

namespace {

Input of(const Shape& shape, double range = 1) {
  Input in;
  in.shape = shape;
  in.low = -range;
  in.high = range;
  return in;
}

Input whole(std::vector<int64_t> values, const Shape& shape) {
  Input in;
  in.dtype = DType::i64;
  in.make = [values, shape] { return Tensor::from(std::span<const int64_t>(values), shape); };
  return in;
}

struct SequenceCase {
  std::string name;
  int64_t steps, batch, hidden;
  RnnAttrs attrs = {};
  std::vector<int64_t> lengths = {};
  bool large = false;
};

const std::vector<SequenceCase>& cases() {
  static const std::vector<SequenceCase> list{
      {"plain", 3, 2, 3},
      {"one step", 1, 2, 2},
      {"reverse", 3, 2, 2, {.reverse = true}},
      {"lengths", 3, 3, 2, {.masked = true}, {2, 3, 0}},
      {"reverse, lengths", 3, 3, 2, {.reverse = true, .masked = true}, {2, 0, 3}},
      {"no samples", 2, 0, 2},
      {"one sample", 3, 1, 5},
      {"large", 7, 20, 100, {}, {}, true},
      {"large, many samples", 5, 53, 70, {.reverse = true}, {}, true},
      {"large, few units", 6, 37, 17, {}, {}, true},
      {"large, one sample", 4, 1, 150, {}, {}, true},
      {"large, lengths", 6, 50, 65, {.masked = true}, {}, true},
      {"large, reverse, lengths", 6, 20, 130, {.reverse = true, .masked = true}, {}, true}};
  return list;
}

/// The gates' own inputs: gates, weight, h0, for lstm c0, for gru bias_n, lengths.
std::vector<Input> own_inputs(OpId op, const SequenceCase& c) {
  const int64_t gates = op == OpId::lstm ? 4 : op == OpId::gru ? 3 : 1;
  std::vector<Input> in{of({c.steps, c.batch, gates * c.hidden}, 2),
                        of({gates * c.hidden, c.hidden}, c.large ? 0.2 : 1), of({c.batch, c.hidden})};
  if (op == OpId::lstm) in.push_back(of({c.batch, c.hidden}));
  if (op == OpId::gru) in.push_back(of({c.hidden}));
  if (c.attrs.masked) {
    std::vector<int64_t> lengths = c.lengths;
    for (auto n = static_cast<int64_t>(lengths.size()); n < c.batch; ++n) lengths.push_back(n * 5 % (c.steps + 1));
    in.push_back(whole(lengths, {c.batch}));
  }
  return in;
}

/// What the forward pass gives for these inputs: the backward op is told it again. In f32, as the kernels read it.
struct Kept {
  OpId forward, backward;
  std::vector<size_t> outputs;
};

Input kept_output(const Kept& k, const SequenceCase& c, size_t output) {
  Input in;
  in.dtype = DType::f32;
  in.make = [=] {
    // make_inputs numbers the streams of random numbers by op: the backward op's own inputs.
    Record r{k.backward, {}};
    const Sample s{c.name, own_inputs(k.forward, c), c.attrs};
    const BackendScope only("ref");
    const NoGrad off;
    return dispatch(k.forward, make_inputs(r, s, DType::f32), s.attrs)[output];
  };
  return in;
}

std::vector<Record> cell_records(const Kept& k, bool relu) {
  Record forward{k.forward, {}}, backward{k.backward, {}};
  for (SequenceCase c : cases()) {
    if (relu && c.name == "plain") {
      // Away from the kink everywhere.
      c.name = "relu";
      c.attrs.relu = true;
    }
    Sample f{c.name, own_inputs(k.forward, c), c.attrs, !c.large, c.large};
    if (c.attrs.relu) {
      f.in[0].low = 1;
      f.in[1].low = 0;
      f.in[2].low = 0;
    }
    forward.samples.push_back(f);
    if (c.attrs.relu) continue;
    Sample b = f;
    for (const size_t output : k.outputs) b.in.push_back(kept_output(k, c, output));
    b.in.push_back(of({c.steps, c.batch, c.hidden}));
    b.in.push_back(of({c.batch, c.hidden}));
    if (k.forward == OpId::lstm) b.in.push_back(of({c.batch, c.hidden}));
    backward.samples.push_back(b);
  }
  for (Record* r : {&forward, &backward}) {
    r->contraction = true;
    r->f32 = 5e-6;
  }
  return {forward, backward};
}

std::vector<Record> lstm_records() {
  std::vector<Record> list = cell_records({OpId::lstm, OpId::lstm_backward, {0, 3, 4}}, false);
  const auto call = [](const Tensor& gates, const Tensor& weight, const Tensor& c0, const Tensor& lengths) {
    return [=] { lstm(gates, weight, {zeros({2, 3}), c0}, {.lengths = lengths}); };
  };
  list[0].wrong = {{call(ones({4, 2, 12}), ones({12, 4}), zeros({2, 3}), {}), "4·hidden"},
                   {call(ones({4, 2, 12}), ones({12, 3}), zeros({3, 3}), {}), "the initial cell must be [2, 3]"},
                   {call(ones({0, 2, 12}), ones({12, 3}), zeros({2, 3}), {}), "at least one step"},
                   {call(ones({4, 2, 12}), ones({12, 3}), zeros({2, 3}), ones({3}, DType::i64)), "lengths must be [2]"},
                   {call(ones({4, 2, 12}), ones({12, 3}), zeros({2, 3}), Tensor::from({4, 5}, {2}, DType::i64)),
                    "length 5 of sample 1 is out of range 0 to 4"}};
  return list;
}

std::vector<Record> gru_records() {
  std::vector<Record> list = cell_records({OpId::gru, OpId::gru_backward, {0, 2}}, false);
  list[0].wrong = {{[] { gru(ones({4, 2, 9}), ones({9, 3}), ones({2}), zeros({2, 3})); }, "bias_n must be [3]"},
                   {[] { gru(ones({4, 2, 9}), ones({9, 3}), {}, zeros({2, 4})); }, "the initial state must be [2, 3]"}};
  return list;
}

std::vector<Record> rnn_records() {
  std::vector<Record> list = cell_records({OpId::rnn, OpId::rnn_backward, {0}}, false);
  list[0].samples.push_back(cell_records({OpId::rnn, OpId::rnn_backward, {0}}, true)[0].samples[0]);
  list[0].wrong = {{[] { rnn(ones({4, 3}), ones({3, 3}), zeros({2, 3})); }, "[steps, n, 1·hidden]"}};
  return list;
}

struct CtcCase {
  std::string name;
  int64_t frames, classes, most;
  std::vector<int64_t> targets, frame_counts, lengths;
  CtcAttrs attrs = {};
  bool gradient = true, large = false;
};

std::vector<CtcCase> ctc_cases() {
  std::vector<int64_t> labels, frames, lengths;
  for (int64_t n = 0; n < 9; ++n) {
    for (int64_t i = 0; i < 20; ++i) labels.push_back(1 + (n * 7 + i * i) % 11);
    frames.push_back(40 + n);
    lengths.push_back(20 - 2 * n);
  }
  return {{"one", 4, 3, 2, {1, 2}, {4}, {2}},
          {"repeated label", 4, 3, 2, {1, 1}, {4}, {2}},
          {"last class blank", 4, 3, 3, {0, 1, 0, 1, 0, 9}, {4, 3}, {3, 2}, {.blank = 2}},
          {"empty target", 3, 3, 1, {7, 1}, {3, 2}, {0, 1}},
          {"no targets at all", 3, 2, 0, {}, {3, 1}, {0, 0}},
          {"no frames", 2, 2, 1, {1, 1}, {0, 2}, {0, 1}},
          {"barely fits", 3, 3, 2, {1, 1, 2, 1}, {3, 2}, {2, 2}},
          {"does not fit, counts nothing", 3, 3, 3, {1, 1, 2, 1, 2, 1}, {3, 3}, {3, 3}, {.zero_infinity = true}},
          {"large", 50, 12, 20, labels, frames, lengths, {}, false, true}};
}

std::vector<Record> ctc_records() {
  Record forward{OpId::ctc_loss, {}}, backward{OpId::ctc_loss_backward, {}};
  for (const CtcCase& c : ctc_cases()) {
    const auto n = static_cast<int64_t>(c.lengths.size());
    Input x = of({c.frames, n, c.classes});
    x.low = -3;
    x.high = 0;
    Sample s{c.name,
             {x, whole(c.targets, {n, c.most}), whole(c.frame_counts, {n}), whole(c.lengths, {n})},
             c.attrs,
             c.gradient,
             c.large};
    forward.samples.push_back(s);
    s.in.push_back(of({n}));
    backward.samples.push_back(s);
  }
  for (Record* r : {&forward, &backward}) {
    r->contraction = true;
    r->f32 = 5e-6;
  }
  const auto call = [](std::vector<int64_t> targets, int64_t frames, int64_t length, int64_t blank) {
    return [=] {
      const auto one = [](int64_t v) { return full({1}, static_cast<double>(v), DType::i64); };
      const auto most = static_cast<int64_t>(targets.size());
      ctc_loss(zeros({5, 1, 3}), Tensor::from(std::span<const int64_t>(targets), {1, most}), one(frames), one(length),
               {.blank = blank});
    };
  };
  forward.wrong = {{call({1, 1, 1}, 4, 3, 0), "the target of sample 0 needs 5 frames, it has 4"},
                   {call({1, 1, 1}, 6, 3, 0), "input length 6 of sample 0 is out of range 0 to 5"},
                   {call({1, 1, 1}, 5, 4, 0), "target length 4 of sample 0"},
                   {call({1, 3, 1}, 5, 3, 0), "label 3 of sample 0 is out of range 0 to 2"},
                   {call({1, 0, 1}, 5, 3, 0), "has the blank as label"},
                   {call({1}, 5, 1, 3), "blank 3 is not a class"}};
  return {forward, backward};
}

}  // namespace

std::vector<Record> sequence_records() {
  std::vector<Record> list;
  for (const auto part : {lstm_records, gru_records, rnn_records, ctc_records}) {
    for (Record& r : part()) list.push_back(std::move(r));
  }
  return list;
}

}  // namespace lamina::catalog
