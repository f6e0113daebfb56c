// softmax, log_softmax and the cross-entropy of rows: one pass over each row in cache after its maximum.
#include <algorithm>
#include <cmath>
#include <string>

#include "lamina/backends/cpu/kernels.h"
#include "lamina/backends/cpu/simd.h"
#include "lamina/core/error.h"
#include "lamina/core/parallel.h"
#include "lamina/ops/softmax_attrs.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/backends/cpu/softmax.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.
#include "lamina/backends/cpu/simd-inl.h"

#ifndef LAMINA_BACKENDS_CPU_SOFTMAX_ONCE_
#define LAMINA_BACKENDS_CPU_SOFTMAX_ONCE_
namespace lamina::cpu {

/// The maximum, and log Σ e^(x − maximum): apart, since their sum loses digits far from zero.
struct LogSum {
  float top, log_sum;
};

/// Loops over f32. Rows of n elements; lines of n elements that lie `inner` apart, `inner` of them side by side.
struct SoftmaxLoops {
  void (*rows)(const float* x, float* y, int64_t rows, int64_t n, bool take_log);
  void (*lines)(const float* x, float* y, int64_t n, int64_t inner, bool take_log);
  /// log Σ e^x of each row, in its two parts.
  void (*log_sum_exp)(const float* x, LogSum* y, int64_t rows, int64_t n);
};

}  // namespace lamina::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace lamina::cpu::HWY_NAMESPACE {

namespace {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

float largest_of(const float* x, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const V low = hn::Set(d, -HUGE_VALF);
  V top = low, other = low;
  size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    top = hn::Max(top, hn::LoadU(d, x + i));
    other = hn::Max(other, hn::LoadU(d, x + i + lanes));
  }
  for (; i + lanes <= n; i += lanes) top = hn::Max(top, hn::LoadU(d, x + i));
  if (i < n) other = hn::Max(other, hn::IfThenElse(hn::FirstN(d, n - i), load_part(d, x + i, n - i), low));
  return hn::GetLane(hn::MaxOfLanes(d, hn::Max(top, other)));
}

/// Σ e^(x − shift); the terms go to y where it is not null.
double sum_of_exp(const float* x, float* y, size_t n, float shift) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const V s = hn::Set(d, shift);
  double total = 0;
  constexpr size_t kBlock = 4096;  // terms added up in f32
  for (size_t begin = 0; begin < n; begin += kBlock) {
    const size_t end = std::min(n, begin + kBlock);
    V sum = hn::Zero(d);
    size_t i = begin;
    for (; i + lanes <= end; i += lanes) {
      const V e = vexp(d, hn::Sub(hn::LoadU(d, x + i), s));
      if (y) hn::StoreU(e, d, y + i);
      sum = hn::Add(sum, e);
    }
    if (i < end) {
      const V e = vexp(d, hn::Sub(load_part(d, x + i, end - i), s));
      if (y) store_part(e, d, y + i, end - i);
      sum = hn::Add(sum, hn::IfThenElseZero(hn::FirstN(d, end - i), e));
    }
    total += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, sum)));
  }
  return total;
}

struct Scale {
  float by;
  template <class D1, class V1>
  HWY_INLINE V1 operator()(D1 d, V1 x) const {
    return hn::Mul(x, hn::Set(d, by));
  }
};
struct Shift {
  LogSum by;
  template <class D1, class V1>
  HWY_INLINE V1 operator()(D1 d, V1 x) const {
    return hn::Sub(hn::Sub(x, hn::Set(d, by.top)), hn::Set(d, by.log_sum));
  }
};

LogSum log_sum_exp(const float* x, int64_t n) {
  const auto count = static_cast<size_t>(n);
  const float top = largest_of(x, count);
  return {top, static_cast<float>(std::log(sum_of_exp(x, nullptr, count, top)))};
}

/// Short rows are turned, a vector of rows at a time, so that each lane works on a row of its own.
constexpr int64_t kShort = 64;
constexpr auto kMostLanes = static_cast<int64_t>(HWY_MAX_BYTES / sizeof(float));

struct ShortRows {
  HWY_ALIGN float values[kShort * kMostLanes];  // [n, lanes]
  V top, sum;

  /// Reads `used` rows; turns x into e^(x − top) where `keep_terms`.
  void load(const float* x, int64_t used, int64_t n, bool keep_terms) {
    const D d;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    for (int64_t r = 0; r < lanes; ++r) {
      for (int64_t k = 0; k < n; ++k) values[k * lanes + r] = r < used ? x[r * n + k] : 0;
    }
    top = hn::Set(d, -HUGE_VALF);
    sum = hn::Zero(d);
    for (int64_t k = 0; k < n; ++k) top = hn::Max(top, hn::Load(d, values + k * lanes));
    for (int64_t k = 0; k < n; ++k) {
      const V e = vexp(d, hn::Sub(hn::Load(d, values + k * lanes), top));
      if (keep_terms) hn::Store(e, d, values + k * lanes);
      sum = hn::Add(sum, e);
    }
  }
  V log_sum() const { return vlog(D(), sum); }
};

