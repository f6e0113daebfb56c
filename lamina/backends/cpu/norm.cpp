// Batch and layer normalization. Sums are taken in f32 over short runs and added in f64, in an order
// that depends on the shape alone; variances are of values shifted near their mean.
#include <algorithm>
#include <cmath>

#include "lamina/backends/cpu/kernels.h"
#include "lamina/backends/cpu/layout.h"
#include "lamina/backends/cpu/norm_kernels.h"
#include "lamina/core/parallel.h"
#include "lamina/ops/norm_attrs.h"

namespace lamina::cpu {

namespace {

constexpr int64_t kGrain = 1 << 14;  // elements per task

/// Sums and maps over the channels of [n, channels, …] in either layout.
class Channels {
 public:
  Channels(const Meta& x, Layout layout)
      : kernels_(norm_kernels()), layout_(layout), n_(x.shape[0]), channels_(x.shape[1]) {
    spatial_ = 1;
    for (int i = 2; i < x.rank(); ++i) spatial_ *= x.shape[i];
    chunk_rows_ = std::clamp<int64_t>(kGrain / std::max<int64_t>(channels_, 1), 1, 512);
    chunks_ = (n_ * spatial_ + chunk_rows_ - 1) / chunk_rows_;
  }

  int64_t channels() const { return channels_; }
  int64_t count() const { return n_ * spatial_; }
  /// For the partial sums of channels-last tensors.
  int64_t workspace_floats() const { return layout_ == Layout::channels_last ? 2 * chunks_ * channels_ : 0; }

  /// A value near the mean of each channel.
  void near_mean(const float* x, float* c) const {
    const bool last = layout_ == Layout::channels_last;
    const int64_t sample = std::min<int64_t>(last ? count() : spatial_, 32);
    for (int64_t ch = 0; ch < channels_; ++ch) c[ch] = 0;
    for (int64_t i = 0; i < sample; ++i) {
      for (int64_t ch = 0; ch < channels_; ++ch) c[ch] += x[last ? i * channels_ + ch : ch * spatial_ + i];
    }
    for (int64_t ch = 0; ch < channels_; ++ch) c[ch] /= static_cast<float>(sample);
  }

  /// done(channel, sum1, sum2) for every channel; see ChannelMap.
  template <class Done>
  void sums(const float* x, const float* g, const float* c, float* workspace, const Done& done) const {
    if (layout_ == Layout::channels_last) return sums_last(x, g, c, workspace, done);
    parallel_for(channels_, std::max<int64_t>(1, kGrain / std::max<int64_t>(count(), 1)),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t ch = begin; ch < end; ++ch) {
                     double sum1 = 0, sum2 = 0;
                     for (int64_t i = 0; i < n_; ++i) {
                       const int64_t at = (i * channels_ + ch) * spatial_;
                       kernels_.sums(x + at, g ? g + at : nullptr, c[ch], spatial_, &sum1, &sum2);
                     }
                     done(ch, sum1, sum2);
                   }
                 });
  }

  void map(const float* x, const float* g, const ChannelMap& m, float* y) const {
    if (layout_ == Layout::channels_last) {
      return parallel_for(count(), chunk_rows_, [&](int64_t begin, int64_t end) {
        const int64_t at = begin * channels_;
        kernels_.map_last(x + at, g ? g + at : nullptr, m, end - begin, channels_, y + at);
      });
    }
    const int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(spatial_, 1));
    parallel_for(n_ * channels_, grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t ch = i % channels_, at = i * spatial_;
        kernels_.map(x + at, g ? g + at : nullptr, {m.c + ch, m.p + ch, m.q + ch, m.r ? m.r + ch : nullptr}, spatial_,
                     y + at);
      }
    });
  }

  std::string describe() const {
    return std::string("own:") + kernels_.target + (layout_ == Layout::channels_last ? " channels-last" : " plain");
  }

 private:
  template <class Done>
  void sums_last(const float* x, const float* g, const float* c, float* partial, const Done& done) const {
    parallel_for(chunks_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t chunk = begin; chunk < end; ++chunk) {
        const int64_t first = chunk * chunk_rows_, rows = std::min(chunk_rows_, count() - first),
                      at = first * channels_;
        float* to = partial + 2 * chunk * channels_;
        kernels_.sums_last(x + at, g ? g + at : nullptr, c, rows, channels_, to, to + channels_);
      }
    });
    for (int64_t ch = 0; ch < channels_; ++ch) {
      double sum1 = 0, sum2 = 0;
      for (int64_t chunk = 0; chunk < chunks_; ++chunk) {
        sum1 += static_cast<double>(partial[2 * chunk * channels_ + ch]);
        sum2 += static_cast<double>(partial[(2 * chunk + 1) * channels_ + ch]);
      }
      done(ch, sum1, sum2);
    }
  }

  const NormKernels& kernels_;
  Layout layout_;
  int64_t n_, channels_, spatial_, chunk_rows_, chunks_;
};

class BatchNormKernel final : public Kernel {
 public:
  BatchNormKernel(const Channels& channels, double eps) : channels_(channels), eps_(eps) {}

