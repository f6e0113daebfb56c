// Local response normalization in one pass: squares of a pixel's channels, sums over the window, the power.
#include <algorithm>
#include <string>
#include <vector>

#include "lamina/backends/cpu/kernels.h"
#include "lamina/backends/cpu/layout.h"
#include "lamina/backends/cpu/simd.h"
#include "lamina/core/parallel.h"
#include "lamina/ops/norm_attrs.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/backends/cpu/response_norm.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.
#include "lamina/backends/cpu/simd-inl.h"

#ifndef LAMINA_BACKENDS_CPU_RESPONSE_NORM_ONCE_
#define LAMINA_BACKENDS_CPU_RESPONSE_NORM_ONCE_
namespace lamina::cpu {

/// y = x·(k + scale·Σ x² over the window)^(−beta); the window of channel c is [c − before, c + after].
struct ResponseNorm {
  int64_t channels, before, after;
  float scale, beta, k;
};

/// One pixel: channel c at x[c / block · block_step + c % block], block a multiple of 8 or all channels. `squares` has
/// room for before + channels + after + 16 numbers.
/// Or `pixels` neighbouring ones: channel c at x[c · plane + pixel].
struct ResponseNormLoops {
  void (*pixel)(const ResponseNorm&, const float* x, float* y, int64_t block, int64_t block_step, float* squares);
  void (*plane)(const ResponseNorm&, const float* x, float* y, int64_t plane, int64_t pixels);
};

}  // namespace lamina::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace lamina::cpu::HWY_NAMESPACE {

namespace {

/// v^(−beta).
template <class D, class V>
HWY_INLINE V power(D d, V v, float beta) {
  const V one = hn::Set(d, 1.0F);
  if (beta == 0.75F) {
    const V root = hn::Sqrt(v);
    return hn::Div(one, hn::Mul(root, hn::Sqrt(root)));
  }
  if (beta == 0.5F) return hn::Div(one, hn::Sqrt(v));
  if (beta == 1.0F) return hn::Div(one, v);
  return vexp(d, hn::Mul(hn::Set(d, -beta), vlog(d, v)));
}

template <class D, class V>
HWY_INLINE V normalized(D d, const ResponseNorm& r, V x, V sum) {
  return hn::Mul(x, power(d, hn::MulAdd(sum, hn::Set(d, r.scale), hn::Set(d, r.k)), r.beta));
}

void pixel(const ResponseNorm& r, const float* x, float* y, int64_t block, int64_t block_step, float* squares) {
  const hn::CappedTag<float, 8> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  float* to = squares + r.before;
  for (int64_t c = 0; c < r.channels; c += block) {
    const float* from = x + c / block * block_step;
    const int64_t count = std::min(block, r.channels - c);
    int64_t j = 0;
    for (; j + lanes <= count; j += lanes) {
      const auto v = hn::LoadU(d, from + j);
      hn::StoreU(hn::Mul(v, v), d, to + c + j);
    }
    for (; j < count; ++j) to[c + j] = from[j] * from[j];
  }
  const int64_t window = r.before + r.after + 1;
  const auto sum_at = [&](int64_t c) HWY_ATTR {
    auto sum = hn::LoadU(d, squares + c);
    for (int64_t i = 1; i < window; ++i) sum = hn::Add(sum, hn::LoadU(d, squares + c + i));
    return sum;
  };
  for (int64_t c = 0; c < r.channels; c += block) {
    const int64_t at = c / block * block_step, count = std::min(block, r.channels - c);
    int64_t j = 0;
    for (; j + lanes <= count; j += lanes) {
      hn::StoreU(normalized(d, r, hn::LoadU(d, x + at + j), sum_at(c + j)), d, y + at + j);
    }
    if (j == count) continue;
    const auto rest = static_cast<size_t>(count - j);
    store_part(normalized(d, r, load_part(d, x + at + j, rest), sum_at(c + j)), d, y + at + j, rest);
  }
}

void plane(const ResponseNorm& r, const float* x, float* y, int64_t step, int64_t pixels) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t c = 0; c < r.channels; ++c) {
    const int64_t first = std::max<int64_t>(0, c - r.before), last = std::min(r.channels - 1, c + r.after);
    for (int64_t p = 0; p < pixels; p += lanes) {
      const auto count = static_cast<size_t>(std::min(lanes, pixels - p));
      const bool whole = count == static_cast<size_t>(lanes);
      const auto load = [&](int64_t channel) HWY_ATTR {
        const float* from = x + channel * step + p;
        return whole ? hn::LoadU(d, from) : load_part(d, from, count);
      };
      auto sum = hn::Zero(d);
      for (int64_t i = first; i <= last; ++i) {
        const auto v = load(i);
        sum = hn::MulAdd(v, v, sum);
      }
      const auto value = normalized(d, r, load(c), sum);
      float* to = y + c * step + p;
      whole ? hn::StoreU(value, d, to) : store_part(value, d, to, count);
    }
  }
}

