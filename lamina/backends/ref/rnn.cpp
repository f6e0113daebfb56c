// Recurrent sequences, step by step and sample by sample. Their gradients have no kernel here: the decomposition is the
// reference.
#include <algorithm>
#include <cmath>

#include "lamina/backends/ref/kernels_internal.h"
#include "lamina/ops/rnn_attrs.h"

namespace lamina::ref {

namespace {

using Values = std::vector<double>;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// One sequence op: what cells share.
struct Sequence {
  Metas in, out;
  RnnAttrs attrs;
  size_t steps, batch, hidden, gates;  // gates: how many times hidden

  explicit Sequence(const KernelRequest& r)
      : in(r.in.begin(), r.in.end()),
        out(r.out.begin(), r.out.end()),
        attrs(r.attrs.as<RnnAttrs>()),
        steps(static_cast<size_t>(in[0].shape[0])),
        batch(static_cast<size_t>(in[0].shape[1])),
        hidden(static_cast<size_t>(in[1].shape[1])),
        gates(static_cast<size_t>(in[0].shape[2]) / hidden) {}

  std::vector<int64_t> lengths(void* const* data, const char* op) const {
    if (!attrs.masked) return std::vector<int64_t>(batch, static_cast<int64_t>(steps));
    return read_indices(in.back(), data[in.size() - 1], static_cast<int64_t>(steps) + 1, op);
  }

  /// weight·h, for all gates.
  Values product(const Values& weight, const double* h) const {
    Values result(gates * hidden);
    for (size_t i = 0; i < result.size(); ++i) {
      for (size_t k = 0; k < hidden; ++k) result[i] += weight[i * hidden + k] * h[k];
    }
    return result;
  }

  /// body(n, position of (t, n), gates there) for each step of each sample, in its order.
  template <class F>
  void each(const std::vector<int64_t>& lengths, const Values& x, F&& body) const {
    for (size_t n = 0; n < batch; ++n) {
      const auto count = static_cast<size_t>(lengths[n]);
      for (size_t s = 0; s < count; ++s) {
        const size_t at = (attrs.reverse ? count - 1 - s : s) * batch + n;
        body(n, at, x.data() + at * gates * hidden);
      }
    }
  }
};

}  // namespace

Choice prepare_lstm(const KernelRequest& r) {
  return [s = Sequence(r)](void* const* in, void* const* out) {
    const Values x = read<double>(s.in[0], in[0]), weight = read<double>(s.in[1], in[1]);
    Values h = read<double>(s.in[2], in[2]), c = read<double>(s.in[3], in[3]);
    const size_t m = s.hidden;
    Values y(s.steps * s.batch * m), cells(y.size()), all(4 * y.size());
    s.each(s.lengths(in, "lstm"), x, [&](size_t n, size_t at, const double* gates) {
      double *state = h.data() + n * m, *cell = c.data() + n * m, *kept = all.data() + at * 4 * m;
      const Values w = s.product(weight, state);
      for (size_t k = 0; k < m; ++k) {
        for (size_t g = 0; g < 4; ++g) {
          const double a = gates[g * m + k] + w[g * m + k];
          kept[g * m + k] = g == 2 ? std::tanh(a) : sigmoid(a);
        }
        cell[k] = kept[m + k] * cell[k] + kept[k] * kept[2 * m + k];
        state[k] = kept[3 * m + k] * std::tanh(cell[k]);
        y[at * m + k] = state[k];
        cells[at * m + k] = cell[k];
      }
    });
    const Values* results[] = {&y, &h, &c, &cells, &all};
    for (size_t i = 0; i < 5; ++i) write(s.out[i], out[i], *results[i]);
  };
}

Choice prepare_gru(const KernelRequest& r) {
  return [s = Sequence(r)](void* const* in, void* const* out) {
    const Values x = read<double>(s.in[0], in[0]), weight = read<double>(s.in[1], in[1]);
    Values h = read<double>(s.in[2], in[2]);
    const Values bias = read<double>(s.in[3], in[3]);
    const size_t m = s.hidden;
    Values y(s.steps * s.batch * m), all(4 * y.size());
    s.each(s.lengths(in, "gru"), x, [&](size_t n, size_t at, const double* gates) {
      double *state = h.data() + n * m, *kept = all.data() + at * 4 * m;
      const Values w = s.product(weight, state);
      for (size_t k = 0; k < m; ++k) {
        const double reset = sigmoid(gates[k] + w[k]), z = sigmoid(gates[m + k] + w[m + k]);
        const double q = w[2 * m + k] + bias[k], fresh = std::tanh(gates[2 * m + k] + reset * q);
        const double values[] = {reset, z, fresh, q};
        for (size_t g = 0; g < 4; ++g) kept[g * m + k] = values[g];
        state[k] = (1 - z) * fresh + z * state[k];
        y[at * m + k] = state[k];
      }
    });
    const Values* results[] = {&y, &h, &all};
    for (size_t i = 0; i < 3; ++i) write(s.out[i], out[i], *results[i]);
  };
}

Choice prepare_rnn(const KernelRequest& r) {
  return [s = Sequence(r)](void* const* in, void* const* out) {
    const Values x = read<double>(s.in[0], in[0]), weight = read<double>(s.in[1], in[1]);
    Values h = read<double>(s.in[2], in[2]);
    Values y(s.steps * s.batch * s.hidden);
    s.each(s.lengths(in, "rnn"), x, [&](size_t n, size_t at, const double* gates) {
      double* state = h.data() + n * s.hidden;
      const Values w = s.product(weight, state);
      for (size_t k = 0; k < s.hidden; ++k) {
        const double a = gates[k] + w[k];
        y[at * s.hidden + k] = state[k] = s.attrs.relu ? std::max(0.0, a) : std::tanh(a);
      }
    });
    write(s.out[0], out[0], y);
    write(s.out[1], out[1], h);
  };
}

}  // namespace lamina::ref
