#include "lamina/backends/cpu/rnn_kernels.h"

#include "lamina/backends/cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/backends/cpu/rnn_kernels.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.
#include "lamina/backends/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::cpu::HWY_NAMESPACE {

namespace {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

/// A whole vector, or the first `count` lanes of one.
struct Whole {
  HWY_INLINE V load(const float* p) const { return hn::LoadU(D(), p); }
  HWY_INLINE void store(V v, float* p) const { hn::StoreU(v, D(), p); }
};
struct Part {
  size_t count;
  HWY_INLINE V load(const float* p) const { return load_part(D(), p, count); }
  HWY_INLINE void store(V v, float* p) const { store_part(v, D(), p, count); }
};

template <class Row, class Cell>
HWY_INLINE void each_vector(const Row& r, const Cell& cell) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
  int64_t j = 0;
  for (; j + lanes <= r.count; j += lanes) cell(Whole{}, j);
  if (j < r.count) cell(Part{static_cast<size_t>(r.count - j)}, j);
}

template <class Io>
HWY_INLINE V pre(const Io& io, const CellRow& r, int64_t gate, int64_t j) {
  return hn::Add(io.load(r.gates + gate * r.gate_step + j), io.load(r.product + gate * r.product_step + j));
}

void lstm(const CellRow& r) {
  const D d;
  each_vector(r, [&](const auto& io, int64_t j) {
    const V i = vsigmoid(d, pre(io, r, 0, j)), f = vsigmoid(d, pre(io, r, 1, j));
    const V g = vtanh(d, pre(io, r, 2, j)), o = vsigmoid(d, pre(io, r, 3, j));
    const V c = hn::MulAdd(f, io.load(r.c + j), hn::Mul(i, g));
    io.store(c, r.c + j);
    io.store(hn::Mul(o, vtanh(d, c)), r.y + j);
    if (r.cell) io.store(c, r.cell + j);
    if (!r.kept) return;
    io.store(i, r.kept + j);
    io.store(f, r.kept + r.gate_step + j);
    io.store(g, r.kept + 2 * r.gate_step + j);
    io.store(o, r.kept + 3 * r.gate_step + j);
  });
}

void gru(const CellRow& r) {
  const D d;
  each_vector(r, [&](const auto& io, int64_t j) {
    const V reset = vsigmoid(d, pre(io, r, 0, j)), z = vsigmoid(d, pre(io, r, 1, j));
    const V q = hn::Add(io.load(r.product + 2 * r.product_step + j), io.load(r.bias + j));
    const V n = vtanh(d, hn::MulAdd(reset, q, io.load(r.gates + 2 * r.gate_step + j)));
    // n + z·(h − n)
    io.store(hn::MulAdd(z, hn::Sub(io.load(r.h + j), n), n), r.y + j);
    if (!r.kept) return;
    io.store(reset, r.kept + j);
    io.store(z, r.kept + r.gate_step + j);
    io.store(n, r.kept + 2 * r.gate_step + j);
    io.store(q, r.kept + 3 * r.gate_step + j);
  });
}

void rnn_tanh(const CellRow& r) {
  each_vector(r, [&](const auto& io, int64_t j) { io.store(vtanh(D(), pre(io, r, 0, j)), r.y + j); });
}

void rnn_relu(const CellRow& r) {
  each_vector(r, [&](const auto& io, int64_t j) {
    const V a = pre(io, r, 0, j);
    io.store(hn::IfThenZeroElse(hn::Lt(a, hn::Zero(D())), a), r.y + j);  // NaN stays
  });
}

/// σ' by σ's value.
HWY_INLINE V through_sigmoid(V g, V s) { return hn::Mul(g, hn::NegMulAdd(s, s, s)); }
HWY_INLINE V through_tanh(V g, V t) { return hn::Mul(g, hn::NegMulAdd(t, t, hn::Set(D(), 1.0F))); }

void lstm_grad(const CellRowGrad& r) {
  const D d;
  each_vector(r, [&](const auto& io, int64_t j) {
    const auto kept = [&](int64_t gate) { return io.load(r.kept + gate * r.gate_step + j); };
    const V i = kept(0), f = kept(1), g = kept(2), o = kept(3), t = vtanh(d, io.load(r.cell + j));
    const V dh = hn::Add(io.load(r.g + j), io.load(r.dh + j));
    const V dc = hn::Add(io.load(r.dc + j), through_tanh(hn::Mul(dh, o), t));
    io.store(through_sigmoid(hn::Mul(dc, g), i), r.dgates + j);
    io.store(through_sigmoid(hn::Mul(dc, io.load(r.c + j)), f), r.dgates + r.gate_step + j);
    io.store(through_tanh(hn::Mul(dc, i), g), r.dgates + 2 * r.gate_step + j);
    io.store(through_sigmoid(hn::Mul(dh, t), o), r.dgates + 3 * r.gate_step + j);
    io.store(hn::Mul(dc, f), r.dc + j);
  });
}

void gru_grad(const CellRowGrad& r) {
  each_vector(r, [&](const auto& io, int64_t j) {
    const auto kept = [&](int64_t gate) { return io.load(r.kept + gate * r.gate_step + j); };
    const V reset = kept(0), z = kept(1), n = kept(2), q = kept(3);
    const V dh = hn::Add(io.load(r.g + j), io.load(r.dh + j));
    const V dn = through_tanh(hn::NegMulAdd(dh, z, dh), n);
    const V dz = through_sigmoid(hn::Mul(dh, hn::Sub(io.load(r.h + j), n)), z);
    const V dr = through_sigmoid(hn::Mul(dn, q), reset);
    for (float* to : {r.dgates, r.dhidden}) {
      io.store(dr, to + j);
      io.store(dz, to + r.gate_step + j);
    }
    io.store(dn, r.dgates + 2 * r.gate_step + j);
    io.store(hn::Mul(dn, reset), r.dhidden + 2 * r.gate_step + j);
    io.store(hn::Mul(dh, z), r.dh + j);
  });
}

void rnn_tanh_grad(const CellRowGrad& r) {
  each_vector(r, [&](const auto& io, int64_t j) {
    io.store(through_tanh(hn::Add(io.load(r.g + j), io.load(r.dh + j)), io.load(r.y + j)), r.dgates + j);
  });
}

void rnn_relu_grad(const CellRowGrad& r) {
  each_vector(r, [&](const auto& io, int64_t j) {
    const V dh = hn::Add(io.load(r.g + j), io.load(r.dh + j));
    io.store(hn::IfThenElseZero(hn::Gt(io.load(r.y + j), hn::Zero(D())), dh), r.dgates + j);
  });
}

CellKernels make_table() { return {lstm, gru, rnn_tanh, rnn_relu, lstm_grad, gru_grad, rnn_tanh_grad, rnn_relu_grad}; }

}  // namespace
}  // namespace lamina::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::cpu {

HWY_EXPORT(make_table);

const CellKernels& cell_kernels() {
  static const CellKernels table = HWY_DYNAMIC_DISPATCH(make_table)();
  return table;
}

}  // namespace lamina::cpu
#endif
