// Recurrent sequences: the loop over time stays inside of one kernel. At each step the threads share the units, so that
// each streams its own part of the weight, and meet once; where the weight is small they share the samples, and need
// not meet at all. Every element is summed in one order, so the bits do not depend on the number of threads.
#include <algorithm>
#include <string>

#include "lamina/backends/cpu/gemm_kernels.h"
#include "lamina/backends/cpu/kernels.h"
#include "lamina/backends/cpu/product_kernels.h"
#include "lamina/backends/cpu/rnn_kernels.h"
#include "lamina/core/error.h"
#include "lamina/core/parallel.h"
#include "lamina/ops/rnn_attrs.h"
#include "lamina/tensor/storage.h"

namespace lamina::cpu {

namespace {

constexpr int64_t kInner = 256;              // inner extent of a block of a product
constexpr int64_t kRows = 48;                // samples per block
constexpr int64_t kMostWidth = 32;           // of a panel
constexpr int64_t kSmallWeight = 256 << 10;  // bytes that each thread's cache may hold a copy of
constexpr int64_t kSerialWork = 1 << 19;     // multiplications of a sequence that do not pay for a second thread
constexpr int64_t kLeastRows = 8;            // samples for which a thread pays where threads share the samples
constexpr int64_t kDots = 2;                 // samples up to which the weight is read as it lies, row by row

enum class Cell { lstm, gru, rnn_tanh, rnn_relu };

Cell cell_of(const KernelRequest& r) {
  if (r.op == OpId::lstm || r.op == OpId::lstm_backward) return Cell::lstm;
  if (r.op == OpId::gru || r.op == OpId::gru_backward) return Cell::gru;
  return r.attrs.as<RnnAttrs>().relu ? Cell::rnn_relu : Cell::rnn_tanh;
}

const char* name_of_cell(Cell cell) { return cell == Cell::lstm ? "lstm" : cell == Cell::gru ? "gru" : "rnn"; }

struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

/// The part of `index` of [0, n), cut at multiples of `unit`.
Range part_of(int64_t n, int64_t unit, int index, int count) {
  const int64_t units = (n + unit - 1) / unit;
  const auto cut = [&](int64_t i) { return std::min(n, units * i / count * unit); };
  return {cut(index), cut(index + 1)};
}

/// What both directions of differentiation share: the extents, the order of the steps, the products.
class Sequence {
 public:
  explicit Sequence(const KernelRequest& r)
      : cell(cell_of(r)),
        attrs(r.attrs.as<RnnAttrs>()),
        own_inputs((cell == Cell::lstm || cell == Cell::gru ? 4U : 3U) + (attrs.masked ? 1U : 0U)),
        steps(r.in[0].shape[0]),
        batch(r.in[0].shape[1]),
        hidden(r.in[1].shape[1]),
        gates(r.in[0].shape[2] / hidden),
        kernels(product_kernels(float())),
        width(2 * kernels.lanes) {}

  Cell cell;
  RnnAttrs attrs;
  size_t own_inputs;
  int64_t steps, batch, hidden, gates;
  const ProductKernels<float>& kernels;
  int64_t width;  // of a panel

  int64_t panels() const { return (hidden + width - 1) / width; }
  int64_t step_of(int64_t s) const { return attrs.reverse ? steps - 1 - s : s; }
  /// The step before t in the order of the sequence.
  int64_t before(int64_t t) const { return attrs.reverse ? t + 1 : t - 1; }

  /// Null where all have all steps.
  const int64_t* lengths(void* const* in) const {
    if (!attrs.masked) return nullptr;
    const auto* l = static_cast<const int64_t*>(in[own_inputs - 1]);
    for (int64_t n = 0; n < batch; ++n) {
      if (l[n] < 0 || l[n] > steps) {
        throw Error(name_of_cell(cell), "length " + std::to_string(l[n]) + " of sample " + std::to_string(n) +
                                            " is out of range 0 to " + std::to_string(steps));
      }
    }
    return l;
  }
  bool alive(const int64_t* lengths, int64_t n, int64_t t) const { return !lengths || t < lengths[n]; }
  /// Has sample n no step before t?
  bool starts(const int64_t* lengths, int64_t n, int64_t t) const {
    return attrs.reverse ? t + 1 == (lengths ? lengths[n] : steps) : t == 0;
  }

