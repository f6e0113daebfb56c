// Batch and layer normalization. Sums are taken in f32 over short runs and added in f64, in an order
// that depends on the shape alone; variances are of values shifted near their mean.
#include <algorithm>
#include <cmath>

#include "lamina/backends/cpu/epilogue.h"
#include "lamina/backends/cpu/kernels.h"
#include "lamina/backends/cpu/layout.h"
#include "lamina/backends/cpu/norm_kernels.h"
#include "lamina/core/parallel.h"
#include "lamina/ops/norm_attrs.h"

namespace lamina::cpu {

namespace {

constexpr int64_t kGrain = 1 << 14;  // elements per task

/// Sums and maps over the channels of [n, channels, …]. In memory the images are planes of pixels, each of which has
/// some channels next to each other: one (row-major), a block of them, or all (channels-last).
class Channels {
 public:
  Channels(const Meta& x, int64_t adjacent)
      : kernels_(norm_kernels()), n_(x.shape[0]), channels_(x.shape[1]), adjacent_(adjacent) {
    spatial_ = 1;
    for (int i = 2; i < x.rank(); ++i) spatial_ *= x.shape[i];
    // A plane is cut into chunks of rows; small planes of several images make one chunk.
    chunk_rows_ = std::clamp<int64_t>(kGrain / adjacent_, 1, 512);
    if (adjacent_ == channels_) {
      images_ = 1;
      rows_ = n_ * spatial_;  // all planes of all images in one run
    } else {
      images_ = n_;
      rows_ = spatial_;
    }
    chunks_per_plane_ = (rows_ + chunk_rows_ - 1) / chunk_rows_;
  }

  int64_t channels() const { return channels_; }
  int64_t count() const { return n_ * spatial_; }
  /// For the partial sums where several channels are adjacent.
  int64_t workspace_floats() const { return adjacent_ > 1 ? 2 * chunks() * adjacent_ : 0; }

  /// A value near the mean of each channel.
  void near_mean(const float* x, float* c) const {
    const int64_t sample = std::min<int64_t>(rows_, 32);
    for (int64_t ch = 0; ch < channels_; ++ch) c[ch] = 0;
    for (int64_t plane = 0; plane < channels_ / adjacent_; ++plane) {
      const float* from = x + plane * rows_ * adjacent_;
      float* to = c + plane * adjacent_;
      for (int64_t i = 0; i < sample; ++i) {
        for (int64_t j = 0; j < adjacent_; ++j) to[j] += from[i * adjacent_ + j];
      }
    }
    for (int64_t ch = 0; ch < channels_; ++ch) c[ch] /= static_cast<float>(sample);
  }

  /// done(channel, sum1, sum2) for every channel; see ChannelMap.
  template <class Done>
  void sums(const float* x, const float* g, const float* c, float* workspace, const Done& done) const {
    if (adjacent_ > 1) return sums_adjacent(x, g, c, workspace, done);
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
    if (adjacent_ > 1) return map_adjacent(x, g, m, y);
    const int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(spatial_, 1));
    parallel_for(n_ * channels_, grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t at = i * spatial_;
        kernels_.map(x + at, g ? g + at : nullptr, of_channel(m, i % channels_), spatial_, y + at);
      }
    });
  }

  std::string describe() const {
    const std::string layout = adjacent_ == channels_ ? " channels-last"
                               : adjacent_ > 1        ? " blocks of " + std::to_string(adjacent_)
                                                      : " plain";
    return std::string("own:") + kernels_.target + layout;
  }

 private:
  int64_t planes() const { return channels_ / adjacent_; }
  int64_t chunks() const { return images_ * planes() * chunks_per_plane_; }

  static ChannelMap of_channel(const ChannelMap& m, int64_t ch) {
    return {m.c + ch, m.p + ch, m.q + ch, m.r ? m.r + ch : nullptr, m.relu};
  }

  /// Chunk number `chunk` lies in this plane (of its image), from this row on.
  struct Place {
    int64_t plane, offset, rows;
  };
  Place place(int64_t chunk) const {
    const int64_t plane = chunk / chunks_per_plane_, first = chunk % chunks_per_plane_ * chunk_rows_;
    return {plane % planes(), (plane * rows_ + first) * adjacent_, std::min(chunk_rows_, rows_ - first)};
  }
  int64_t chunks_per_task() const { return std::max<int64_t>(1, kGrain / std::max<int64_t>(1, rows_ * adjacent_)); }

  template <class Done>
  void sums_adjacent(const float* x, const float* g, const float* c, float* partial, const Done& done) const {
    parallel_for(chunks(), chunks_per_task(), [&](int64_t begin, int64_t end) {
      for (int64_t chunk = begin; chunk < end; ++chunk) {
        const Place p = place(chunk);
        float* to = partial + 2 * chunk * adjacent_;
        kernels_.sums_last(x + p.offset, g ? g + p.offset : nullptr, c + p.plane * adjacent_, p.rows, adjacent_, to,
                           to + adjacent_);
      }
    });
    parallel_for(channels_, std::max<int64_t>(adjacent_, kGrain * channels_ / (4 * chunks() * adjacent_)),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t ch = begin; ch < end; ++ch) {
                     double sum1 = 0, sum2 = 0;
                     for (int64_t image = 0; image < images_; ++image) {
                       const int64_t first = (image * planes() + ch / adjacent_) * chunks_per_plane_;
                       for (int64_t chunk = first; chunk < first + chunks_per_plane_; ++chunk) {
                         const float* from = partial + 2 * chunk * adjacent_ + ch % adjacent_;
                         sum1 += static_cast<double>(from[0]);
                         sum2 += static_cast<double>(from[adjacent_]);
                       }
                     }
                     done(ch, sum1, sum2);
                   }
                 });
  }

  void map_adjacent(const float* x, const float* g, const ChannelMap& m, float* y) const {
    parallel_for(chunks(), chunks_per_task(), [&](int64_t begin, int64_t end) {
      for (int64_t chunk = begin; chunk < end; ++chunk) {
        const Place p = place(chunk);
        kernels_.map_last(x + p.offset, g ? g + p.offset : nullptr, of_channel(m, p.plane * adjacent_), p.rows,
                          adjacent_, y + p.offset);
      }
    });
  }

  const NormKernels& kernels_;
  int64_t n_, channels_, adjacent_, spatial_, images_, rows_, chunk_rows_, chunks_per_plane_;
};