void log_sum_exp_rows(const float* x, LogSum* y, int64_t rows, int64_t n) {
  if (n > kShort) {
    for (int64_t r = 0; r < rows; ++r) y[r] = log_sum_exp(x + r * n, n);
    return;
  }
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  ShortRows block;
  for (int64_t r = 0; r < rows; r += lanes) {
    const int64_t used = std::min(lanes, rows - r);
    block.load(x + r * n, used, n, false);
    HWY_ALIGN float tops[kMostLanes], logs[kMostLanes];
    hn::Store(block.top, d, tops);
    hn::Store(block.log_sum(), d, logs);
    for (int64_t u = 0; u < used; ++u) y[r + u] = {tops[u], logs[u]};
  }
}

void short_rows(const float* x, float* y, int64_t rows, int64_t n, bool take_log) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  ShortRows block;
  for (int64_t r = 0; r < rows; r += lanes) {
    const int64_t used = std::min(lanes, rows - r);
    block.load(x + r * n, used, n, !take_log);
    const V shift = take_log ? block.log_sum() : hn::Div(hn::Set(d, 1.0F), block.sum);
    for (int64_t k = 0; k < n; ++k) {
      const V v = hn::Load(d, block.values + k * lanes);
      const V result = take_log ? hn::Sub(hn::Sub(v, block.top), shift) : hn::Mul(v, shift);
      hn::Store(result, d, block.values + k * lanes);
    }
    for (int64_t u = 0; u < used; ++u) {
      for (int64_t k = 0; k < n; ++k) y[(r + u) * n + k] = block.values[k * lanes + u];
    }
  }
}

void rows(const float* x, float* y, int64_t rows, int64_t n, bool take_log) {
  if (n <= kShort) return short_rows(x, y, rows, n, take_log);
  const auto count = static_cast<size_t>(n);
  for (int64_t r = 0; r < rows; ++r, x += n, y += n) {
    if (take_log) {
      map_unary(y, x, count, Shift{log_sum_exp(x, n)});
    } else {
      map_unary(y, y, count, Scale{static_cast<float>(1 / sum_of_exp(x, y, count, largest_of(x, count)))});
    }
  }
}

/// One vector of lines; `used` lanes of it exist.
HWY_INLINE void line_block(const float* x, float* y, int64_t n, int64_t inner, bool take_log, size_t used) {
  const D d;
  const bool whole = used == hn::Lanes(d);
  const auto at = [&](const float* p, int64_t k)
                      HWY_ATTR { return whole ? hn::LoadU(d, p + k * inner) : load_part(d, p + k * inner, used); };
  const auto put = [&](V v, int64_t k) HWY_ATTR {
    if (whole) {
      hn::StoreU(v, d, y + k * inner);
    } else {
      store_part(v, d, y + k * inner, used);
    }
  };
  V top = hn::Set(d, -HUGE_VALF), sum = hn::Zero(d);
  for (int64_t k = 0; k < n; ++k) top = hn::Max(top, at(x, k));
  for (int64_t k = 0; k < n; ++k) {
    const V e = vexp(d, hn::Sub(at(x, k), top));
    if (!take_log) put(e, k);
    sum = hn::Add(sum, e);
  }
  const V log_sum = vlog(d, sum), scale = hn::Div(hn::Set(d, 1.0F), sum);
  for (int64_t k = 0; k < n; ++k) {
    put(take_log ? hn::Sub(hn::Sub(at(x, k), top), log_sum) : hn::Mul(at(y, k), scale), k);
  }
}

void lines(const float* x, float* y, int64_t n, int64_t inner, bool take_log) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
  for (int64_t i = 0; i < inner; i += lanes) {
    line_block(x + i, y + i, n, inner, take_log, static_cast<size_t>(std::min(lanes, inner - i)));
  }
}

}  // namespace

SoftmaxLoops softmax_loops() { return {rows, lines, log_sum_exp_rows}; }

}  // namespace lamina::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::cpu {

HWY_EXPORT(softmax_loops);

namespace {

constexpr int64_t kChunkElements = 8 << 10;

SoftmaxLoops loops() { return HWY_DYNAMIC_DISPATCH(softmax_loops)(); }

/// A shape seen as [outer, n, inner].
struct Split {
  int64_t outer = 1, n, inner = 1;
  Split(const Shape& shape, int axis) : n(shape[axis]) {
    for (int i = 0; i < axis; ++i) outer *= shape[i];
    for (int i = axis + 1; i < shape.rank(); ++i) inner *= shape[i];
  }
  int64_t grain() const { return std::max<int64_t>(1, kChunkElements / std::max<int64_t>(1, n * inner)); }
};

class SoftmaxKernel final : public Kernel {
 public:
  SoftmaxKernel(Split s, bool take_log) : s_(s), take_log_(take_log), loops_(loops()) {}