  int members() const {
    const int64_t work = steps * batch * gates * hidden * hidden;
    if (work <= kSerialWork) return 1;
    if (by_samples()) return static_cast<int>(std::clamp<int64_t>(batch / kLeastRows, 1, num_threads()));
    return static_cast<int>(std::clamp<int64_t>(hidden / kernels.lanes, 1, num_threads()));
  }
  bool by_samples() const { return gates * hidden * hidden * 4 <= kSmallWeight && batch >= 2 * kLeastRows; }
  Range samples(const TeamMember& m) const {
    return by_samples() ? part_of(batch, kernels.tile_rows, m.index(), m.count()) : Range{0, batch};
  }
  Range units(const TeamMember& m) const {
    return by_samples() ? Range{0, hidden} : part_of(hidden, kernels.lanes, m.index(), m.count());
  }
  void meet(TeamMember& m) const {
    if (!by_samples()) m.wait();
  }

  /// body(first unit, units) for the blocks of a range, none across the border of a panel.
  template <class F>
  void each_block(Range units, F&& body) const {
    for (int64_t u = units.begin; u < units.end;) {
      const int64_t end = std::min(units.end, (u / width + 1) * width);
      body(u, end - u);
      u = end;
    }
  }

  /// c[i, j] = Σ_p a[i][p]·b[p, j] for rows × cols (up to `width`), b being panels of `inner` rows; c has rows of
  /// width.
  void product(const float* const* a, int64_t rows, int64_t inner, const float* panel, int64_t unit, int64_t cols,
               float* c) const {
    static constexpr int64_t kOneSegment[] = {0};
    Tile<float> t{};
    t.segments = kOneSegment;
    t.segment_count = 1;
    t.a_step = 1;
    t.b_step = width;
    t.b_padded = true;
    t.c_step = width;
    t.cols = static_cast<int>(cols);
    const int64_t tile_rows = cols <= kernels.lanes ? kernels.slim_rows : kernels.tile_rows;
    for (int64_t k = 0; k < inner; k += kInner) {
      t.k = std::min(kInner, inner - k);
      t.accumulate = k > 0;
      t.b = panel + k * width + unit % width;
      for (int64_t i = 0; i < rows; i += t.rows) {
        t.rows = static_cast<int>(tile_height(rows - i, tile_rows));
        for (int r = 0; r < t.rows; ++r) t.a[r] = a[i + r] + k;
        t.c = c + i * width;
        kernels.tile(t);
      }
    }
  }
};

/// Numbers of the samples that have a step t, a block at a time.
struct Block {
  int64_t count = 0;
  int64_t sample[kRows];
  const float* a[kRows];  // left operand of the product
};

/// body(block) for the samples of a range; where a sample has no step t, idle(n).
template <class F, class I>
void each_sample(const Sequence& q, const int64_t* lengths, Range samples, int64_t t, F&& body, I&& idle) {
  Block block;
  for (int64_t n = samples.begin; n < samples.end; ++n) {
    if (!q.alive(lengths, n, t)) {
      idle(n);
      continue;
    }
    block.sample[block.count++] = n;
    if (block.count == kRows) {
      body(block);
      block.count = 0;
    }
  }
  if (block.count) body(block);
}

class Forward final : public Kernel {
 public:
  explicit Forward(const KernelRequest& r) : q_(r), dots_(q_.batch <= kDots) {
    switch (q_.cell) {
      case Cell::lstm:
        row_ = cell_kernels().lstm;
        break;
      case Cell::gru:
        row_ = cell_kernels().gru;
        break;
      case Cell::rnn_tanh:
        row_ = cell_kernels().rnn_tanh;
        break;
      case Cell::rnn_relu:
        row_ = cell_kernels().rnn_relu;
        break;
    }
    if (r.is_constant(1) && !dots_) packed_ = Storage::allocate(packed_bytes());
  }

  size_t workspace_bytes() const override {
    const size_t cell = q_.cell == Cell::lstm ? static_cast<size_t>(q_.batch * q_.hidden) * sizeof(float) : 0;
    return cell + (dots_ || packed_ ? 0 : packed_bytes());
  }

  void refresh(void* const* in) override {
    if (packed_) pack(static_cast<const float*>(in[1]), reinterpret_cast<float*>(packed_->data()));
  }