class BatchNormKernel final : public Kernel {
 public:
  /// After it may come the addition of input `residual` (0: none) and a ReLU.
  BatchNormKernel(const Channels& channels, double eps, size_t residual, bool relu)
      : channels_(channels),
        eps_(eps),
        residual_(residual),
        relu_(relu),
        ones_(residual ? static_cast<size_t>(channels.channels()) : 0, 1.0f) {}

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
    const auto* residual = residual_ ? static_cast<const float*>(in[residual_]) : nullptr;
    channels_.map(x, residual, {mean, scale, bias, ones_.data(), relu_}, static_cast<float*>(out[0]));
    if (out[1]) std::copy_n(mean, count, static_cast<float*>(out[1]));
    if (out[2]) std::copy_n(variance, count, static_cast<float*>(out[2]));
  }

  std::string describe() const override { return channels_.describe(); }

 private:
  Channels channels_;
  double eps_;
  size_t residual_;
  bool relu_;
  std::vector<float> ones_;  // what the residual is scaled by
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
  if (r.epilogue && r.op != OpId::batch_norm) return Refusal{"no epilogue after this normalization"};
  if (!all_f32(r)) return Refusal{"no kernel for " + std::string(name_of(r.in[0].dtype))};
  if (r.in[0].numel() == 0) return Refusal{"an empty tensor"};
  return {};
}

/// How many channels of a pixel are adjacent in all of these images; 0: they differ.
int64_t adjacent_channels(std::initializer_list<const Meta*> images) {
  const Meta& x = **images.begin();
  const int64_t block = x.channel_block;
  if (block != 0) {
    const bool all = std::all_of(images.begin(), images.end(),
                                 [&](const Meta* m) { return m->channel_block == block && m->is_dense_blocked(); });
    return all ? block : 0;
  }
  // Where the spatial extent is 1, channels are adjacent in either layout.
  const bool flat = x.numel() == x.shape[0] * x.shape[1];
  switch (common_layout(images, flat ? Layout::channels_last : Layout::plain)) {
    case Layout::plain:
      return 1;
    case Layout::channels_last:
      return x.shape[1];
    default:
      return 0;
  }
}

constexpr const char* kDifferentLayouts = "the images differ in layout";

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

KernelChoice prepare_batch_norm(const KernelRequest& r) {
  if (auto refusal = refuse(r)) return *refusal;
  const auto parsed = parse_epilogue(r);
  if (const auto* refusal = std::get_if<Refusal>(&parsed)) return *refusal;
  Epilogue chain = std::get<Epilogue>(parsed);
  const bool relu = !chain.empty() && chain.back().op == OpId::relu;
  if (relu) chain.pop_back();
  size_t residual = 0;
  if (chain.size() == 1 && chain[0].op == OpId::add) {
    residual = chain[0].input;
    chain.clear();
  }
  if (!chain.empty()) return Refusal{"only a residual and a ReLU follow it in one pass"};
  const int64_t adjacent = adjacent_channels({&r.in[0], &r.out[0], residual ? &r.in[residual] : &r.in[0]});
  if (adjacent == 0) return Refusal{kDifferentLayouts};
  return std::make_unique<BatchNormKernel>(Channels(r.in[0], adjacent), r.attrs.as<NormAttrs>().eps, residual, relu);
}

KernelChoice prepare_batch_norm_backward(const KernelRequest& r) {
  if (auto refusal = refuse(r)) return *refusal;
  const int64_t adjacent = adjacent_channels({&r.in[0], &r.in[4], &r.out[0]});
  if (adjacent == 0) return Refusal{kDifferentLayouts};
  return std::make_unique<BatchNormBackwardKernel>(Channels(r.in[0], adjacent), r.attrs.as<NormAttrs>().eps);
}

KernelChoice prepare_layer_norm(const KernelRequest& r) { return prepare_rows<LayerNormKernel>(r); }
KernelChoice prepare_layer_norm_backward(const KernelRequest& r) { return prepare_rows<LayerNormBackwardKernel>(r); }

}  // namespace lamina::cpu
