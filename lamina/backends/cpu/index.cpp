// gather, scatter_add, index_select, index_add, one_hot, sort. Inputs and outputs are contiguous.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>

#include "lamina/backends/cpu/kernels.h"
#include "lamina/core/error.h"
#include "lamina/core/parallel.h"
#include "lamina/ops/index_attrs.h"

namespace lamina::cpu {

namespace {

constexpr int64_t kChunkElements = 8 << 10;

int64_t grain_of(int64_t elements) { return std::max<int64_t>(1, kChunkElements / std::max<int64_t>(1, elements)); }

/// A shape seen as [outer, n, inner].
struct Split {
  int64_t outer = 1, n, inner = 1;
  Split(const Shape& shape, int axis) : n(shape[axis]) {
    for (int i = 0; i < axis; ++i) outer *= shape[i];
    for (int i = axis + 1; i < shape.rank(); ++i) inner *= shape[i];
  }
};

/// Elements of an i64 or i32 tensor, each checked to lie in [0, extent).
struct Indices {
  OpId op;
  bool wide;
  int64_t extent;
  std::string text;

  Indices(OpId op_, const Meta& index, int64_t extent_)
      : op(op_), wide(index.dtype == DType::i64), extent(extent_), text(index.str()) {}
  int64_t at(const void* data, int64_t i) const {
    const int64_t v = wide ? static_cast<const int64_t*>(data)[i] : static_cast<const int32_t*>(data)[i];
    if (static_cast<uint64_t>(v) < static_cast<uint64_t>(extent)) return v;
    throw Error(std::string(name_of(op)), "index " + std::to_string(v) + " is out of range")
        .detail("expected 0 to " + std::to_string(extent - 1) + ", at element " + std::to_string(i) + " of " + text);
  }
};

/// Of gather and scatter_add: position in x of the line (a place off the axis) that element i of the index
/// belongs to.
struct Lines {
  Shape shape;
  Strides strides;
  int axis;

  Lines(const Meta& x, const Meta& index, int axis_)
      : shape(index.shape), strides(contiguous_strides(x.shape)), axis(axis_) {}
  int64_t stride() const { return strides[axis]; }
  int64_t base(int64_t i) const {
    int64_t offset = 0;
    for (int d = shape.rank() - 1; d >= 0; --d) {
      if (d != axis) offset += i % shape[d] * strides[d];
      i /= shape[d];
    }
    return offset;
  }
};

template <class T>
class GatherKernel final : public Kernel {
 public:
  GatherKernel(const KernelRequest& r, int axis)
      : lines_(r.in[0], r.in[1], axis), indices_(r.op, r.in[1], r.in[0].shape[axis]), n_(r.in[1].numel()) {}

  void run(void* const* in, void* const* out, void*) override {
    const auto* x = static_cast<const T*>(in[0]);
    auto* y = static_cast<T*>(out[0]);
    parallel_for(n_, kChunkElements, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) y[i] = x[lines_.base(i) + indices_.at(in[1], i) * lines_.stride()];
    });
  }

 private:
  const Lines lines_;
  const Indices indices_;
  const int64_t n_;
};

// Integers wrap around.
template <class T>
T sum_of(T a, T b) {
  if constexpr (std::is_same_v<T, bool>) {
    return a || b;
  } else if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  } else {
    return T(a + b);
  }
}

/// Terms are added in the order of the index. Threads share out the outer positions, which no two terms of
/// different positions touch.
template <class T>
class ScatterAddKernel final : public Kernel {
 public:
  ScatterAddKernel(const KernelRequest& r, int axis)
      : lines_(r.in[0], r.in[1], axis),
        indices_(r.op, r.in[1], r.in[0].shape[axis]),
        total_(r.in[0].numel()),
        index_(r.in[1].shape, axis) {}

