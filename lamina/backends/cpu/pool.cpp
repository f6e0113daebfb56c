// Pooling. Which pixels each result depends on is listed once, when the kernel is prepared; so fixed and
// adaptive windows, padding, dilation and any number of axes run the same loops, and gradients are sums over the
// transposed lists: every element is written once, by one thread.
#include <algorithm>

#include "lamina/backends/cpu/kernels.h"
#include "lamina/backends/cpu/layout.h"
#include "lamina/backends/cpu/pool_kernels.h"
#include "lamina/core/parallel.h"
#include "lamina/ops/pool_attrs.h"

namespace lamina::cpu {

namespace {

constexpr int64_t kGrain = 1 << 13;  // elements per task

/// The window of one output along one axis, clipped to the input.
struct Window {
  int64_t begin, end, step;
  int64_t with_padding;  // its extent, counting the padding
};

struct Axis {
  int64_t in = 1, out = 1;
  int64_t kernel = 1, stride = 1, pad = 0, dilation = 1;  // kernel 0: adaptive

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

/// Per result the numbers of the pixels it depends on, with weights: row r holds [first[r], first[r + 1]).
struct Lists {
  std::vector<int64_t> first{0};
  std::vector<int32_t> at;
  std::vector<float> weight;

  int64_t rows() const { return static_cast<int64_t>(first.size()) - 1; }
  Pixels row(int64_t r, int64_t channels) const {
    const int64_t begin = first[static_cast<size_t>(r)];
    return {at.data() + begin, first[static_cast<size_t>(r) + 1] - begin, channels};
  }
  const float* weights(int64_t r) const { return weight.data() + first[static_cast<size_t>(r)]; }

  Lists transposed(int64_t columns) const {
    Lists t;
    t.first.assign(static_cast<size_t>(columns) + 1, 0);
    for (int32_t c : at) ++t.first[static_cast<size_t>(c) + 1];
    for (size_t c = 1; c < t.first.size(); ++c) t.first[c] += t.first[c - 1];
    t.at.resize(at.size());
    t.weight.resize(at.size());
    std::vector<int64_t> next(t.first.begin(), t.first.end() - 1);
    for (int64_t r = 0; r < rows(); ++r) {
      for (auto i = static_cast<size_t>(first[static_cast<size_t>(r)]);
           i < static_cast<size_t>(first[static_cast<size_t>(r) + 1]); ++i) {
        const auto place = static_cast<size_t>(next[static_cast<size_t>(at[i])]++);
        t.at[place] = static_cast<int32_t>(r);
        t.weight[place] = weight[i];
      }
    }
    return t;
  }
};

/// Lists of equal length, the first pixels of all rows first: for loops over vectors of rows.
struct Columns {
  std::vector<int32_t> at;
  std::vector<float> weight;  // of a row
  int64_t rows = 0, count = 0;

