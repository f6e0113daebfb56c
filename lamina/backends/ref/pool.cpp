#include <algorithm>

#include "lamina/backends/ref/kernels_internal.h"
#include "lamina/ops/pool_attrs.h"

namespace lamina::ref {

namespace {

/// The windows over one spatial axis: fixed, or adaptive where kernel is 0.
struct Axis {
  int64_t in = 1, out = 1, kernel = 1, stride = 1, pad = 0, dilation = 1;

  struct Window {
    int64_t begin, end, step;  // of the input
    int64_t with_padding;      // elements, counting the padding
  };
  Window window(int64_t o) const {
    if (kernel == 0) {
      const int64_t begin = o * in / out, end = ((o + 1) * in + out - 1) / out;
      return {begin, end, 1, end - begin};
    }
    const int64_t start = o * stride - pad, end = start + dilation * (kernel - 1) + 1;
    const int64_t begin = start < 0 ? start + (-start + dilation - 1) / dilation * dilation : start;
    return {begin, std::min(end, in), dilation, std::min(end, in + pad) - start};
  }
};

/// A pooling seen with three spatial axes, of planes [n·channels].
struct Geometry {
  int64_t planes = 0;
  Axis axes[3];

  Geometry(const Shape& x, const Shape& y, const PoolAttrs& a) : planes(x[0] * x[1]) {
    const int count = x.rank() - 2;
    for (int i = 0; i < count; ++i) {
      axes[3 - count + i] = {x[2 + i], y[2 + i], a.kernel[i], a.stride[i], a.padding[i], a.dilation[i]};
    }
  }
  Geometry(const Shape& x, const Shape& y) : planes(x[0] * x[1]) {
    const int count = x.rank() - 2;
    for (int i = 0; i < count; ++i) axes[3 - count + i] = {x[2 + i], y[2 + i], 0, 1, 0, 1};
  }

  int64_t in_size() const { return axes[0].in * axes[1].in * axes[2].in; }
  int64_t out_size() const { return axes[0].out * axes[1].out * axes[2].out; }