  void run(void* const* in, void* const* out, void*) override {
    const auto* x = static_cast<const float*>(in[0]);
    auto* y = static_cast<float*>(out[0]);
    if (s_.n == 0 || s_.inner == 0) return;
    parallel_for(s_.outer, s_.grain(), [&](int64_t begin, int64_t end) {
      const int64_t size = s_.n * s_.inner;
      if (s_.inner == 1) return loops_.rows(x + begin * size, y + begin * size, end - begin, s_.n, take_log_);
      for (int64_t o = begin; o < end; ++o) loops_.lines(x + o * size, y + o * size, s_.n, s_.inner, take_log_);
    });
  }

 private:
  const Split s_;
  const bool take_log_;
  const SoftmaxLoops loops_;
};

/// f64 and bf16, line by line.
template <class T>
class PlainSoftmaxKernel final : public Kernel {
 public:
  PlainSoftmaxKernel(Split s, bool take_log) : s_(s), take_log_(take_log) {}

  void run(void* const* in, void* const* out, void*) override {
    const auto* x = static_cast<const T*>(in[0]);
    auto* y = static_cast<T*>(out[0]);
    parallel_for(s_.outer * s_.inner, std::max<int64_t>(1, kChunkElements / std::max<int64_t>(1, s_.n)),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t line = begin; line < end; ++line) {
                     const int64_t start = line / s_.inner * s_.n * s_.inner + line % s_.inner;
                     one(x + start, y + start);
                   }
                 });
  }

 private:
  void one(const T* x, T* y) const {
    double top = -INFINITY, sum = 0;
    for (int64_t k = 0; k < s_.n; ++k) top = std::max(top, static_cast<double>(x[k * s_.inner]));
    for (int64_t k = 0; k < s_.n; ++k) sum += std::exp(static_cast<double>(x[k * s_.inner]) - top);
    const double shift = top + std::log(sum);
    for (int64_t k = 0; k < s_.n; ++k) {
      const double v = static_cast<double>(x[k * s_.inner]);
      y[k * s_.inner] = T(take_log_ ? v - shift : std::exp(v - top) / sum);
    }
  }

  const Split s_;
  const bool take_log_;
};

/// logits [n, classes], target [n] → [n].
class CrossEntropyKernel final : public Kernel {
 public:
  CrossEntropyKernel(const Meta& logits, const Meta& target)
      : rows_(logits.shape[0]), classes_(logits.shape[1]), wide_(target.dtype == DType::i64), target_(target.str()) {}

  void run(void* const* in, void* const* out, void*) override {
    const auto* x = static_cast<const float*>(in[0]);
    auto* y = static_cast<float*>(out[0]);
    const SoftmaxLoops l = loops_;
    parallel_for(rows_, std::max<int64_t>(1, kChunkElements / std::max<int64_t>(1, classes_)),
                 [&](int64_t begin, int64_t end) {
                   LogSum sums[kBlock];
                   for (int64_t first = begin; first < end; first += kBlock) {
                     const int64_t n = std::min(kBlock, end - first);
                     l.log_sum_exp(x + first * classes_, sums, n, classes_);
                     for (int64_t i = 0; i < n; ++i) {
                       const int64_t r = first + i, c = class_of(in[1], r);
                       y[r] = c < 0 ? 0 : sums[i].log_sum + (sums[i].top - x[r * classes_ + c]);
                     }
                   }
                 });
  }

 private:
  static constexpr int64_t kBlock = 64;  // rows at a time

  int64_t class_of(const void* target, int64_t row) const {
    const int64_t c = wide_ ? static_cast<const int64_t*>(target)[row] : static_cast<const int32_t*>(target)[row];
    if (c < classes_) return c;
    throw Error("cross_entropy", "target " + std::to_string(c) + " is out of range")
        .detail("expected 0 to " + std::to_string(classes_ - 1) + ", at row " + std::to_string(row) + " of " + target_);
  }

  const int64_t rows_, classes_;
  const bool wide_;
  const std::string target_;
  const SoftmaxLoops loops_ = loops();
};

}  // namespace

KernelChoice prepare_softmax(const KernelRequest& r) {
  const Meta& x = r.in[0];
  for (const Meta& m : r.in) {
    if (!m.is_contiguous()) return Refusal{"needs contiguous inputs"};
  }
  if (!r.out[0].is_contiguous()) return Refusal{"writes contiguous results"};
  if (r.op == OpId::cross_entropy_rows) {
    if (x.dtype != DType::f32) return Refusal{"takes logits in f32"};
    return std::make_unique<CrossEntropyKernel>(x, r.in[1]);
  }
  const Split split(x.shape, static_cast<int>(r.attrs.as<SoftmaxAttrs>().axis));
  const bool take_log = r.op == OpId::log_softmax;
  switch (x.dtype) {
    case DType::f32:
      return std::make_unique<SoftmaxKernel>(split, take_log);
    case DType::f64:
      return std::make_unique<PlainSoftmaxKernel<double>>(split, take_log);
    case DType::bf16:
      return std::make_unique<PlainSoftmaxKernel<bfloat16>>(split, take_log);
    default:
      return Refusal{"takes floating-point numbers"};
  }
}

}  // namespace lamina::cpu
#endif