  /// Empty where the rows are too few or differ in length, or the weights of a row differ.
  Columns() = default;
  explicit Columns(const Lists& lists) {
    const int64_t length = lists.rows() > 0 ? lists.first[1] : 0;
    if (lists.rows() < pool_kernels().gather_rows || length == 0) return;
    for (int64_t r = 0; r < lists.rows(); ++r) {
      const float* weights = lists.weights(r);
      if (lists.row(r, 1).count != length || std::count(weights, weights + length, weights[0]) != length) return;
    }
    rows = lists.rows();
    count = length;
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t r = 0; r < rows; ++r) at.push_back(lists.row(r, 1).at[i]);
    }
    for (int64_t r = 0; r < rows; ++r) weight.push_back(lists.weights(r)[0]);
  }
};

/// Of the pixels of one plane; the weights are those of the average.
Lists list_windows(const Axis (&axes)[3], bool count_padding) {
  Lists lists;
  for (int64_t z = 0; z < axes[0].out; ++z) {
    for (int64_t y = 0; y < axes[1].out; ++y) {
      for (int64_t x = 0; x < axes[2].out; ++x) {
        const Window d = axes[0].window(z), h = axes[1].window(y), w = axes[2].window(x);
        for (int64_t k = d.begin; k < d.end; k += d.step) {
          for (int64_t i = h.begin; i < h.end; i += h.step) {
            for (int64_t j = w.begin; j < w.end; j += w.step) {
              lists.at.push_back(static_cast<int32_t>((k * axes[1].in + i) * axes[2].in + j));
            }
          }
        }
        const auto inside = static_cast<int64_t>(lists.at.size()) - lists.first.back();
        const int64_t divisor = count_padding ? d.with_padding * h.with_padding * w.with_padding : inside;
        lists.weight.resize(lists.at.size(), 1.0f / static_cast<float>(divisor));
        lists.first.push_back(static_cast<int64_t>(lists.at.size()));
      }
    }
  }
  return lists;
}

Lists windows_of(const PoolAttrs& a, const Shape& x, const Shape& y) {
  Axis axes[3];
  const int count = x.rank() - 2;
  for (int i = 0; i < count; ++i) {
    axes[3 - count + i] = {x[2 + i], y[2 + i], a.kernel[i], a.stride[i], a.padding[i], a.dilation[i]};
  }
  return list_windows(axes, a.count_include_pad);
}

Lists adaptive_windows(const Shape& x, const Shape& y) {
  Axis axes[3];
  const int count = x.rank() - 2;
  for (int i = 0; i < count; ++i) axes[3 - count + i] = {x[2 + i], y[2 + i], 0, 1, 0, 1};
  return list_windows(axes, false);
}

/// What all of these kernels have in common: results and sources are pixels of n images.
class PoolKernel : public Kernel {
 public:
  PoolKernel(Lists lists, const Meta& from, const Meta& to, Layout layout)
      : lists_(std::move(lists)), layout_(layout), n_(to.shape[0]), channels_(to.shape[1]) {
    to_pixels_ = lists_.rows();
    if (layout != Layout::channels_last) columns_ = Columns(lists_);
    from_pixels_ = from.numel() / std::max<int64_t>(1, n_ * channels_);
  }

  std::string describe() const override {
    return std::string("own:") +
           (layout_ == Layout::channels_last || columns_.rows > 0 ? pool_kernels().target : "scalar") +
           (layout_ == Layout::channels_last ? " channels-last" : " plain");
  }

 protected:
  /// body(list row, first source pixel, place of the result) for every result; `channels` of them adjacent.
  template <class Body>
  void for_results(const Body& body) const {
    const bool last = layout_ == Layout::channels_last;
    const int64_t channels = last ? channels_ : 1, images = last ? n_ : n_ * channels_;
    const int64_t grain = std::max<int64_t>(1, kGrain / channels);
    parallel_for(images * to_pixels_, grain, [&](int64_t begin, int64_t end) {
      int64_t image = begin / to_pixels_, row = begin % to_pixels_;
      for (int64_t i = begin; i < end; ++i) {
        body(row, image * from_pixels_ * channels, i * channels);
        if (++row == to_pixels_) {
          row = 0;
          ++image;
        }
      }
    });
  }
  bool channels_last() const { return layout_ == Layout::channels_last; }

  /// body(first pixel of a plane, its first result) for every plane.
  template <class Body>
  void for_planes(const Body& body) const {
    parallel_for(n_ * channels_, std::max<int64_t>(1, kGrain / to_pixels_), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) body(i * from_pixels_, i * to_pixels_);
    });
  }

  Lists lists_;
  Columns columns_;  // of plain layouts
  Layout layout_;
  int64_t n_, channels_, to_pixels_, from_pixels_;
};

class MaxPoolKernel final : public PoolKernel {
 public:
  using PoolKernel::PoolKernel;
  void run(void* const* in, void* const* out, void*) override {
    const auto* x = static_cast<const float*>(in[0]);
    auto* y = static_cast<float*>(out[0]);
    auto* positions = static_cast<int32_t*>(out[1]);
    if (channels_last()) {
      return for_results([&](int64_t row, int64_t from, int64_t to) {
        pool_kernels().max(x + from, lists_.row(row, channels_), y + to, positions ? positions + to : nullptr);
      });
    }
    if (columns_.rows > 0) {
      return for_planes([&](int64_t from, int64_t to) {
        pool_kernels().gather_max(x + from, columns_.at.data(), columns_.rows, columns_.count, y + to,
                                  positions ? positions + to : nullptr);
      });
    }
    for_results([&](int64_t row, int64_t from, int64_t to) {
      const Pixels p = lists_.row(row, 1);
      const float* plane = x + from;
      int32_t best = p.at[0];
      float value = plane[best];
      for (int64_t i = 1; i < p.count; ++i) {
        const float v = plane[p.at[i]];
        const bool better = !(v <= value) && value == value;
        best = better ? p.at[i] : best;
        value = better ? v : value;
      }
      y[to] = value;
      if (positions) positions[to] = best;
    });
  }
};

