#include <algorithm>

#include "lamina/backends/ref/kernels_internal.h"
#include "lamina/ops/conv_attrs.h"

namespace lamina::ref {

namespace {

using Values = std::vector<double>;

/// One spatial axis: input element = output element·stride − pad + tap·dilation.
struct Axis {
  int64_t in = 1, out = 1, taps = 1, stride = 1, pad = 0, dilation = 1;
  int64_t input_of(int64_t o, int64_t tap) const { return o * stride - pad + tap * dilation; }
};

/// A convolution seen with three spatial axes.
struct Geometry {
  int64_t n, in_channels, out_channels, groups;
  Axis axes[3];

  Geometry(const Shape& x, const Shape& w, const Shape& y, const ConvAttrs& a)
      : n(x[0]), in_channels(x[1]), out_channels(w[0]), groups(a.groups) {
    const int count = x.rank() - 2;
    for (int i = 0; i < count; ++i) {
      axes[3 - count + i] = {x[2 + i], y[2 + i], w[2 + i], a.stride[i], a.pad_before[i], a.dilation[i]};
    }
  }

  int64_t in_size() const { return axes[0].in * axes[1].in * axes[2].in; }
  int64_t out_size() const { return axes[0].out * axes[1].out * axes[2].out; }
  int64_t taps() const { return axes[0].taps * axes[1].taps * axes[2].taps; }

  /// body(tap, output position, input position) for every product within one pair of channels.
  template <class F>
  void products(F&& body) const {
    const auto& [d, h, w] = axes;
    for (int64_t t = 0; t < taps(); ++t) {
      const int64_t td = t / (h.taps * w.taps), th = t / w.taps % h.taps, tw = t % w.taps;
      for (int64_t o = 0; o < d.out * h.out; ++o) {
        const int64_t z = d.input_of(o / h.out, td), y = h.input_of(o % h.out, th);
        if (z < 0 || z >= d.in || y < 0 || y >= h.in) continue;
        for (int64_t ow = 0; ow < w.out; ++ow) {
          const int64_t x = w.input_of(ow, tw);
          if (x >= 0 && x < w.in) body(t, o * w.out + ow, (z * h.in + y) * w.in + x);
        }
      }
    }
  }

  /// body(sample, output channel, input channel, weight slice) for every pair of channels that are connected.
  template <class F>
  void channel_pairs(F&& body) const {
    const int64_t per_in = in_channels / groups, per_out = out_channels / groups;
    for (int64_t s = 0; s < n; ++s) {
      for (int64_t oc = 0; oc < out_channels; ++oc) {
        for (int64_t k = 0; k < per_in; ++k) body(s, oc, oc / per_out * per_in + k, oc * per_in + k);
      }
    }
  }

  /// body(input offset, weight offset, output offset) of every single product.
  template <class F>
  void all(F&& body) const {
    channel_pairs([&](int64_t s, int64_t oc, int64_t ic, int64_t slice) {
      const int64_t x = (s * in_channels + ic) * in_size(), w = slice * taps(),
                    y = (s * out_channels + oc) * out_size();
      products([&](int64_t t, int64_t o, int64_t i) {
        body(static_cast<size_t>(x + i), static_cast<size_t>(w + t), static_cast<size_t>(y + o));
      });
    });
  }
};

Values zeros(const Meta& m) { return Values(static_cast<size_t>(m.numel())); }

}  // namespace

Choice prepare_conv(const KernelRequest& r) {
  const Geometry g(r.in[0].shape, r.in[1].shape, r.out[0].shape, r.attrs.as<ConvAttrs>());
  return [g, metas = Metas(r.in.begin(), r.in.end()), y = r.out[0]](void* const* in, void* const* out) {
    const Values x = read<double>(metas[0], in[0]), w = read<double>(metas[1], in[1]);
    Values result = zeros(y);
    if (metas.size() == 3) {
      const Values bias = read<double>(metas[2], in[2]);
      for (size_t i = 0; i < result.size(); ++i) result[i] = bias[i / static_cast<size_t>(g.out_size()) % bias.size()];
    }
    g.all([&](size_t ix, size_t iw, size_t iy) { result[iy] += x[ix] * w[iw]; });
    write(y, out[0], result);
  };
}

Choice prepare_conv_input_grad(const KernelRequest& r) {
  const Geometry g(r.out[0].shape, r.in[1].shape, r.in[0].shape, r.attrs.as<ConvAttrs>());
  return [g, grad = r.in[0], weight = r.in[1], dx = r.out[0]](void* const* in, void* const* out) {
    const Values y = read<double>(grad, in[0]), w = read<double>(weight, in[1]);
    Values result = zeros(dx);
    g.all([&](size_t ix, size_t iw, size_t iy) { result[ix] += y[iy] * w[iw]; });
    write(dx, out[0], result);
  };
}

Choice prepare_conv_weight_grad(const KernelRequest& r) {
  const Geometry g(r.in[0].shape, r.out[0].shape, r.in[1].shape, r.attrs.as<ConvAttrs>());
  return [g, input = r.in[0], grad = r.in[1], dw = r.out[0]](void* const* in, void* const* out) {
    const Values x = read<double>(input, in[0]), y = read<double>(grad, in[1]);
    Values result = zeros(dw);
    g.all([&](size_t ix, size_t iw, size_t iy) { result[iw] += x[ix] * y[iy]; });
    write(dw, out[0], result);
  };
}

}  // namespace lamina::ref
