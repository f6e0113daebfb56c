// Reductions over any axes of any strides, argmax and argmin, running sums.
//
// The axes, in the order of memory, are merged and told apart: kept or reduced. Where the innermost
// is reduced the work consists of runs, where it is kept of rows that are joined column by column.
// How work is cut depends on shapes alone, so that results do not depend on the number of threads.
#include <algorithm>
#include <cmath>
#include <limits>

#include "lamina/backends/cpu/kernels.h"
#include "lamina/backends/cpu/loops.h"
#include "lamina/backends/cpu/reduce_simd.h"
#include "lamina/core/parallel.h"
#include "lamina/ops/reduce_attrs.h"

namespace lamina::cpu {

namespace {

/// Results below this number are computed piecewise, by several threads each.
constexpr int64_t kFewResults = 32, kMaxPieces = 64, kSerialElements = 32 << 10, kShortRun = 32;

/// Some axes of a tensor, walked in row-major order.
struct Axes {
  Shape shape;
  Strides in, out;

  void add(int64_t extent, int64_t in_stride, int64_t out_stride) {
    shape.push_back(extent);
    in.push_back(in_stride);
    out.push_back(out_stride);
  }
  int64_t count() const { return shape.numel(); }
  std::pair<int64_t, int64_t> offsets(int64_t position) const {
    int64_t a = 0, b = 0;
    for (int d = shape.rank() - 1; d >= 0; --d) {
      const int64_t i = position % shape[d];
      position /= shape[d];
      a += i * in[d];
      b += i * out[d];
    }
    return {a, b};
  }
};

struct Plan {
  Axes kept, reduced;  // all axes but the innermost
  int64_t length = 1;  // of the innermost
  int64_t in_step = 1, out_step = 0;
  bool inner_reduced = true;
  bool empty = false;  // nothing to reduce: results are the neutral element
};

Plan plan_reduction(const Meta& in, const Meta& out, const Dims& axes) {
  Strides to;
  std::array<bool, Dims::kMaxRank> is_reduced{};
  for (int64_t a : axes) is_reduced[static_cast<size_t>(a)] = true;
  const bool keeps = out.rank() == in.rank();
  for (int i = 0, next = 0; i < in.rank(); ++i) {
    const bool reduced = is_reduced[static_cast<size_t>(i)];
    to.push_back(reduced ? 0 : out.strides[next]);
    if (!reduced || keeps) ++next;
  }
  Plan plan;
  plan.empty = in.numel() == 0;
  if (plan.empty) return plan;
  // An axis of the output with one element may have any stride; of the input, extents of 1 are dropped.
  const Loops loops = merge_axes(in.shape, {in.strides, to});
  const int last = loops.rank() - 1;
  for (int d = 0; d < last; ++d) {
    (loops.strides[1][d] == 0 ? plan.reduced : plan.kept).add(loops.shape[d], loops.strides[0][d], loops.strides[1][d]);
  }
  plan.length = loops.shape[last];
  plan.in_step = loops.strides[0][last];
  plan.out_step = loops.strides[1][last];
  plan.inner_reduced = plan.out_step == 0;
  return plan;
}

void store_float(void* out, int64_t at, double value, DType dtype) {
  if (dtype == DType::f32) {
    static_cast<float*>(out)[at] = static_cast<float>(value);
  } else {
    static_cast<double*>(out)[at] = value;
  }
}

double neutral(OpId op) { return op == OpId::amax ? -INFINITY : op == OpId::amin ? INFINITY : 0; }

double joined(OpId op, double total, double x) {
  if (op == OpId::sum) return total + x;
  return (op == OpId::amax ? x > total : x < total) || x != x ? x : total;
}

const void* element(const void* base, int64_t at, DType dtype) {
  return static_cast<const std::byte*>(base) + at * static_cast<int64_t>(size_of(dtype));
}

/// Innermost axis reduced: each result is made of runs of up to kRunLength elements.
class RunKernel final : public Kernel {
 public:
  RunKernel(OpId op, DType dtype, Plan plan)
      : op_(op), dtype_(dtype), plan_(std::move(plan)), loops_(reduce_loops(op, dtype)) {
    cuts_ = (plan_.length + kRunLength - 1) / kRunLength;
    runs_ = plan_.reduced.count() * cuts_;
    results_ = plan_.kept.count();
    serial_ = results_ * runs_ * std::min(plan_.length, kRunLength) <= kSerialElements;
    piecewise_ = !serial_ && results_ < kFewResults && runs_ > 1;
    short_ = runs_ == 1 && plan_.length <= kShortRun && plan_.kept.shape.rank() == 1;
  }