class WeightedSumKernel final : public PoolKernel {
 public:
  using PoolKernel::PoolKernel;
  void run(void* const* in, void* const* out, void*) override {
    const auto* x = static_cast<const float*>(in[0]);
    auto* y = static_cast<float*>(out[0]);
    if (channels_last()) {
      return for_results([&](int64_t row, int64_t from, int64_t to) {
        pool_kernels().weighted_sum(x + from, lists_.row(row, channels_), lists_.weights(row), y + to);
      });
    }
    if (columns_.rows > 0) {
      return for_planes([&](int64_t from, int64_t to) {
        pool_kernels().gather_sum(x + from, columns_.at.data(), columns_.weight.data(), columns_.rows, columns_.count,
                                  y + to);
      });
    }
    for_results([&](int64_t row, int64_t from, int64_t to) {
      const Pixels p = lists_.row(row, 1);
      const float *plane = x + from, *weights = lists_.weights(row);
      float sum = 0;
      for (int64_t i = 0; i < p.count; ++i) sum += plane[p.at[i]] * weights[i];
      y[to] = sum;
    });
  }
};

class MaxPoolBackwardKernel final : public PoolKernel {
 public:
  using PoolKernel::PoolKernel;
  void run(void* const* in, void* const* out, void*) override {  // gradient, positions
    const auto* g = static_cast<const float*>(in[0]);
    const auto* positions = static_cast<const int32_t*>(in[1]);
    auto* dx = static_cast<float*>(out[0]);
    if (channels_last()) {
      return for_results([&](int64_t row, int64_t from, int64_t to) {
        pool_kernels().sum_where(g + from, positions + from, lists_.row(row, channels_), static_cast<int32_t>(row),
                                 dx + to);
      });
    }
    for_results([&](int64_t row, int64_t from, int64_t to) {
      const Pixels p = lists_.row(row, 1);
      float sum = 0;
      for (int64_t i = 0; i < p.count; ++i) {
        const int64_t at = from + p.at[i];
        sum += positions[at] == static_cast<int32_t>(row) ? g[at] : 0.0f;
      }
      dx[to] = sum;
    });
  }
};

/// Of windows that share no pixel: a pass over the results instead of one over the pixels.
class DisjointMaxPoolBackwardKernel final : public PoolKernel {
 public:
  DisjointMaxPoolBackwardKernel(Lists lists, const Meta& from, const Meta& to, Layout layout)
      : PoolKernel(std::move(lists), from, to, layout), pixels_(to.numel() / std::max<int64_t>(1, n_ * channels_)) {
    std::vector<bool> seen(static_cast<size_t>(pixels_));
    for (int32_t at : lists_.at) seen[static_cast<size_t>(at)] = true;
    complete_ = std::all_of(seen.begin(), seen.end(), [](bool s) { return s; });
  }

  void run(void* const* in, void* const* out, void*) override {  // gradient, positions
    const auto* g = static_cast<const float*>(in[0]);
    const auto* positions = static_cast<const int32_t*>(in[1]);
    auto* dx = static_cast<float*>(out[0]);
    const int64_t channels = channels_last() ? channels_ : 1, images = channels_last() ? n_ : n_ * channels_;
    const int64_t results = lists_.rows() * channels, size = pixels_ * channels;
    parallel_for(images, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, size)), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        if (!complete_) std::fill_n(dx + i * size, size, 0.0f);
        spread(g + i * results, positions + i * results, channels, dx + i * size);
      }
    });
  }

 private:
  void spread(const float* g, const int32_t* positions, int64_t channels, float* dx) const {
    if (channels > 1) {
      return pool_kernels().spread(g, positions, lists_.at.data(), lists_.first.data(), lists_.rows(), channels, dx);
    }
    const int32_t* at = lists_.at.data();
    for (size_t r = 0; r + 1 < lists_.first.size(); ++r) {
      for (int64_t i = lists_.first[r]; i < lists_.first[r + 1]; ++i) dx[at[i]] = at[i] == positions[r] ? g[r] : 0.0f;
    }
  }

  int64_t pixels_;
  bool complete_;  // every pixel lies in a window
};