  /// body(output position, elements of its window counted with padding, input positions), per plane.
  template <class F>
  void windows(F&& body) const {
    std::vector<int64_t> inside;
    const int64_t rows = axes[1].out, columns = axes[2].out;
    for (int64_t o = 0; o < out_size(); ++o) {
      const Axis::Window d = axes[0].window(o / (rows * columns)), h = axes[1].window(o / columns % rows),
                         w = axes[2].window(o % columns);
      inside.clear();
      for (int64_t z = d.begin; z < d.end; z += d.step) {
        for (int64_t y = h.begin; y < h.end; y += h.step) {
          for (int64_t x = w.begin; x < w.end; x += w.step) inside.push_back((z * axes[1].in + y) * axes[2].in + x);
        }
      }
      body(o, d.with_padding * h.with_padding * w.with_padding, inside);
    }
  }
};

Geometry geometry_of(OpId op, const Attrs& attrs, const Shape& x, const Shape& y) {
  const bool adaptive =
      op == OpId::adaptive_max_pool || op == OpId::adaptive_avg_pool || op == OpId::adaptive_avg_pool_backward;
  return adaptive ? Geometry(x, y) : Geometry(x, y, attrs.as<PoolAttrs>());
}

/// Elements per channel.
size_t plane_size(const Shape& shape) {
  int64_t n = 1;
  for (int i = 2; i < shape.rank(); ++i) n *= shape[i];
  return static_cast<size_t>(n);
}

template <class V>
bool beats(V candidate, V best) {
  return best == best && (candidate != candidate || candidate > best);
}

}  // namespace

Choice prepare_max_pool(const KernelRequest& r) {
  return with_class(r.in[0].dtype, [&]<class V>() -> Choice {
    const Geometry g = geometry_of(r.op, r.attrs, r.in[0].shape, r.out[0].shape);
    return [g, x = r.in[0], y = r.out[0], where = r.out[1]](void* const* in, void* const* out) {
      const std::vector<V> source = read<V>(x, in[0]);
      std::vector<V> maxima;
      std::vector<int64_t> positions;
      for (int64_t p = 0; p < g.planes; ++p) {
        const V* const plane = source.data() + p * g.in_size();
        g.windows([&](int64_t, int64_t, const std::vector<int64_t>& inside) {
          int64_t best = inside[0];
          for (int64_t i : inside) best = beats(plane[i], plane[best]) ? i : best;
          maxima.push_back(plane[best]);
          positions.push_back(best);
        });
      }
      write(y, out[0], maxima);
      write(where, out[1], positions);
    };
  });
}

Choice prepare_max_pool_backward(const KernelRequest& r) {
  return with_class(r.in[0].dtype, [&]<class V>() -> Choice {
    return [grad = r.in[0], where = r.in[1], dx = r.out[0]](void* const* in, void* const* out) {
      const std::vector<V> g = read<V>(grad, in[0]);
      const size_t from = plane_size(grad.shape), to = plane_size(dx.shape);
      const std::vector<int64_t> positions = read_indices(where, in[1], static_cast<int64_t>(to), "max_pool_backward");
      std::vector<V> result(static_cast<size_t>(dx.numel()));
      for (size_t i = 0; i < g.size(); ++i) result[i / from * to + static_cast<size_t>(positions[i])] += g[i];
      write(dx, out[0], result);
    };
  });
}

Choice prepare_max_pool_gather(const KernelRequest& r) {
  return with_class(r.in[0].dtype, [&]<class V>() -> Choice {
    return [x = r.in[0], where = r.in[1], y = r.out[0]](void* const* in, void* const* out) {
      const std::vector<V> source = read<V>(x, in[0]);
      const size_t from = plane_size(x.shape), to = plane_size(y.shape);
      const std::vector<int64_t> positions = read_indices(where, in[1], static_cast<int64_t>(from), "max_pool_gather");
      std::vector<V> result(positions.size());
      for (size_t i = 0; i < result.size(); ++i) result[i] = source[i / to * from + static_cast<size_t>(positions[i])];
      write(y, out[0], result);
    };
  });
}

/// avg_pool, adaptive_avg_pool and their gradients: the same windows, read or written.
Choice prepare_avg_pool(const KernelRequest& r) {
  const bool backward = r.op == OpId::avg_pool_backward || r.op == OpId::adaptive_avg_pool_backward;
  const Meta &x = backward ? r.out[0] : r.in[0], &y = backward ? r.in[0] : r.out[0];
  const Geometry g = geometry_of(r.op, r.attrs, x.shape, y.shape);
  const bool adaptive = g.axes[2].kernel == 0;
  const bool count_padding = !adaptive && r.attrs.as<PoolAttrs>().count_include_pad;
  return [g, backward, count_padding, from = r.in[0], to = r.out[0]](void* const* in, void* const* out) {
    const std::vector<double> source = read<double>(from, in[0]);
    std::vector<double> result(static_cast<size_t>(to.numel()));
    for (int64_t p = 0; p < g.planes; ++p) {
      const int64_t x0 = p * g.in_size(), y0 = p * g.out_size();
      g.windows([&](int64_t o, int64_t with_padding, const std::vector<int64_t>& inside) {
        const double divisor = count_padding ? static_cast<double>(with_padding) : static_cast<double>(inside.size());
        const auto iy = static_cast<size_t>(y0 + o);
        double sum = 0;
        for (int64_t i : inside) {
          const auto ix = static_cast<size_t>(x0 + i);
          if (backward)
            result[ix] += source[iy] / divisor;
          else
            sum += source[ix];
        }
        if (!backward) result[iy] = sum / divisor;
      });
    }
    write(to, out[0], result);
  };
}

}  // namespace lamina::ref