  size_t workspace_bytes() const override {
    return piecewise_ ? static_cast<size_t>(results_ * runs_) * sizeof(double) : 0;
  }

  void run(void* const* in, void* const* out, void* workspace) override {
    if (piecewise_) return run_piecewise(in[0], out[0], static_cast<double*>(workspace));
    const auto some = [&](int64_t begin, int64_t end) {
      if (short_) return run_short(in[0], out[0], begin, end);
      for (int64_t r = begin; r < end; ++r) {
        const auto [from, to] = plan_.kept.offsets(r);
        double total = neutral(op_);
        for (int64_t k = 0; k < runs_; ++k) total = joined(op_, total, one_run(in[0], from, k));
        store_float(out[0], to, total, dtype_);
      }
    };
    if (serial_) return some(0, results_);
    parallel_for(results_, std::max<int64_t>(1, kSerialElements / (runs_ * std::min(plan_.length, kRunLength))), some);
  }

 private:
  double one_run(const void* in, int64_t from, int64_t k) const {
    const int64_t start = k % cuts_ * kRunLength;
    const int64_t at = from + plan_.reduced.offsets(k / cuts_).first + start;
    return loops_.run(element(in, at, dtype_), std::min(kRunLength, plan_.length - start));
  }

  void run_short(const void* in, void* out, int64_t begin, int64_t end) const {
    const int64_t from = plan_.kept.in[0], to = plan_.kept.out[0];
    auto* target = static_cast<std::byte*>(out) + begin * to * static_cast<int64_t>(size_of(dtype_));
    loops_.short_runs(element(in, begin * from, dtype_), end - begin, from, plan_.length, target, to);
  }

  void run_piecewise(const void* in, void* out, double* parts) const {
    const int64_t grain = std::max<int64_t>(1, kSerialElements / std::min(plan_.length, kRunLength));
    parallel_for(results_ * runs_, grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) parts[i] = one_run(in, plan_.kept.offsets(i / runs_).first, i % runs_);
    });
    for (int64_t r = 0; r < results_; ++r) {
      double total = neutral(op_);
      for (int64_t k = 0; k < runs_; ++k) total = joined(op_, total, parts[r * runs_ + k]);
      store_float(out, plan_.kept.offsets(r).second, total, dtype_);
    }
  }

  const OpId op_;
  const DType dtype_;
  const Plan plan_;
  const ReduceLoops loops_;
  int64_t cuts_, runs_, results_;
  bool serial_, piecewise_, short_;
};

/// Innermost axis kept: rows are joined column by column, the rows cut into pieces where columns are few.
class RowKernel final : public Kernel {
 public:
  RowKernel(OpId op, DType dtype, Plan plan)
      : op_(op), dtype_(dtype), plan_(std::move(plan)), loops_(reduce_loops(op, dtype)) {
    // Rows that lie close together on one axis are walked by the vector loop itself.
    Axes& r = plan_.reduced;
    if (const int last = r.shape.rank() - 1; last >= 0) {
      rows_ = r.shape[last];
      stride_ = r.in[last];
      r.shape.erase(last);
      r.in.erase(last);
      r.out.erase(last);
    }
    columns_ = plan_.length;
    outer_ = r.count();
    results_ = plan_.kept.count();
    // Narrow rows without gaps: several of them make one row, folded at the end.
    if (stride_ == columns_ && columns_ < kNarrow) fold_ = std::min(rows_, kNarrow / columns_);
    width_ = std::min<int64_t>(columns_, kColumns);
    blocks_ = (columns_ + width_ - 1) / width_;
    const int64_t elements = results_ * outer_ * rows_ * columns_;
    serial_ = elements <= kSerialElements;
    if (!serial_ && results_ * blocks_ < kFewResults) {
      const int64_t units = outer_ > 1 ? outer_ : rows_ / fold_;
      pieces_ = std::clamp<int64_t>(std::min(elements / kSerialElements, units), 1, kMaxPieces);
    }
  }

  size_t workspace_bytes() const override {
    return static_cast<size_t>(results_ * blocks_ * pieces_ * width_ * fold_) * sizeof(double);
  }