/// The layout that the tensors share, or a refusal in `why`.
Layout check(const KernelRequest& r, std::string& why) {
  std::vector<const Meta*> metas;
  for (const Meta& m : r.in) metas.push_back(&m);
  for (const Meta& m : r.out) metas.push_back(&m);
  for (const Meta* m : metas) {
    if (m->dtype != DType::f32 && m->dtype != DType::i32) why = "no kernel for " + std::string(name_of(m->dtype));
    if (m->numel() == 0) why = "an empty tensor";
  }
  if (r.out[0].dtype != DType::f32) why = "no kernel for " + std::string(name_of(r.out[0].dtype));
  if (r.epilogue) why = "no epilogue after pooling";
  for (Layout layout : {Layout::plain, Layout::channels_last}) {
    if (std::all_of(metas.begin(), metas.end(), [&](const Meta* m) { return has_layout(*m, layout); })) return layout;
  }
  why = "the tensors are not all plain, nor all channels-last";
  return Layout::other;
}

/// `lists` gives what the results in out[0] are made from.
template <class K>
KernelChoice prepare(const KernelRequest& r, const std::function<Lists()>& lists) {
  std::string why;
  const Layout layout = check(r, why);
  if (!why.empty()) return Refusal{why};
  return std::make_unique<K>(lists(), r.in[0], r.out[0], layout);
}

int64_t plane_size(const Shape& shape) {
  int64_t n = 1;
  for (int i = 2; i < shape.rank(); ++i) n *= shape[i];
  return n;
}

}  // namespace

KernelChoice prepare_max_pool(const KernelRequest& r) {
  return prepare<MaxPoolKernel>(r, [&] {
    return r.op == OpId::max_pool ? windows_of(r.attrs.as<PoolAttrs>(), r.in[0].shape, r.out[0].shape)
                                  : adaptive_windows(r.in[0].shape, r.out[0].shape);
  });
}

KernelChoice prepare_max_pool_backward(const KernelRequest& r) {
  const auto& a = r.attrs.as<PoolAttrs>();
  // Positions of adaptive pooling come without a kernel.
  const auto windows = [&] {
    return a.kernel.empty() ? adaptive_windows(r.out[0].shape, r.in[0].shape)
                            : windows_of(a, r.out[0].shape, r.in[0].shape);
  };
  bool disjoint = !a.kernel.empty();
  for (int i = 0; disjoint && i < a.kernel.rank(); ++i) disjoint = a.stride[i] >= a.dilation[i] * (a.kernel[i] - 1) + 1;
  if (disjoint) return prepare<DisjointMaxPoolBackwardKernel>(r, windows);
  return prepare<MaxPoolBackwardKernel>(r, [&] { return windows().transposed(plane_size(r.out[0].shape)); });
}

KernelChoice prepare_avg_pool(const KernelRequest& r) {
  return prepare<WeightedSumKernel>(r, [&] {
    return r.op == OpId::avg_pool ? windows_of(r.attrs.as<PoolAttrs>(), r.in[0].shape, r.out[0].shape)
                                  : adaptive_windows(r.in[0].shape, r.out[0].shape);
  });
}

KernelChoice prepare_avg_pool_backward(const KernelRequest& r) {
  return prepare<WeightedSumKernel>(r, [&] {
    const Lists windows = r.op == OpId::avg_pool_backward
                              ? windows_of(r.attrs.as<PoolAttrs>(), r.out[0].shape, r.in[0].shape)
                              : adaptive_windows(r.out[0].shape, r.in[0].shape);
    return windows.transposed(plane_size(r.out[0].shape));
  });
}

}  // namespace lamina::cpu