  void run(void* const* in, void* const* out, void*) override {
    auto* y = static_cast<T*>(out[0]);
    const auto* source = static_cast<const T*>(in[2]);
    if (out[0] != in[0]) std::memcpy(y, in[0], static_cast<size_t>(total_) * sizeof(T));
    const int64_t size = index_.n * index_.inner;
    parallel_for(index_.outer, grain_of(size), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin * size; i < end * size; ++i) {
        T& to = y[lines_.base(i) + indices_.at(in[1], i) * lines_.stride()];
        to = sum_of(to, source[i]);
      }
    });
  }

 private:
  const Lines lines_;
  const Indices indices_;
  const int64_t total_;
  const Split index_;
};

class SelectKernel final : public Kernel {
 public:
  SelectKernel(const KernelRequest& r, int axis)
      : x_(r.in[0].shape, axis),
        indices_(r.op, r.in[1], x_.n),
        rows_(r.in[1].shape[0]),
        bytes_(static_cast<size_t>(x_.inner) * size_of(r.in[0].dtype)) {}

  void run(void* const* in, void* const* out, void*) override {
    const auto* x = static_cast<const std::byte*>(in[0]);
    auto* y = static_cast<std::byte*>(out[0]);
    parallel_for(x_.outer * rows_, grain_of(x_.inner), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t row = i / rows_ * x_.n + indices_.at(in[1], i % rows_);
        std::memcpy(y + static_cast<size_t>(i) * bytes_, x + static_cast<size_t>(row) * bytes_, bytes_);
      }
    });
  }

 private:
  const Split x_;
  const Indices indices_;
  const int64_t rows_;
  const size_t bytes_;
};

/// Terms are added in the order of the index. Threads share out columns, so that none meets another.
template <class T>
class IndexAddKernel final : public Kernel {
 public:
  IndexAddKernel(const KernelRequest& r, int axis)
      : x_(r.in[0].shape, axis), indices_(r.op, r.in[1], x_.n), rows_(r.in[1].shape[0]), total_(r.in[0].numel()) {}

  void run(void* const* in, void* const* out, void*) override {
    auto* y = static_cast<T*>(out[0]);
    const auto* source = static_cast<const T*>(in[2]);
    if (out[0] != in[0]) std::memcpy(y, in[0], static_cast<size_t>(total_) * sizeof(T));
    const int64_t cuts = (x_.inner + kColumns - 1) / kColumns;
    parallel_for(x_.outer * cuts, grain_of(rows_ * std::min(kColumns, x_.inner)), [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; ++task) {
        const int64_t outer = task / cuts, column = task % cuts * kColumns;
        const int64_t width = std::min(kColumns, x_.inner - column);
        for (int64_t k = 0; k < rows_; ++k) {
          T* to = y + (outer * x_.n + indices_.at(in[1], k)) * x_.inner + column;
          const T* from = source + (outer * rows_ + k) * x_.inner + column;
          for (int64_t j = 0; j < width; ++j) to[j] = sum_of(to[j], from[j]);
        }
      }
    });
  }

 private:
  static constexpr int64_t kColumns = 64;
  const Split x_;
  const Indices indices_;
  const int64_t rows_, total_;
};

template <class T>
class OneHotKernel final : public Kernel {
 public:
  OneHotKernel(const Meta& ids, int64_t classes)
      : n_(ids.numel()), classes_(classes), wide_(ids.dtype == DType::i64), text_(ids.str()) {}

  void run(void* const* in, void* const* out, void*) override {
    auto* y = static_cast<T*>(out[0]);
    parallel_for(n_, grain_of(classes_), [&](int64_t begin, int64_t end) {
      std::fill(y + begin * classes_, y + end * classes_, T(0.0F));
      for (int64_t i = begin; i < end; ++i) {
        const int64_t id = wide_ ? static_cast<const int64_t*>(in[0])[i] : static_cast<const int32_t*>(in[0])[i];
        if (id >= classes_) refuse(id, i);
        if (id >= 0) y[i * classes_ + id] = T(1.0F);
      }
    });
  }

 private:
  [[noreturn]] void refuse(int64_t id, int64_t at) const {
    throw Error("one_hot", "id " + std::to_string(id) + " is out of range")
        .detail("expected less than " + std::to_string(classes_) + ", at element " + std::to_string(at) + " of " +
                text_);
  }

