#include <algorithm>
#include <cmath>

#include "lamina/backends/ref/kernels_internal.h"
#include "lamina/ops/norm_attrs.h"

namespace lamina::ref {

namespace {

using Values = std::vector<double>;

/// batch_norm sees x as [n, channels, rest] with statistics and parameters per channel; layer_norm as
/// [rows, row] with statistics per row and parameters per column.
struct Layout {
  bool batch;
  size_t inner;       // batch: rest; layer: row
  size_t statistics;  // how many
  size_t parameters;
  double count;  // elements per statistic

  Layout(OpId op, const Meta& x, const Attrs& attrs)
      : batch(op == OpId::batch_norm || op == OpId::batch_norm_backward) {
    const int first = batch ? 2 : x.rank() - static_cast<int>(attrs.as<NormAttrs>().axes);
    inner = 1;
    for (int i = first; i < x.rank(); ++i) inner *= static_cast<size_t>(x.shape[i]);
    const auto n = static_cast<size_t>(x.numel());
    statistics = batch ? static_cast<size_t>(x.shape[1]) : inner ? n / inner : 0;
    parameters = batch ? statistics : inner;
    count = statistics ? static_cast<double>(n / statistics) : 1;
  }
  size_t statistic_of(size_t i) const { return batch ? i / inner % statistics : i / inner; }
  size_t parameter_of(size_t i) const { return batch ? statistic_of(i) : i % inner; }
};

}  // namespace

Choice prepare_norm(const KernelRequest& r) {
  const Layout l(r.op, r.in[0], r.attrs);
  return [l, eps = r.attrs.as<NormAttrs>().eps, metas = Metas(r.in.begin(), r.in.end()),
          outs = Metas(r.out.begin(), r.out.end())](void* const* in, void* const* out) {
    Values x = read<double>(metas[0], in[0]);
    const Values weight = read<double>(metas[1], in[1]), bias = read<double>(metas[2], in[2]);
    Values mean(l.statistics), variance(l.statistics);
    for (size_t i = 0; i < x.size(); ++i) mean[l.statistic_of(i)] += x[i] / l.count;
    for (size_t i = 0; i < x.size(); ++i) {
      const double d = x[i] - mean[l.statistic_of(i)];
      variance[l.statistic_of(i)] += d * d / l.count;
    }
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t s = l.statistic_of(i), p = l.parameter_of(i);
      x[i] = (x[i] - mean[s]) / std::sqrt(variance[s] + eps) * weight[p] + bias[p];
    }
    write(outs[0], out[0], x);
    write(outs[1], out[1], mean);
    write(outs[2], out[2], variance);
  };
}

Choice prepare_norm_backward(const KernelRequest& r) {
  const Layout l(r.op, r.in[0], r.attrs);
  return [l, eps = r.attrs.as<NormAttrs>().eps, metas = Metas(r.in.begin(), r.in.end()),
          outs = Metas(r.out.begin(), r.out.end())](void* const* in, void* const* out) {
    const Values x = read<double>(metas[0], in[0]), weight = read<double>(metas[1], in[1]);
    const Values mean = read<double>(metas[2], in[2]), variance = read<double>(metas[3], in[3]);
    const Values g = read<double>(metas[4], in[4]);
    const auto normal = [&](size_t i) {
      const size_t s = l.statistic_of(i);
      return (x[i] - mean[s]) / std::sqrt(variance[s] + eps);
    };
    Values shift(l.statistics), slope(l.statistics), dweight(l.parameters), dbias(l.parameters), dx(x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t s = l.statistic_of(i), p = l.parameter_of(i);
      shift[s] += g[i] * weight[p] / l.count;
      slope[s] += g[i] * weight[p] * normal(i) / l.count;
      dweight[p] += g[i] * normal(i);
      dbias[p] += g[i];
    }
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t s = l.statistic_of(i);
      dx[i] = (g[i] * weight[l.parameter_of(i)] - shift[s] - normal(i) * slope[s]) / std::sqrt(variance[s] + eps);
    }
    write(outs[0], out[0], dx);
    write(outs[1], out[1], dweight);
    write(outs[2], out[2], dbias);
  };
}

/// y = x·(k + alpha/size·Σ x² over `size` channels around each)^(−beta).
Choice prepare_response_norm(const KernelRequest& r) {
  return [a = r.attrs.as<ResponseNormAttrs>(), meta = r.in[0], result = r.out[0]](void* const* in, void* const* out) {
    const Values x = read<double>(meta, in[0]);
    Values y(x.size());
    const int64_t channels = meta.shape[1], rest = meta.numel() / std::max<int64_t>(1, meta.shape[0] * channels);
    for (size_t i = 0; i < x.size(); ++i) {
      const auto at = static_cast<int64_t>(i);
      const int64_t c = at / rest % channels;
      double sum = 0;
      for (int64_t k = std::max<int64_t>(0, c - a.size / 2); k <= std::min(channels - 1, c + (a.size - 1) / 2); ++k) {
        const double v = x[static_cast<size_t>(at + (k - c) * rest)];
        sum += v * v;
      }
      y[i] = x[i] * std::pow(a.k + a.alpha / static_cast<double>(a.size) * sum, -a.beta);
    }
    write(result, out[0], y);
  };
}

}  // namespace lamina::ref