  size_t workspace_bytes() const override {
    return static_cast<size_t>(4 * channels_.channels() + channels_.workspace_floats()) * sizeof(float);
  }

  void run(void* const* in, void* const* out, void* workspace) override {  // x, weight, bias
    const auto *x = static_cast<const float*>(in[0]), *weight = static_cast<const float*>(in[1]);
    const auto* bias = static_cast<const float*>(in[2]);
    const int64_t count = channels_.channels();
    float* const shift = static_cast<float*>(workspace);
    float *const mean = shift + count, *const scale = mean + count, *const variance = scale + count;
    const auto n = static_cast<double>(channels_.count());
    channels_.near_mean(x, shift);
    channels_.sums(x, nullptr, shift, variance + count, [&](int64_t ch, double sum1, double sum2) {
      const double offset = sum1 / n, v = std::max(sum2 / n - offset * offset, 0.0);
      mean[ch] = static_cast<float>(static_cast<double>(shift[ch]) + offset);
      // NaN must not be hidden by max.
      variance[ch] = static_cast<float>(std::isnan(sum2) ? sum2 : v);
      scale[ch] =
          static_cast<float>(static_cast<double>(weight[ch]) / std::sqrt(static_cast<double>(variance[ch]) + eps_));
    });
    channels_.map(x, nullptr, {mean, scale, bias, nullptr}, static_cast<float*>(out[0]));
    if (out[1]) std::copy_n(mean, count, static_cast<float*>(out[1]));
    if (out[2]) std::copy_n(variance, count, static_cast<float*>(out[2]));
  }

  std::string describe() const override { return channels_.describe(); }

 private:
  Channels channels_;
  double eps_;
};

class BatchNormBackwardKernel final : public Kernel {
 public:
  BatchNormBackwardKernel(const Channels& channels, double eps) : channels_(channels), eps_(eps) {}

  size_t workspace_bytes() const override {
    return static_cast<size_t>(5 * channels_.channels() + channels_.workspace_floats()) * sizeof(float);
  }

  void run(void* const* in, void* const* out, void* workspace) override {  // x, weight, mean, variance, g
    const auto *x = static_cast<const float*>(in[0]), *weight = static_cast<const float*>(in[1]);
    const auto *mean = static_cast<const float*>(in[2]), *variance = static_cast<const float*>(in[3]);
    const auto* g = static_cast<const float*>(in[4]);
    const int64_t count = channels_.channels();
    float* const p = static_cast<float*>(workspace);
    float *const q = p + count, *const r = q + count, *const dweight = r + count, *const dbias = dweight + count;
    const auto n = static_cast<double>(channels_.count());
    // With s = 1/√(variance + eps): dx = weight·s·(g − Σg/n − (x − mean)·s²·Σg(x − mean)/n).
    channels_.sums(x, g, mean, dbias + count, [&](int64_t ch, double sum1, double sum2) {
      const double s = 1 / std::sqrt(static_cast<double>(variance[ch]) + eps_),
                   slope = static_cast<double>(weight[ch]) * s;
      r[ch] = static_cast<float>(slope);
      q[ch] = static_cast<float>(-slope * sum1 / n);
      p[ch] = static_cast<float>(-slope * s * s * sum2 / n);
      dweight[ch] = static_cast<float>(s * sum2);
      dbias[ch] = static_cast<float>(sum1);
    });
    if (out[0]) channels_.map(x, g, {mean, p, q, r}, static_cast<float*>(out[0]));
    if (out[1]) std::copy_n(dweight, count, static_cast<float*>(out[1]));
    if (out[2]) std::copy_n(dbias, count, static_cast<float*>(out[2]));
  }

  std::string describe() const override { return channels_.describe(); }

 private:
  Channels channels_;
  double eps_;
};

class LayerNormKernel final : public Kernel {
 public:
  LayerNormKernel(int64_t rows, int64_t n, double eps) : rows_(rows), n_(n), eps_(static_cast<float>(eps)) {}

  size_t workspace_bytes() const override { return static_cast<size_t>(2 * rows_) * sizeof(float); }

  void run(void* const* in, void* const* out, void* workspace) override {  // x, weight, bias
    const auto *x = static_cast<const float*>(in[0]), *weight = static_cast<const float*>(in[1]);
    const auto* bias = static_cast<const float*>(in[2]);
    float* const y = static_cast<float*>(out[0]);
    float* const unwanted = static_cast<float*>(workspace);
    float* const mean = out[1] ? static_cast<float*>(out[1]) : unwanted;
    float* const variance = out[2] ? static_cast<float*>(out[2]) : unwanted + rows_;
    parallel_for(rows_, std::max<int64_t>(1, kGrain / n_), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        norm_kernels().row({x + i * n_, weight, bias, y + i * n_, n_, eps_}, mean + i, variance + i);
      }
    });
  }

  std::string describe() const override { return std::string("own:") + norm_kernels().target; }

 private:
  int64_t rows_, n_;
  float eps_;
};