  void run(void* const* in, void* const* out, void* workspace) override {
    auto* totals = static_cast<double*>(workspace);
    const int64_t size = width_ * fold_, tasks = results_ * blocks_ * pieces_;
    const auto some = [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) join_piece(in[0], t / pieces_, t % pieces_, totals + t * size);
    };
    const auto finish = [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) store_block(out[0], b, totals + b * pieces_ * size);
    };
    if (serial_) {
      some(0, tasks);
      return finish(0, results_ * blocks_);
    }
    parallel_for(tasks, 1, some);
    parallel_for(results_ * blocks_, std::max<int64_t>(1, kSerialElements / (pieces_ * size)), finish);
  }

 private:
  static constexpr int64_t kNarrow = 64, kColumns = 1024;

  int64_t width_of(int64_t block) const { return std::min(width_, columns_ - block % blocks_ * width_); }

  /// Piece p of the rows of one block of columns.
  void join_piece(const void* in, int64_t block, int64_t p, double* totals) const {
    std::fill_n(totals, width_ * fold_, neutral(op_));
    const int64_t base = plan_.kept.offsets(block / blocks_).first + block % blocks_ * width_;
    const bool cut_outer = outer_ > 1;
    const int64_t begin = outer_ * p / pieces_, end = outer_ * (p + 1) / pieces_;
    for (int64_t o = cut_outer ? begin : 0; o < (cut_outer ? end : 1); ++o) {
      const int64_t at = base + plan_.reduced.offsets(o).first;
      const int64_t groups = rows_ / fold_;
      const int64_t first = cut_outer ? 0 : groups * p / pieces_,
                    last = cut_outer ? groups : groups * (p + 1) / pieces_;
      const int64_t width = width_of(block) * fold_;
      loops_.rows(element(in, at + first * fold_ * stride_, dtype_), last - first, fold_ * stride_, width, totals);
      if (last == groups && rows_ % fold_ != 0) {
        loops_.rows(element(in, at + groups * fold_ * stride_, dtype_), 1, stride_, rows_ % fold_ * columns_, totals);
      }
    }
  }

  void store_block(void* out, int64_t block, const double* totals) const {
    const int64_t to = plan_.kept.offsets(block / blocks_).second + block % blocks_ * width_ * plan_.out_step;
    const int64_t width = width_of(block);
    for (int64_t j = 0; j < width; ++j) {
      double total = neutral(op_);
      for (int64_t k = 0; k < pieces_ * fold_; ++k) total = joined(op_, total, totals[k * width_ + j]);
      store_float(out, to + j * plan_.out_step, total, dtype_);
    }
  }

  const OpId op_;
  const DType dtype_;
  Plan plan_;
  const ReduceLoops loops_;
  int64_t rows_ = 1, stride_ = 0, columns_, outer_, results_;
  int64_t fold_ = 1, width_, blocks_, pieces_ = 1;
  bool serial_;
};

// Integers wrap around.
template <class T>
T plus(T a, T b) {
  if constexpr (std::is_integral_v<T>) return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  return a + b;
}
template <class T>
T times(T a, T b) {
  if constexpr (std::is_integral_v<T>) return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  return a * b;
}

/// Every op, dtype and layout, element by element.
template <class T, class Total>
class ElementKernel final : public Kernel {
 public:
  ElementKernel(OpId op, Plan plan, int64_t results) : op_(op), plan_(std::move(plan)), results_(results) {
    (plan_.inner_reduced ? plan_.reduced : plan_.kept).add(plan_.length, plan_.in_step, plan_.out_step);
  }

  void run(void* const* in, void* const* out, void*) override {
    const auto* from = static_cast<const T*>(in[0]);
    auto* to = static_cast<T*>(out[0]);
    const Total start = op_ == OpId::prod ? Total(1) : Total(0);
    if (plan_.empty) {
      std::fill_n(to, results_, T(start));
      return;
    }
    const int64_t n = plan_.reduced.count();
    parallel_for(plan_.kept.count(), std::max<int64_t>(1, kSerialElements / 4 / n), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const auto [at, place] = plan_.kept.offsets(r);
        Total total = op_ == OpId::amax || op_ == OpId::amin ? Total(from[at]) : start;
        for (int64_t k = 0; k < n; ++k) total = join(total, Total(from[at + plan_.reduced.offsets(k).first]));
        to[place] = T(total);
      }
    });
  }

 private:
  Total join(Total a, Total x) const {
    switch (op_) {
      case OpId::prod:
        return times(a, x);
      case OpId::amax:
        return a != a ? a : x > a || x != x ? x : a;
      case OpId::amin:
        return a != a ? a : x < a || x != x ? x : a;
      default:
        return plus(a, x);
    }
  }

  const OpId op_;
  Plan plan_;
  const int64_t results_;
};

/// argmax, argmin of contiguous [outer, n, inner]: the first of equals, NaN before all.
template <class T, class Value>
class ArgKernel final : public Kernel {
 public:
  ArgKernel(const Meta& x, int axis, bool largest) : largest_(largest), n_(x.shape[axis]) {
    for (int i = 0; i < axis; ++i) outer_ *= x.shape[i];
    for (int i = axis + 1; i < x.rank(); ++i) inner_ *= x.shape[i];
  }

