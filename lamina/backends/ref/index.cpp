#include <algorithm>
#include <numeric>
#include <string>

#include "lamina/backends/ref/kernels_internal.h"
#include "lamina/core/error.h"
#include "lamina/ops/index_attrs.h"

namespace lamina::ref {

namespace {

int axis_of(const KernelRequest& r) { return static_cast<int>(r.attrs.as<IndexAttrs>().axis); }

/// body(i, p): element i of the index refers to element p of x.
void for_each_reference(const Meta& x, const Meta& index, const std::vector<int64_t>& indices, int axis,
                        const std::function<void(size_t, size_t)>& body) {
  size_t i = 0;
  for_each_index(index.shape, [&](const Dims& at) {
    Dims source = at;
    source[axis] = indices[i];
    body(i++, static_cast<size_t>(position(source, x.shape)));
  });
}

/// body(i, p): element i of the slices refers to element p of x.
void for_each_row(const Meta& x, const std::vector<int64_t>& indices, int axis,
                  const std::function<void(size_t, size_t)>& body) {
  const Split s(x.shape, axis);
  size_t i = 0;
  for (int64_t o = 0; o < s.outer; ++o) {
    for (int64_t row : indices) {
      for (int64_t k = 0; k < s.inner; ++k) body(i++, static_cast<size_t>((o * s.n + row) * s.inner + k));
    }
  }
}

}  // namespace

Choice prepare_gather(const KernelRequest& r) {
  return [axis = axis_of(r), x = r.in[0], index = r.in[1], y = r.out[0]](void* const* in, void* const* out) {
    const std::vector<Scalar> source = read<Scalar>(x, in[0]);
    std::vector<Scalar> result(static_cast<size_t>(y.numel()));
    for_each_reference(x, index, read_indices(index, in[1], x.shape[axis], "gather"), axis,
                       [&](size_t i, size_t p) { result[i] = source[p]; });
    write(y, out[0], result);
  };
}

Choice prepare_scatter_add(const KernelRequest& r) {
  return with_class(r.in[0].dtype, [&]<class V>() -> Choice {
    return [axis = axis_of(r), x = r.in[0], index = r.in[1], source = r.in[2], y = r.out[0]](void* const* in,
                                                                                             void* const* out) {
      std::vector<V> result = read<V>(x, in[0]);
      const std::vector<V> added = read<V>(source, in[2]);
      for_each_reference(x, index, read_indices(index, in[1], x.shape[axis], "scatter_add"), axis,
                         [&](size_t i, size_t p) { result[p] += added[i]; });
      write(y, out[0], result);
    };
  });
}

Choice prepare_index_select(const KernelRequest& r) {
  return [axis = axis_of(r), x = r.in[0], index = r.in[1], y = r.out[0]](void* const* in, void* const* out) {
    const std::vector<Scalar> source = read<Scalar>(x, in[0]);
    std::vector<Scalar> result(static_cast<size_t>(y.numel()));
    for_each_row(x, read_indices(index, in[1], x.shape[axis], "index_select"), axis,
                 [&](size_t i, size_t p) { result[i] = source[p]; });
    write(y, out[0], result);
  };
}

Choice prepare_index_add(const KernelRequest& r) {
  return with_class(r.in[0].dtype, [&]<class V>() -> Choice {
    return [axis = axis_of(r), x = r.in[0], index = r.in[1], source = r.in[2], y = r.out[0]](void* const* in,
                                                                                             void* const* out) {
      std::vector<V> result = read<V>(x, in[0]);
      const std::vector<V> added = read<V>(source, in[2]);
      for_each_row(x, read_indices(index, in[1], x.shape[axis], "index_add"), axis,
                   [&](size_t i, size_t p) { result[p] += added[i]; });
      write(y, out[0], result);
    };
  });
}

Choice prepare_one_hot(const KernelRequest& r) {
  const auto a = r.attrs.as<OneHotAttrs>();
  return [a, ids = r.in[0], y = r.out[0]](void* const* in, void* const* out) {
    const std::vector<int64_t> classes = read<int64_t>(ids, in[0]);
    std::vector<double> result(static_cast<size_t>(y.numel()));
    for (size_t i = 0; i < classes.size(); ++i) {
      if (classes[i] >= a.classes) {
        throw Error("one_hot", "id " + std::to_string(classes[i]) + " is out of range")
            .detail("expected less than " + std::to_string(a.classes) + ", at element " + std::to_string(i) + " of " +
                    ids.str());
      }
      if (classes[i] >= 0) result[i * static_cast<size_t>(a.classes) + static_cast<size_t>(classes[i])] = 1;
    }
    write(y, out[0], result);
  };
}

Choice prepare_sort(const KernelRequest& r) {
  return with_class(r.in[0].dtype, [&]<class V>() -> Choice {
    return [a = r.attrs.as<SortAttrs>(), x = r.in[0], outs = Metas(r.out.begin(), r.out.end())](void* const* in,
                                                                                                void* const* out) {
      std::vector<V> values = read<V>(x, in[0]);
      std::vector<int64_t> indices(values.size()), order(static_cast<size_t>(x.shape[static_cast<int>(a.axis)]));
      const Split s(x.shape, static_cast<int>(a.axis));
      // NaN counts as larger than all numbers.
      const auto before = [&](V left, V right) {
        if (left != left || right != right)
          return a.descending ? left != left && right == right : left == left && right != right;
        return a.descending ? left > right : left < right;
      };
      std::vector<V> row(order.size());
      for (int64_t line = 0; line < s.outer * s.inner; ++line) {
        const int64_t start = line / s.inner * s.n * s.inner + line % s.inner;
        const auto at = [&](size_t k) { return static_cast<size_t>(start + static_cast<int64_t>(k) * s.inner); };
        for (size_t k = 0; k < row.size(); ++k) row[k] = values[at(k)];
        std::iota(order.begin(), order.end(), int64_t{0});
        std::stable_sort(order.begin(), order.end(), [&](int64_t i, int64_t j) {
          return before(row[static_cast<size_t>(i)], row[static_cast<size_t>(j)]);
        });
        for (size_t k = 0; k < row.size(); ++k) {
          values[at(k)] = row[static_cast<size_t>(order[k])];
          indices[at(k)] = order[k];
        }
      }
      write(outs[0], out[0], values);
      write(outs[1], out[1], indices);
    };
  });
}

}  // namespace lamina::ref