class LayerNormBackwardKernel final : public Kernel {
 public:
  LayerNormBackwardKernel(int64_t rows, int64_t n, double eps) : rows_(rows), n_(n), eps_(static_cast<float>(eps)) {
    // Each chunk of rows has sums of its own; at most 64, so that adding them up stays cheap.
    chunk_ = std::max({int64_t{1}, kGrain / n_, (rows_ + 63) / 64});
    chunks_ = (rows_ + chunk_ - 1) / chunk_;
  }

  size_t workspace_bytes() const override { return static_cast<size_t>(2 * chunks_ * n_) * sizeof(float); }

  void run(void* const* in, void* const* out, void* workspace) override {  // x, weight, mean, variance, g
    const auto *x = static_cast<const float*>(in[0]), *weight = static_cast<const float*>(in[1]);
    const auto *mean = static_cast<const float*>(in[2]), *variance = static_cast<const float*>(in[3]);
    const auto* g = static_cast<const float*>(in[4]);
    auto* const dx = static_cast<float*>(out[0]);
    auto* const partial = static_cast<float*>(workspace);
    parallel_for(rows_, chunk_, [&](int64_t begin, int64_t end) {
      float* const dweight = partial + begin / chunk_ * 2 * n_;
      std::fill_n(dweight, 2 * n_, 0.0f);
      for (int64_t i = begin; i < end; ++i) {
        const float scale = 1 / std::sqrt(variance[i] + eps_);
        norm_kernels().row_grad({x + i * n_, weight, g + i * n_, mean[i], scale, dx ? dx + i * n_ : nullptr, n_,
                                 out[1] ? dweight : nullptr, out[2] ? dweight + n_ : nullptr});
      }
    });
    for (int which = 0; which < 2; ++which) {
      auto* const to = static_cast<float*>(out[1 + which]);
      for (int64_t j = 0; to && j < n_; ++j) {
        double sum = 0;
        for (int64_t c = 0; c < chunks_; ++c) sum += static_cast<double>(partial[(2 * c + which) * n_ + j]);
        to[j] = static_cast<float>(sum);
      }
    }
  }

  std::string describe() const override { return std::string("own:") + norm_kernels().target; }

 private:
  int64_t rows_, n_, chunk_, chunks_;
  float eps_;
};

bool all_f32(const KernelRequest& r) {
  const auto f32 = [](const Meta& m) { return m.dtype == DType::f32; };
  return std::all_of(r.in.begin(), r.in.end(), f32) && std::all_of(r.out.begin(), r.out.end(), f32);
}

std::optional<Refusal> refuse(const KernelRequest& r) {
  if (r.epilogue) return Refusal{"no epilogue after normalization"};
  if (!all_f32(r)) return Refusal{"no kernel for " + std::string(name_of(r.in[0].dtype))};
  if (r.in[0].numel() == 0) return Refusal{"an empty tensor"};
  return {};
}

/// Where the spatial extent is 1, channels are adjacent in either layout.
Layout shared_layout(const KernelRequest& r) {
  const Meta& x = r.in[0];
  const bool flat = x.rank() == 2 || x.numel() == x.shape[0] * x.shape[1];
  const Layout preferred = flat ? Layout::channels_last : Layout::plain;
  return r.in.size() == 5 ? common_layout({&x, &r.in[4], &r.out[0]}, preferred)
                          : common_layout({&x, &r.out[0]}, preferred);
}

template <class K>
KernelChoice prepare_channels(const KernelRequest& r) {
  if (auto refusal = refuse(r)) return *refusal;
  const Layout layout = shared_layout(r);
  if (layout == Layout::other) return Refusal{"the tensors are not all plain, nor all channels-last"};
  return std::make_unique<K>(Channels(r.in[0], layout), r.attrs.as<NormAttrs>().eps);
}

template <class K>
KernelChoice prepare_rows(const KernelRequest& r) {
  if (auto refusal = refuse(r)) return *refusal;
  const auto plain = [](const Meta& m) { return has_layout(m, Layout::plain); };
  if (!std::all_of(r.in.begin(), r.in.end(), plain) || !plain(r.out[0])) return Refusal{"the rows are not adjacent"};
  const auto& a = r.attrs.as<NormAttrs>();
  int64_t n = 1;
  for (int64_t i = 0; i < a.axes; ++i) n *= r.in[0].shape[r.in[0].rank() - 1 - static_cast<int>(i)];
  return std::make_unique<K>(r.in[0].numel() / n, n, a.eps);
}

}  // namespace

KernelChoice prepare_batch_norm(const KernelRequest& r) { return prepare_channels<BatchNormKernel>(r); }
KernelChoice prepare_batch_norm_backward(const KernelRequest& r) {
  return prepare_channels<BatchNormBackwardKernel>(r);
}
KernelChoice prepare_layer_norm(const KernelRequest& r) { return prepare_rows<LayerNormKernel>(r); }
KernelChoice prepare_layer_norm_backward(const KernelRequest& r) { return prepare_rows<LayerNormBackwardKernel>(r); }

}  // namespace lamina::cpu