  void run(void* const* in, void* const* out, void*) override {
    const auto* x = static_cast<const T*>(in[0]);
    auto* y = static_cast<int64_t*>(out[0]);
    parallel_for(outer_, std::max<int64_t>(1, kSerialElements / std::max<int64_t>(1, n_ * inner_)),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t o = begin; o < end; ++o) one(x + o * n_ * inner_, y + o * inner_);
                 });
  }

 private:
  void one(const T* x, int64_t* y) const {
    for (int64_t i = 0; i < inner_; ++i) {
      auto best = Value(x[i]);
      y[i] = 0;
      for (int64_t k = 1; k < n_ && best == best; ++k) {
        const auto v = Value(x[k * inner_ + i]);
        if ((largest_ ? v > best : v < best) || v != v) {
          best = v;
          y[i] = k;
        }
      }
    }
  }

  const bool largest_;
  const int64_t n_;
  int64_t outer_ = 1, inner_ = 1;
};

/// Running sums along one axis of contiguous [outer, n, inner], totals wider than the elements.
template <class T, class Total>
class CumsumKernel final : public Kernel {
 public:
  CumsumKernel(const Meta& x, int axis, bool reverse) : reverse_(reverse), n_(x.shape[axis]) {
    for (int i = 0; i < axis; ++i) outer_ *= x.shape[i];
    for (int i = axis + 1; i < x.rank(); ++i) inner_ *= x.shape[i];
  }

  void run(void* const* in, void* const* out, void*) override {
    const auto* x = static_cast<const T*>(in[0]);
    auto* y = static_cast<T*>(out[0]);
    parallel_for(outer_ * inner_, std::max<int64_t>(1, kSerialElements / std::max<int64_t>(1, n_)),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t line = begin; line < end; ++line) {
                     const int64_t start = line / inner_ * n_ * inner_ + line % inner_;
                     Total total{};
                     for (int64_t k = 0; k < n_; ++k) {
                       const int64_t at = start + (reverse_ ? n_ - 1 - k : k) * inner_;
                       total = plus(total, Total(x[at]));
                       y[at] = T(total);
                     }
                   }
                 });
  }

 private:
  const bool reverse_;
  const int64_t n_;
  int64_t outer_ = 1, inner_ = 1;
};

/// f.operator()<element, total>() for the dtype.
template <class F>
KernelChoice with_types(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32:
      return f.template operator()<float, double>();
    case DType::f64:
      return f.template operator()<double, double>();
    case DType::bf16:
      return f.template operator()<bfloat16, double>();
    case DType::i64:
      return f.template operator()<int64_t, int64_t>();
    case DType::i32:
      return f.template operator()<int32_t, int64_t>();
    case DType::u8:
      return f.template operator()<uint8_t, int64_t>();
    default:
      return f.template operator()<bool, int64_t>();
  }
}

KernelChoice prepare_axes(const KernelRequest& r) {
  const Meta &in = r.in[0], &out = r.out[0];
  Plan plan = plan_reduction(in, out, r.attrs.as<ReduceAttrs>().axes);
  const bool vectors = reduce_loops(r.op, in.dtype).run && plan.in_step == 1 && !plan.empty;
  if (vectors && plan.inner_reduced) return std::make_unique<RunKernel>(r.op, in.dtype, std::move(plan));
  if (vectors) return std::make_unique<RowKernel>(r.op, in.dtype, std::move(plan));
  return with_types(in.dtype, [&]<class T, class Total>() -> KernelChoice {
    return std::make_unique<ElementKernel<T, Total>>(r.op, std::move(plan), out.numel());
  });
}

}  // namespace

KernelChoice prepare_reduce(const KernelRequest& r) {
  const Meta& x = r.in[0];
  if (r.op == OpId::argmax || r.op == OpId::argmin) {
    const int axis = static_cast<int>(r.attrs.as<ArgAttrs>().axis);
    return with_types(x.dtype, [&]<class T, class Total>() -> KernelChoice {
      return std::make_unique<ArgKernel<T, Total>>(x, axis, r.op == OpId::argmax);
    });
  }
  if (r.op == OpId::cumsum) {
    const auto& a = r.attrs.as<CumsumAttrs>();
    return with_types(x.dtype, [&]<class T, class Total>() -> KernelChoice {
      return std::make_unique<CumsumKernel<T, Total>>(x, static_cast<int>(a.axis), a.reverse);
    });
  }
  return prepare_axes(r);
}

}  // namespace lamina::cpu