ResponseNormLoops make_loops() { return {pixel, plane}; }

}  // namespace

}  // namespace lamina::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::cpu {

HWY_EXPORT(make_loops);

namespace {

constexpr int64_t kPixels = 64;  // of a plane worked on at a time: they stay in the L1 cache for all channels

class ResponseNormKernel final : public Kernel {
 public:
  ResponseNormKernel(const ResponseNorm& norm, const Meta& x, bool planes)
      : norm_(norm), loops_(HWY_DYNAMIC_DISPATCH(make_loops)()), planes_(planes), n_(x.shape[0]) {
    pixels_ = x.numel() / (n_ * norm.channels);
    block_ = x.channel_block != 0 ? x.channel_block : norm.channels;
  }

  void run(void* const* in, void* const* out, void*) override {
    const auto* x = static_cast<const float*>(in[0]);
    auto* y = static_cast<float*>(out[0]);
    const int64_t image = norm_.channels * pixels_, parts = (pixels_ + kPixels - 1) / kPixels;
    const int64_t grain = std::max<int64_t>(1, (8 << 10) / (kPixels * norm_.channels));
    parallel_for(n_ * parts, grain, [&](int64_t begin, int64_t end) {
      std::vector<float> squares(planes_ ? 0 : static_cast<size_t>(norm_.before + norm_.channels + norm_.after + 16));
      for (int64_t i = begin; i < end; ++i) {
        const int64_t p = i % parts * kPixels, count = std::min(kPixels, pixels_ - p), base = i / parts * image;
        if (planes_) {
          loops_.plane(norm_, x + base + p, y + base + p, pixels_, count);
          continue;
        }
        for (int64_t k = 0; k < count; ++k) {
          const int64_t at = base + (p + k) * block_;
          loops_.pixel(norm_, x + at, y + at, block_, block_ * pixels_, squares.data());
        }
      }
    });
  }

  std::string describe() const override { return planes_ ? "own: pixels" : "own: channels"; }

 private:
  ResponseNorm norm_;
  ResponseNormLoops loops_;
  bool planes_;  // row-major; otherwise a pixel's channels are adjacent, at least in blocks
  int64_t n_, pixels_, block_;
};

}  // namespace

KernelChoice prepare_response_norm(const KernelRequest& r) {
  const Meta &x = r.in[0], &y = r.out[0];
  if (x.dtype != DType::f32) return Refusal{"no kernel for " + std::string(name_of(x.dtype))};
  if (x.numel() == 0) return Refusal{"an empty tensor"};
  if (x.channel_block != y.channel_block) return Refusal{"images of different layouts"};
  const Layout layout = x.channel_block != 0 ? Layout::channels_last : common_layout({&x, &y}, Layout::plain);
  if (layout == Layout::other || (x.channel_block != 0 && !(x.is_dense_blocked() && y.is_dense_blocked()))) {
    return Refusal{"the tensors are not dense"};
  }
  const auto& a = r.attrs.as<ResponseNormAttrs>();
  const ResponseNorm norm{x.shape[1],
                          a.size / 2,
                          (a.size - 1) / 2,
                          static_cast<float>(a.alpha / static_cast<double>(a.size)),
                          static_cast<float>(a.beta),
                          static_cast<float>(a.k)};
  return std::make_unique<ResponseNormKernel>(norm, x, layout == Layout::plain);
}

}  // namespace lamina::cpu
#endif