  void run(void* const* in, void* const* out, void* workspace) override {
    Call call{};
    call.lengths = q_.lengths(in);
    call.gates = static_cast<const float*>(in[0]);
    call.weight = static_cast<const float*>(in[1]);
    call.h0 = static_cast<const float*>(in[2]);
    call.bias = q_.cell == Cell::gru ? static_cast<const float*>(in[3]) : nullptr;
    call.y = static_cast<float*>(out[0]);
    auto* scratch = static_cast<float*>(workspace);
    const int64_t state = q_.batch * q_.hidden;
    if (q_.cell == Cell::lstm) {
      call.c = scratch;
      std::copy_n(static_cast<const float*>(in[3]), state, call.c);
      scratch += state;
      call.cells = static_cast<float*>(out[3]);
    }
    if (q_.cell == Cell::lstm || q_.cell == Cell::gru)
      call.kept = static_cast<float*>(out[q_.cell == Cell::lstm ? 4 : 2]);
    if (!dots_) {
      call.packed = packed_ ? reinterpret_cast<const float*>(packed_->data()) : scratch;
      if (!packed_) pack(call.weight, scratch);
    }
    parallel_team(q_.members(), [&](TeamMember& m) {
      const Range samples = q_.samples(m), units = q_.units(m);
      for (int64_t s = 0; s < q_.steps; ++s) {
        step(call, q_.step_of(s), samples, units);
        q_.meet(m);
      }
    });
    if (out[1]) last_states(call, static_cast<float*>(out[1]));
    if (q_.cell == Cell::lstm && out[2]) std::copy_n(call.c, state, static_cast<float*>(out[2]));
  }

  std::string describe() const override {
    return std::string("own:") + q_.kernels.target +
           (dots_     ? " dots"
            : packed_ ? " tiles, packs once"
                      : " tiles, packs");
  }

 private:
  struct Call {
    const int64_t* lengths;
    const float *gates, *weight, *packed, *h0, *bias;
    float *y, *c, *cells, *kept;
  };

  size_t packed_bytes() const {
    return static_cast<size_t>(q_.panels() * q_.gates * q_.hidden * q_.width) * sizeof(float);
  }
  float* panel(float* packed, int64_t unit, int64_t gate) const {
    return packed + (unit / q_.width * q_.gates + gate) * q_.hidden * q_.width;
  }

  /// Per panel of units and gate [hidden, width], zero behind the last unit.
  void pack(const float* weight, float* to) const {
    parallel_for(q_.panels() * q_.gates, 4, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t unit = i / q_.gates * q_.width, gate = i % q_.gates;
        q_.kernels.transpose(weight + (gate * q_.hidden + unit) * q_.hidden, q_.hidden, q_.hidden,
                             std::min(q_.width, q_.hidden - unit), panel(to, unit, gate), q_.width, q_.width);
      }
    });
  }

  const float* state_before(const Call& call, int64_t n, int64_t t) const {
    return q_.starts(call.lengths, n, t) ? call.h0 + n * q_.hidden : call.y + (q_.before(t) * q_.batch + n) * q_.hidden;
  }

  void step(const Call& call, int64_t t, Range samples, Range units) const {
    const auto idle = [&](int64_t n) {
      const int64_t at = t * q_.batch + n;
      const auto clear = [&](float* p, int64_t gates) {
        for (int64_t g = 0; p && g < gates; ++g) {
          std::fill_n(p + (at * gates + g) * q_.hidden + units.begin, units.size(), 0.0F);
        }
      };
      clear(call.y, 1);
      clear(call.cells, 1);
      clear(call.kept, 4);
    };
    const auto body = [&](Block& block) {
      for (int64_t i = 0; i < block.count; ++i) block.a[i] = state_before(call, block.sample[i], t);
      q_.each_block(units, [&](int64_t unit, int64_t count) { this->block(call, t, block, unit, count); });
    };
    each_sample(q_, call.lengths, samples, t, body, idle);
  }

  void block(const Call& call, int64_t t, const Block& b, int64_t unit, int64_t count) const {
    alignas(64) float products[4 * kRows * kMostWidth];
    const int64_t gate_step = kRows * q_.width;
    for (int64_t g = 0; g < q_.gates; ++g) {
      float* to = products + g * gate_step;
      if (!dots_) {
        q_.product(b.a, b.count, q_.hidden, panel(const_cast<float*>(call.packed), unit, g), unit, count, to);
        continue;
      }
      for (int64_t i = 0; i < b.count; ++i) {
        gemm_kernels(float()).dots({1, count, q_.hidden, b.a[i], q_.hidden,
                                    call.weight + (g * q_.hidden + unit) * q_.hidden, q_.hidden, to + i * q_.width,
                                    q_.width, 1});
      }
    }
    for (int64_t i = 0; i < b.count; ++i) {
      const int64_t n = b.sample[i], at = t * q_.batch + n;
      CellRow row{};
      row.count = count;
      row.product = products + i * q_.width;
      row.product_step = gate_step;
      row.gates = call.gates + at * q_.gates * q_.hidden + unit;
      row.gate_step = q_.hidden;
      row.h = b.a[i] + unit;
      row.bias = call.bias ? call.bias + unit : nullptr;
      row.c = call.c ? call.c + n * q_.hidden + unit : nullptr;
      row.y = call.y + at * q_.hidden + unit;
      row.cell = call.cells ? call.cells + at * q_.hidden + unit : nullptr;
      row.kept = call.kept ? call.kept + at * 4 * q_.hidden + unit : nullptr;
      row_(row);
    }
  }

