#include <cmath>
#include <limits>

#include "lamina/backends/ref/kernels_internal.h"
#include "lamina/ops/reduce_attrs.h"

namespace lamina::ref {

namespace {

template <class V>
bool is_nan(V value) {
  return value != value;
}

/// Does `candidate` replace `best`? NaN replaces every number; the first of equals stays.
template <class V>
bool beats(V candidate, V best, bool largest) {
  if (is_nan(best)) return false;
  return is_nan(candidate) || (largest ? candidate > best : candidate < best);
}

template <class V>
V combined(OpId op, V total, V value) {
  switch (op) {
    case OpId::prod:
      return static_cast<V>(total * value);
    case OpId::amax:
      return beats(value, total, true) ? value : total;
    case OpId::amin:
      return beats(value, total, false) ? value : total;
    default:
      return static_cast<V>(total + value);
  }
}

template <>
int64_t combined(OpId op, int64_t total, int64_t value) {
  const auto a = static_cast<uint64_t>(total), b = static_cast<uint64_t>(value);  // which wraps around
  switch (op) {
    case OpId::prod:
      return static_cast<int64_t>(a * b);
    case OpId::amax:
      return std::max(total, value);
    case OpId::amin:
      return std::min(total, value);
    default:
      return static_cast<int64_t>(a + b);
  }
}

}  // namespace

Choice prepare_reduce(const KernelRequest& r) {
  return with_class(r.in[0].dtype, [&]<class V>() -> Choice {
    const Dims axes = r.attrs.as<ReduceAttrs>().axes;
    Shape kept = r.in[0].shape;  // with extents of 1 on the reduced axes
    for (int64_t axis : axes) kept[static_cast<int>(axis)] = 1;
    return [op = r.op, axes, kept, x = r.in[0], y = r.out[0]](void* const* in, void* const* out) {
      const std::vector<V> source = read<V>(x, in[0]);
      std::vector<V> result(static_cast<size_t>(y.numel()), op == OpId::prod ? V{1} : V{0});
      std::vector<bool> begun(result.size(), op == OpId::sum || op == OpId::prod);
      size_t i = 0;
      for_each_index(x.shape, [&](const Dims& index) {
        Dims at = index;
        for (int64_t axis : axes) at[static_cast<int>(axis)] = 0;
        const auto p = static_cast<size_t>(position(at, kept));
        result[p] = begun[p] ? combined(op, result[p], source[i]) : source[i];
        begun[p] = true;
        ++i;
      });
      write(y, out[0], result);
    };
  });
}

Choice prepare_arg(const KernelRequest& r) {
  return with_class(r.in[0].dtype, [&]<class V>() -> Choice {
    const int axis = static_cast<int>(r.attrs.as<ArgAttrs>().axis);
    return [largest = r.op == OpId::argmax, axis, x = r.in[0], y = r.out[0]](void* const* in, void* const* out) {
      const std::vector<V> source = read<V>(x, in[0]);
      const Split s(x.shape, axis);
      std::vector<int64_t> result;
      for (int64_t o = 0; o < s.outer; ++o) {
        for (int64_t i = 0; i < s.inner; ++i) {
          const auto at = [&](int64_t k) { return source[static_cast<size_t>((o * s.n + k) * s.inner + i)]; };
          int64_t best = 0;
          for (int64_t k = 1; k < s.n; ++k) best = beats(at(k), at(best), largest) ? k : best;
          result.push_back(best);
        }
      }
      write(y, out[0], result);
    };
  });
}

Choice prepare_cumsum(const KernelRequest& r) {
  return with_class(r.in[0].dtype, [&]<class V>() -> Choice {
    return [a = r.attrs.as<CumsumAttrs>(), x = r.in[0], y = r.out[0]](void* const* in, void* const* out) {
      std::vector<V> values = read<V>(x, in[0]);
      const Split s(x.shape, static_cast<int>(a.axis));
      for (int64_t o = 0; o < s.outer; ++o) {
        for (int64_t i = 0; i < s.inner; ++i) {
          V total{};
          for (int64_t k = 0; k < s.n; ++k) {
            V& v = values[static_cast<size_t>((o * s.n + (a.reverse ? s.n - 1 - k : k)) * s.inner + i)];
            v = total = combined(OpId::sum, total, v);
          }
        }
      }
      write(y, out[0], values);
    };
  });
}

}  // namespace lamina::ref