  const int64_t n_, classes_;
  const bool wide_;
  const std::string text_;
};

/// Stable; NaN counts as larger than all numbers.
template <class T, class Value>
class SortKernel final : public Kernel {
 public:
  SortKernel(const Meta& x, int axis, bool descending) : x_(x.shape, axis), descending_(descending) {}

  void run(void* const* in, void* const* out, void*) override {
    const auto* x = static_cast<const T*>(in[0]);
    parallel_for(x_.outer * x_.inner, std::max<int64_t>(1, grain_of(x_.n) / 8), [&](int64_t begin, int64_t end) {
      std::vector<std::pair<Value, int64_t>> line(static_cast<size_t>(x_.n));
      for (int64_t i = begin; i < end; ++i) {
        const int64_t start = i / x_.inner * x_.n * x_.inner + i % x_.inner;
        for (int64_t k = 0; k < x_.n; ++k) line[static_cast<size_t>(k)] = {Value(x[start + k * x_.inner]), k};
        sort_line(line);
        for (int64_t k = 0; k < x_.n; ++k) {
          const auto& [value, index] = line[static_cast<size_t>(k)];
          if (out[0]) static_cast<T*>(out[0])[start + k * x_.inner] = T(value);
          if (out[1]) static_cast<int64_t*>(out[1])[start + k * x_.inner] = index;
        }
      }
    });
  }

 private:
  static bool less(Value a, Value b) { return a < b || (b != b && a == a); }

  void sort_line(std::vector<std::pair<Value, int64_t>>& line) const {
    // The index breaks ties, which makes the faster unstable sort stable.
    if (descending_) {
      std::sort(line.begin(), line.end(), [](const auto& a, const auto& b) {
        return less(b.first, a.first) || (!less(a.first, b.first) && a.second < b.second);
      });
    } else {
      std::sort(line.begin(), line.end(), [](const auto& a, const auto& b) {
        return less(a.first, b.first) || (!less(b.first, a.first) && a.second < b.second);
      });
    }
  }

  const Split x_;
  const bool descending_;
};

template <class F>
KernelChoice with_type(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32:
      return f.template operator()<float>();
    case DType::f64:
      return f.template operator()<double>();
    case DType::bf16:
      return f.template operator()<bfloat16>();
    case DType::i64:
      return f.template operator()<int64_t>();
    case DType::i32:
      return f.template operator()<int32_t>();
    case DType::u8:
      return f.template operator()<uint8_t>();
    default:
      return f.template operator()<bool>();
  }
}

}  // namespace

KernelChoice prepare_index(const KernelRequest& r) {
  const Meta& x = r.in[0];
  for (const Meta& m : r.in) {
    if (!m.is_contiguous()) return Refusal{"needs contiguous inputs"};
  }
  for (const Meta& m : r.out) {
    if (!m.is_contiguous()) return Refusal{"writes contiguous results"};
  }
  if (r.op == OpId::one_hot) {
    return with_type(r.out[0].dtype, [&]<class T>() -> KernelChoice {
      return std::make_unique<OneHotKernel<T>>(x, r.attrs.as<OneHotAttrs>().classes);
    });
  }
  if (r.op == OpId::sort) {
    const auto& a = r.attrs.as<SortAttrs>();
    return with_type(x.dtype, [&]<class T>() -> KernelChoice {
      using Value = std::conditional_t<std::is_same_v<T, bfloat16>, float, T>;
      return std::make_unique<SortKernel<T, Value>>(x, static_cast<int>(a.axis), a.descending);
    });
  }
  const int axis = static_cast<int>(r.attrs.as<IndexAttrs>().axis);
  if (r.op == OpId::index_select) return std::make_unique<SelectKernel>(r, axis);
  return with_type(x.dtype, [&]<class T>() -> KernelChoice {
    if (r.op == OpId::gather) return std::make_unique<GatherKernel<T>>(r, axis);
    if (r.op == OpId::scatter_add) return std::make_unique<ScatterAddKernel<T>>(r, axis);
    return std::make_unique<IndexAddKernel<T>>(r, axis);
  });
}

}  // namespace lamina::cpu