  void last_states(const Call& call, float* h) const {
    for (int64_t n = 0; n < q_.batch; ++n) {
      const int64_t count = call.lengths ? call.lengths[n] : q_.steps, last = q_.attrs.reverse ? 0 : count - 1;
      const float* from = count == 0 ? call.h0 + n * q_.hidden : call.y + (last * q_.batch + n) * q_.hidden;
      std::copy_n(from, q_.hidden, h + n * q_.hidden);
    }
  }

  Sequence q_;
  bool dots_;
  void (*row_)(const CellRow&) = nullptr;
  std::shared_ptr<Storage> packed_;
};

class Backward final : public Kernel {
 public:
  explicit Backward(const KernelRequest& r) : q_(r) {
    switch (q_.cell) {
      case Cell::lstm:
        row_ = cell_kernels().lstm_grad;
        break;
      case Cell::gru:
        row_ = cell_kernels().gru_grad;
        break;
      case Cell::rnn_tanh:
        row_ = cell_kernels().rnn_tanh_grad;
        break;
      case Cell::rnn_relu:
        row_ = cell_kernels().rnn_relu_grad;
        break;
    }
  }

  size_t workspace_bytes() const override {
    // Gradients of state and cell, those of two steps' gru products where nobody wants them, the packed weight.
    return static_cast<size_t>((2 + 2 * q_.gates) * state() + q_.panels() * inner() * q_.width) * sizeof(float);
  }

  void run(void* const* in, void* const* out, void* workspace) override {
    Call call = unpack(in, out);
    auto* scratch = static_cast<float*>(workspace);
    call.dh = scratch;
    call.dc = scratch + state();
    call.pair = scratch + 2 * state();
    float* packed = scratch + (2 + 2 * q_.gates) * state();
    call.packed = packed;
    pack(static_cast<const float*>(in[1]), packed);
    std::copy_n(call.gh, state(), call.dh);
    if (call.gc) std::copy_n(call.gc, state(), call.dc);
    parallel_team(q_.members(), [&](TeamMember& m) {
      const Range samples = q_.samples(m), units = q_.units(m);
      for (int64_t s = q_.steps - 1; s >= 0; --s) {
        const int64_t t = q_.step_of(s);
        gates(call, t, samples, units);
        q_.meet(m);  // the product reads the gates of all units
        states(call, t, samples, units);
      }
    });
    if (call.dh0) std::copy_n(call.dh, state(), call.dh0);
    if (call.dc0) std::copy_n(call.dc, state(), call.dc0);
  }

  std::string describe() const override { return std::string("own:") + q_.kernels.target + " tiles, packs"; }

 private:
  struct Call {
    const int64_t* lengths;
    const float *h0, *c0, *y, *cells, *kept, *gy, *gh, *gc, *packed;
    float *dgates, *dhidden, *dh0, *dc0;  // dhidden: gru, may be null
    float *dh, *dc, *pair;
  };

  int64_t state() const { return q_.batch * q_.hidden; }
  int64_t inner() const { return q_.gates * q_.hidden; }

  Call unpack(void* const* in, void* const* out) const {
    const auto input = [&](size_t i) { return static_cast<const float*>(in[i]); };
    const auto output = [&](size_t i) { return static_cast<float*>(out[i]); };
    Call call{};
    const size_t own = q_.own_inputs;
    call.lengths = q_.lengths(in);
    call.h0 = input(2);
    call.y = input(own);
    call.dgates = output(0);
    switch (q_.cell) {
      case Cell::lstm:
        call.c0 = input(3);
        call.cells = input(own + 1);
        call.kept = input(own + 2);
        call.gy = input(own + 3);
        call.gh = input(own + 4);
        call.gc = input(own + 5);
        call.dh0 = output(1);
        call.dc0 = output(2);
        break;
      case Cell::gru:
        call.kept = input(own + 1);
        call.gy = input(own + 2);
        call.gh = input(own + 3);
        call.dhidden = output(1);
        call.dh0 = output(2);
        break;
      default:
        call.gy = input(own + 1);
        call.gh = input(own + 2);
        call.dh0 = output(1);
    }
    return call;
  }

  /// Per panel of units [gates·hidden, width], zero behind the last unit.
  void pack(const float* weight, float* to) const {
    parallel_for(q_.panels(), 1, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        const int64_t unit = p * q_.width, cols = std::min(q_.width, q_.hidden - unit);
        float* row = to + p * inner() * q_.width;
        for (int64_t k = 0; k < inner(); ++k, row += q_.width) {
          std::copy_n(weight + k * q_.hidden + unit, cols, row);
          std::fill(row + cols, row + q_.width, 0.0F);
        }
      }
    });
  }

  /// Gradients of weight_hh·h of sample n at step t.
  float* hidden_gates(const Call& call, int64_t n, int64_t t) const {
    const int64_t at = t * q_.batch + n;
    if (q_.cell != Cell::gru) return call.dgates + at * inner();
    // A thread may be a step ahead of another that still reads.
    return call.dhidden ? call.dhidden + at * inner() : call.pair + (t % 2 * q_.batch + n) * inner();
  }

  void gates(const Call& call, int64_t t, Range samples, Range units) const {
    const auto idle = [&](int64_t n) {
      for (float* to : {call.dgates + (t * q_.batch + n) * inner(), hidden_gates(call, n, t)}) {
        for (int64_t g = 0; g < q_.gates; ++g) {
          std::fill_n(to + g * q_.hidden + units.begin, units.size(), 0.0F);
        }
      }
    };
    const auto body = [&](const Block& block) {
      for (int64_t i = 0; i < block.count; ++i) sample(call, t, block.sample[i], units);
    };
    each_sample(q_, call.lengths, samples, t, body, idle);
  }

  void sample(const Call& call, int64_t t, int64_t n, Range units) const {
    const int64_t at = t * q_.batch + n, u = units.begin, m = q_.hidden;
    const bool starts = q_.starts(call.lengths, n, t);
    const int64_t previous = (q_.before(t) * q_.batch + n) * m;
    CellRowGrad row{};
    row.count = units.size();
    row.gate_step = m;
    row.g = call.gy + at * m + u;
    row.dh = call.dh + n * m + u;
    row.dc = call.dc + n * m + u;
    row.kept = call.kept ? call.kept + at * 4 * m + u : nullptr;
    row.y = call.y + at * m + u;
    row.h = starts ? call.h0 + n * m + u : call.y + previous + u;
    if (call.cells) {
      row.cell = call.cells + at * m + u;
      row.c = starts ? call.c0 + n * m + u : call.cells + previous + u;
    }
    row.dgates = call.dgates + at * inner() + u;
    row.dhidden = hidden_gates(call, n, t) + u;
    row_(row);
  }

  /// dh = dgates·weight, for gru added.
  void states(const Call& call, int64_t t, Range samples, Range units) const {
    const auto body = [&](Block& block) {
      for (int64_t i = 0; i < block.count; ++i) block.a[i] = hidden_gates(call, block.sample[i], t);
      q_.each_block(units, [&](int64_t unit, int64_t count) {
        alignas(64) float products[kRows * kMostWidth];
        q_.product(block.a, block.count, inner(), call.packed + unit / q_.width * inner() * q_.width, unit, count,
                   products);
        for (int64_t i = 0; i < block.count; ++i) {
          const float* from = products + i * q_.width;
          float* to = call.dh + block.sample[i] * q_.hidden + unit;
          for (int64_t j = 0; j < count; ++j) to[j] = from[j] + (q_.cell == Cell::gru ? to[j] : 0);
        }
      });
    };
    each_sample(q_, call.lengths, samples, t, body, [](int64_t) {});
  }

  Sequence q_;
  void (*row_)(const CellRowGrad&) = nullptr;
};

template <class K>
KernelChoice prepare(const KernelRequest& r) {
  if (r.in[0].dtype != DType::f32) return Refusal{"no kernel for " + std::string(name_of(r.in[0].dtype))};
  return std::make_unique<K>(r);
}

}  // namespace

KernelChoice prepare_recurrent(const KernelRequest& r) { return prepare<Forward>(r); }
KernelChoice prepare_recurrent_backward(const KernelRequest& r) { return prepare<Backward>(r); }

}  // namespace lamina::cpu
