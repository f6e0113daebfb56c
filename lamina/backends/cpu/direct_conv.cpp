#include "lamina/backends/cpu/direct_conv.h"

#include <algorithm>
#include <array>
#include <functional>

#include "lamina/backends/cpu/product_kernels.h"
#include "lamina/core/parallel.h"
#include "lamina/tensor/storage.h"

namespace lamina::cpu {

ConvShape::ConvShape(const Meta& x, const Meta& weight, const Meta& y, const ConvAttrs& attrs)
    : n(x.shape[0]), in_channels(x.shape[1]), out_channels(y.shape[1]) {
  const int count = x.rank() - 2;
  for (int i = 0; i < count; ++i) {
    axis[3 - count + i] = {x.shape[2 + i],  y.shape[2 + i],      weight.shape[2 + i],
                           attrs.stride[i], attrs.pad_before[i], attrs.dilation[i]};
  }
}

namespace {

constexpr int64_t kBlockPixels = 96;  // a multiple of every tile height
constexpr int64_t kPartBytes = 24 << 10;
constexpr int64_t kShortSegment = 24;  // products below which a loop of its own costs too much

// Numbers copied, and multiplications, that are not worth a second thread.
constexpr int64_t kSerialCopies = 1 << 15, kSerialProducts = 1 << 18;

/// In chunks of `grain`; on this thread alone where all of it is not `worth` a second one.
void spread(bool worth, int64_t n, int64_t grain, const std::function<void(int64_t, int64_t)>& body) {
  worth ? parallel_for(n, grain, body) : body(0, n);
}

/// The source of a convolution as its loops read it: channels-last, with the padding in place.
class Source {
 public:
  /// `pitch`: whether pixels may be spread, which keeps those of 512·i channels out of the same cache sets; worth a
  /// copy where each element is used often.
  Source(const ConvShape& s, Layout layout, bool pitch) : s_(s), layout_(layout) {
    bool inside = true;
    for (int i = 0; i < 3; ++i) {
      const ConvShape::Axis& a = s.axis[i];
      const int64_t reach = (a.out - 1) * a.stride + a.dilation * (a.kernel - 1) + 1;
      inside = inside && a.pad == 0 && reach <= a.in;
      extent_[i] = reach;
    }
    const int64_t uses = s.out_channels * s.axis[0].kernel * s.axis[1].kernel * s.axis[2].kernel;
    const bool spread = pitch && s.in_channels % 512 == 0 && uses >= 512;
    copied_ = !inside || layout != Layout::channels_last || spread;
    for (int i = 0; i < 3 && !copied_; ++i) extent_[i] = s.axis[i].in;
    step_[2] = s.in_channels + (spread ? 16 : 0);
    step_[1] = extent_[2] * step_[2];
    step_[0] = extent_[1] * step_[1];
    image_ = extent_[0] * step_[0];
  }

  bool copied() const { return copied_; }
  int64_t floats() const { return copied_ ? s_.n * image_ : 0; }
  /// Distance between neighbours along an axis, and between images.
  int64_t step(int axis) const { return step_[axis]; }
  /// Where the window of an output row begins.
  int64_t row(int64_t image, int64_t d, int64_t h) const {
    return image * image_ + d * s_.axis[0].stride * step_[0] + h * s_.axis[1].stride * step_[1];
  }

  /// x itself, or its padded copy.
  const float* prepare(const float* x, float* copy) const {
    if (!copied_) return x;
    const int64_t rows = s_.n * extent_[0] * extent_[1];
    spread(floats() > kSerialCopies, rows, std::max<int64_t>(1, 16384 / step_[1]), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) copy_row(x, r, copy + r * step_[1]);
    });
    return copy;
  }

 private:
  void copy_row(const float* x, int64_t r, float* to) const {
    const int64_t channels = s_.in_channels, image = r / (extent_[0] * extent_[1]);
    const ConvShape::Axis &da = s_.axis[0], &ha = s_.axis[1], &wa = s_.axis[2];
    const int64_t d = r / extent_[1] % extent_[0] - da.pad, h = r % extent_[1] - ha.pad;
    const bool outside = d < 0 || d >= da.in || h < 0 || h >= ha.in;
    const int64_t left = outside ? extent_[2] : std::clamp<int64_t>(wa.pad, 0, extent_[2]);
    const int64_t first = std::max<int64_t>(-wa.pad, 0);
    const int64_t count = outside ? 0 : std::clamp<int64_t>(wa.in - first, 0, extent_[2] - left);
    const int64_t pitch = step_[2];
    std::fill_n(to, left * pitch, 0.0f);
    to += left * pitch;
    const int64_t row = d * ha.in + h;
    if (layout_ == Layout::channels_last) {
      const float* from = x + ((image * da.in * ha.in + row) * wa.in + first) * channels;
      if (pitch == channels) {
        std::copy_n(from, count * channels, to);
      } else {
        for (int64_t i = 0; i < count; ++i) std::copy_n(from + i * channels, channels, to + i * pitch);
      }
    } else if (count > 0) {
      const float* from = x + image * channels * s_.in_pixels() + row * wa.in + first;
      product_kernels(0.0f).transpose(from, s_.in_pixels(), count, channels, to, pitch, channels);
    }
    std::fill_n(to + count * pitch, (extent_[2] - left - count) * pitch, 0.0f);
  }

  const ConvShape s_;
  Layout layout_;
  bool copied_;
  int64_t extent_[3], step_[3], image_;
};

constexpr int64_t kRun = 64;  // pixels transposed at a time

/// [n, pixels, channels] to [n, channels, pixels].
void to_plain(const float* from, int64_t n, int64_t channels, int64_t pixels, float* to) {
  const int64_t runs = (pixels + kRun - 1) / kRun;
  spread(n * channels * pixels > kSerialCopies, n * runs, std::max<int64_t>(1, 256 / channels),
         [&](int64_t begin, int64_t end) {
           for (int64_t i = begin; i < end; ++i) {
             const int64_t image = i / runs * channels * pixels, p = i % runs * kRun,
                           count = std::min(kRun, pixels - p);
             product_kernels(0.0f).transpose(from + image + p * channels, channels, channels, count, to + image + p,
                                             pixels, count);
           }
         });
}

/// Rows of the kernel whose products lie one behind the other in the source.
struct Segments {
  std::vector<int64_t> offsets;
  int64_t taps;  // per segment: the kernel's width, or 1 where it is dilated

  Segments(const ConvShape& s, const Source& source) {
    taps = s.axis[2].dilation == 1 ? s.axis[2].kernel : 1;
    for (int64_t d = 0; d < s.axis[0].kernel; ++d) {
      for (int64_t h = 0; h < s.axis[1].kernel; ++h) {
        for (int64_t w = 0; w < s.axis[2].kernel; w += taps) {
          offsets.push_back(d * s.axis[0].dilation * source.step(0) + h * s.axis[1].dilation * source.step(1) +
                            w * s.axis[2].dilation * source.step(2));
        }
      }
    }
  }
};

/// Element (out, in, kernel position) of a weight tensor of any strides, seen forwards or, for the gradient of the
/// input, with its channels swapped and every kernel axis reversed.
struct WeightView {
  int64_t out, in, axis[3], base = 0;

  WeightView(const Meta& m, bool reversed) : out(m.strides[0]), in(m.strides[1]), axis{0, 0, 0} {
    const int count = m.rank() - 2;
    for (int i = 0; i < count; ++i) {
      int64_t& step = axis[3 - count + i];
      step = m.strides[2 + i];
      if (!reversed) continue;
      base += (m.shape[2 + i] - 1) * step;
      step = -step;
    }
    if (reversed) std::swap(out, in);
  }
};

struct EpilogueBlock {
  BlockOp op;
  int input;  // −1: none
};

/// y = x * w, then the epilogue; also dx = dy * reversed w.
class DirectConv final : public Kernel {
 public:
  struct Plan {
    ConvShape shape;
    Layout x, y;
    WeightView weight;
    bool constant_weight;
    std::vector<EpilogueBlock> epilogue;
  };

  explicit DirectConv(Plan plan)
      : plan_(std::move(plan)),
        kernels_(product_kernels(0.0f)),
        source_(plan_.shape, plan_.x, false),
        segments_(plan_.shape, source_) {
    const ConvShape& s = plan_.shape;
    slim_ = s.out_channels <= kernels_.lanes;
    width_ = slim_ ? kernels_.lanes : 2 * kernels_.lanes;
    tile_rows_ = slim_ ? kernels_.slim_rows : kernels_.tile_rows;
    panels_ = (s.out_channels + width_ - 1) / width_;
    segment_k_ = segments_.taps * s.in_channels;
    for (int64_t offset : segments_.offsets) {
      for (int64_t i = 0; i < segment_k_ && segment_k_ < kShortSegment; ++i) index_.push_back(offset + i);
    }
    panel_floats_ = static_cast<int64_t>(segments_.offsets.size()) * segment_k_ * width_;
    // A panel's share of the weights stays in the L2 cache, several panels make a task where pixels are few.
    block_pixels_ = kBlockPixels;
    block_panels_ = s.n * s.out_pixels() > 16 * kBlockPixels ? panels_ : std::max<int64_t>(1, panels_ / 4);
    if (plan_.constant_weight)
      packed_ = Storage::allocate(static_cast<size_t>(panels_ * panel_floats_) * sizeof(float));
  }

  size_t workspace_bytes() const override {
    return static_cast<size_t>(source_.floats() + (packed_ ? 0 : panels_ * panel_floats_) + staged_floats()) *
           sizeof(float);
  }

  void refresh(void* const* in) override {
    if (packed_) pack(static_cast<const float*>(in[1]), reinterpret_cast<float*>(packed_->data()));
  }

  void run(void* const* in, void* const* out, void* workspace) override {
    const ConvShape& s = plan_.shape;
    auto* const space = static_cast<float*>(workspace);
    const float* x = source_.prepare(static_cast<const float*>(in[0]), space);
    float* const y = staged_floats() ? space + source_.floats() : static_cast<float*>(out[0]);
    float* weights = space + source_.floats() + staged_floats();
    if (packed_) {
      weights = reinterpret_cast<float*>(packed_->data());
    } else {
      pack(static_cast<const float*>(in[1]), weights);
    }
    const int64_t pixels = s.n * s.out_pixels(), groups = (panels_ + block_panels_ - 1) / block_panels_;
    const int64_t blocks = (pixels + block_pixels_ - 1) / block_pixels_;
    spread(s.products() > kSerialProducts, blocks * groups, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t first = i / groups * block_pixels_, panel = i % groups * block_panels_;
        block(in, x, weights, y, first, std::min(block_pixels_, pixels - first), panel,
              std::min(block_panels_, panels_ - panel));
      }
    });
    if (staged_floats()) to_plain(y, s.n, s.out_channels, s.out_pixels(), static_cast<float*>(out[0]));
  }

  std::string describe() const override {
    std::string text = std::string("own:") + kernels_.target + " direct";
    if (source_.copied()) text += plan_.x == Layout::channels_last ? ", pads" : ", reorders source";
    if (staged_floats()) text += ", reorders result";
    return text + (packed_ ? ", packs once" : "");
  }

 private:
  int64_t staged_floats() const {
    const ConvShape& s = plan_.shape;
    return plan_.y == Layout::channels_last ? 0 : s.n * s.out_pixels() * s.out_channels;
  }

  /// Panels [segment][tap][in channel][width].
  void pack(const float* weight, float* to) const {
    const ConvShape& s = plan_.shape;
    const WeightView& v = plan_.weight;
    const int64_t taps = s.axis[0].kernel * s.axis[1].kernel * s.axis[2].kernel;
    const int64_t grain = std::max<int64_t>(1, 4096 / (s.in_channels * width_));
    spread(panels_ * panel_floats_ > kSerialCopies, panels_ * taps, grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t panel = i / taps, tap = i % taps;
        const int64_t w = tap % s.axis[2].kernel, h = tap / s.axis[2].kernel % s.axis[1].kernel,
                      d = tap / (s.axis[2].kernel * s.axis[1].kernel);
        const float* from = weight + v.base + d * v.axis[0] + h * v.axis[1] + w * v.axis[2] + panel * width_ * v.out;
        const int64_t count = std::min<int64_t>(width_, s.out_channels - panel * width_);
        float* row = to + panel * panel_floats_ + tap * s.in_channels * width_;
        for (int64_t c = 0; c < s.in_channels; ++c, row += width_) {
          for (int64_t j = 0; j < count; ++j) row[j] = from[c * v.in + j * v.out];
          std::fill(row + count, row + width_, 0.0f);
        }
      }
    });
  }

  /// Where the window of each pixel begins.
  void list_pixels(const float* x, int64_t first, int64_t pixels, const float** rows) const {
    const ConvShape& s = plan_.shape;
    int64_t p = first, w = p % s.axis[2].out;
    p /= s.axis[2].out;
    int64_t h = p % s.axis[1].out;
    p /= s.axis[1].out;
    int64_t d = p % s.axis[0].out, image = p / s.axis[0].out;
    const int64_t step = s.axis[2].stride * source_.step(2);
    const float* row = x + source_.row(image, d, h) + w * step;
    for (int64_t i = 0; i < pixels; ++i, row += step) {
      rows[i] = row;
      if (++w < s.axis[2].out) continue;
      w = 0;
      if (++h == s.axis[1].out) {
        h = 0;
        if (++d == s.axis[0].out) d = 0, ++image;
      }
      row = x + source_.row(image, d, h) - step;
    }
  }

  void block(void* const* in, const float* x, const float* weights, float* y, int64_t first, int64_t pixels,
             int64_t panel, int64_t panels) const {
    const ConvShape& s = plan_.shape;
    const float* rows[kBlockPixels];
    list_pixels(x, first, pixels, rows);
    Tile<float> t{};
    t.segments = segments_.offsets.data();
    t.segment_count = static_cast<int64_t>(segments_.offsets.size());
    t.k = segment_k_;
    t.a_step = 1;
    t.b_step = width_;
    t.b_segment = segment_k_ * width_;
    t.b_padded = true;
    if (!index_.empty()) {
      t.index = index_.data();
      t.segment_count = 1;
      t.k = static_cast<int64_t>(index_.size());
    }
    t.c_step = s.out_channels;
    for (int64_t k = panel; k < panel + panels; ++k) {
      t.b = weights + k * panel_floats_;
      t.cols = static_cast<int>(std::min<int64_t>(width_, s.out_channels - k * width_));
      for (int64_t i = 0; i < pixels; i += tile_rows_) {
        t.rows = static_cast<int>(std::min<int64_t>(tile_rows_, pixels - i));
        std::copy_n(rows + i, t.rows, t.a);
        t.c = y + (first + i) * s.out_channels + k * width_;
        kernels_.tile(t);
      }
    }
    const int64_t j0 = panel * width_, cols = std::min(panels * width_, s.out_channels - j0);
    for (const EpilogueBlock& e : plan_.epilogue) {
      const bool whole = e.op == BlockOp::add_block || e.op == BlockOp::mul_block;
      const float* operand = e.input < 0 ? nullptr : static_cast<const float*>(in[e.input]) + j0;
      if (whole) operand += first * s.out_channels;
      kernels_.apply(e.op, y + first * s.out_channels + j0, s.out_channels, pixels, cols, operand, s.out_channels);
    }
  }

  Plan plan_;
  const ProductKernels<float>& kernels_;
  Source source_;
  Segments segments_;
  std::vector<int64_t> index_;
  bool slim_;
  int64_t width_, tile_rows_, panels_, segment_k_, panel_floats_, block_pixels_, block_panels_;
  std::shared_ptr<Storage> packed_;
};

/// dw = Σ over pixels of the source under each tap times dy. The pixels are cut into parts by the shape alone; each
/// part has a sum of its own, and the parts are added in order: the same bits for any number of threads.
class DirectWeightGrad final : public Kernel {
 public:
  DirectWeightGrad(const ConvShape& shape, Layout x, Layout y, const Meta& dw)
      : s_(shape),
        y_(y),
        view_(dw, false),
        kernels_(product_kernels(0.0f)),
        source_(shape, x, true),
        segments_(shape, source_) {
    slim_ = s_.out_channels <= kernels_.lanes;
    width_ = slim_ ? kernels_.lanes : 2 * kernels_.lanes;
    tile_rows_ = slim_ ? kernels_.slim_rows : kernels_.tile_rows;
    panels_ = (s_.out_channels + width_ - 1) / width_;
    for (int64_t offset : segments_.offsets) {
      for (int64_t tap = 0; tap < segments_.taps; ++tap) {
        for (int64_t c = 0; c < s_.in_channels; ++c) row_offsets_.push_back(offset + tap * source_.step(2) + c);
      }
    }
    row_tiles_ = (rows() + tile_rows_ - 1) / tile_rows_;
    for (int64_t i = 0; i < s_.n; ++i) {
      for (int64_t d = 0; d < s_.axis[0].out; ++d) {
        for (int64_t h = 0; h < s_.axis[1].out; ++h) lines_.push_back(source_.row(i, d, h));
      }
    }
    // Where channels are many their pixels compete for the same cache sets.
    packs_ = y_ != Layout::channels_last || s_.out_channels >= 512;
    // A panel of the pixels of a part, and what a tile reads of the source, stay in the L1 cache.
    const int64_t bytes = 4 * width_ + std::min<int64_t>(64, 4 * s_.in_channels * s_.axis[2].stride);
    part_lines_ = std::clamp<int64_t>(kPartBytes / (bytes * s_.axis[2].out), 1, line_count());
    // Each part adds to one of a few sums; their number is bounded by memory and by the need for tasks.
    const int64_t parts = (line_count() + part_lines_ - 1) / part_lines_;
    sums_ = std::clamp<int64_t>((8 << 20) / std::max<int64_t>(sum_floats() * 4, 1), 1, std::min<int64_t>(parts, 16));
    tile_groups_ = std::clamp<int64_t>(16 / sums_, 1, row_tiles_);
  }

  size_t workspace_bytes() const override {
    return static_cast<size_t>(source_.floats() + packed_floats() + sums_ * sum_floats()) * sizeof(float);
  }

  void run(void* const* in, void* const* out, void* workspace) override {  // x, gradient
    auto* const space = static_cast<float*>(workspace);
    const float* x = source_.prepare(static_cast<const float*>(in[0]), space);
    const auto* g = static_cast<const float*>(in[1]);
    if (packs_) {
      pack(g, space + source_.floats());
      g = space + source_.floats();
    }
    float* const sums = space + source_.floats() + packed_floats();
    spread(s_.products() > kSerialProducts, sums_ * tile_groups_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) sum_up(x, g, i / tile_groups_, i % tile_groups_, sums);
    });
    store(sums, static_cast<float*>(out[0]));
  }

  std::string describe() const override {
    std::string text = std::string("own:") + kernels_.target + " direct";
    return text + (source_.copied() ? ", copies source" : "") + (packs_ ? ", packs gradient" : "");
  }

 private:
  int64_t rows() const { return static_cast<int64_t>(row_offsets_.size()); }
  int64_t line_count() const { return static_cast<int64_t>(lines_.size()); }
  int64_t pixels() const { return s_.n * s_.out_pixels(); }
  int64_t sum_floats() const { return rows() * s_.out_channels; }
  int64_t packed_floats() const { return packs_ ? panels_ * width_ * pixels() : 0; }

  /// The gradient in panels of channels, [pixel][width] each: adjacent in the loop that reads it.
  void pack(const float* g, float* to) const {
    const int64_t plane = s_.out_pixels(), runs = (plane + kRun - 1) / kRun;
    spread(packed_floats() > kSerialCopies, s_.n * runs, std::max<int64_t>(1, 256 / s_.out_channels),
           [&](int64_t begin, int64_t end) {
             for (int64_t i = begin; i < end; ++i) {
               const int64_t p = i % runs * kRun;
               pack_run(g, i / runs, p, std::min(kRun, plane - p), to);
             }
           });
  }

  /// `count` pixels from p on of one image.
  void pack_run(const float* g, int64_t image, int64_t p, int64_t count, float* to) const {
    const int64_t plane = s_.out_pixels();
    for (int64_t panel = 0; panel < panels_; ++panel) {
      const int64_t c = panel * width_, cols = std::min<int64_t>(width_, s_.out_channels - c);
      float* row = to + (panel * pixels() + image * plane + p) * width_;
      if (y_ != Layout::channels_last) {
        kernels_.transpose(g + (image * s_.out_channels + c) * plane + p, plane, count, cols, row, width_, width_);
        continue;
      }
      const float* from = g + (image * plane + p) * s_.out_channels + c;
      for (int64_t k = 0; k < count; ++k, row += width_, from += s_.out_channels) {
        std::copy_n(from, cols, row);
        std::fill(row + cols, row + width_, 0.0f);
      }
    }
  }

  /// Sum number `which`: its share of the lines, part by part; a group of the row tiles.
  void sum_up(const float* x, const float* g, int64_t which, int64_t group, float* sums) const {
    const int64_t begin = line_count() * which / sums_, end = line_count() * (which + 1) / sums_;
    const int64_t first_tile = row_tiles_ * group / tile_groups_, last_tile = row_tiles_ * (group + 1) / tile_groups_;
    float* const sum = sums + which * sum_floats();
    Tile<float> t{};
    t.k = s_.axis[2].out;
    t.a_step = s_.axis[2].stride * source_.step(2);
    t.b_step = packs_ ? width_ : s_.out_channels;
    t.b_segment = t.k * t.b_step;
    t.b_padded = packs_;
    t.c_step = s_.out_channels;
    for (int64_t line = begin; line < end; line += part_lines_) {
      t.segments = lines_.data() + line;
      t.segment_count = std::min(part_lines_, end - line);
      t.accumulate = line > begin;
      for (int64_t panel = 0; panel < panels_; ++panel) {
        t.b = g + panel * width_ * (packs_ ? pixels() : 1) + line * t.b_segment;
        t.cols = static_cast<int>(std::min<int64_t>(width_, s_.out_channels - panel * width_));
        for (int64_t tile = first_tile; tile < last_tile; ++tile) {
          const int64_t row = tile * tile_rows_;
          t.rows = static_cast<int>(std::min<int64_t>(tile_rows_, rows() - row));
          for (int i = 0; i < t.rows; ++i) t.a[i] = x + row_offsets_[static_cast<size_t>(row + i)];
          t.c = sum + row * s_.out_channels + panel * width_;
          kernels_.tile(t);
        }
      }
    }
  }

  /// Adds the sums, [tap][in][out] each, into the weight's own order.
  void store(const float* sums, float* dw) const {
    const int64_t grain = std::max<int64_t>(1, 4096 / (s_.out_channels * sums_));
    spread(sums_ * sum_floats() > kSerialCopies, rows(), grain, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t c = row % s_.in_channels, tap = row / s_.in_channels;
        const int64_t w = tap % s_.axis[2].kernel, h = tap / s_.axis[2].kernel % s_.axis[1].kernel,
                      d = tap / (s_.axis[2].kernel * s_.axis[1].kernel);
        float* to = dw + c * view_.in + d * view_.axis[0] + h * view_.axis[1] + w * view_.axis[2];
        const float* from = sums + row * s_.out_channels;
        for (int64_t o = 0; o < s_.out_channels; ++o) {
          float sum = from[o];
          for (int64_t i = 1; i < sums_; ++i) sum += from[i * sum_floats() + o];
          to[o * view_.out] = sum;
        }
      }
    });
  }

  ConvShape s_;
  Layout y_;
  WeightView view_;
  const ProductKernels<float>& kernels_;
  Source source_;
  Segments segments_;
  bool slim_, packs_;
  int64_t width_, tile_rows_, panels_, row_tiles_, part_lines_, sums_, tile_groups_;
  std::vector<int64_t> row_offsets_, lines_;
};

std::optional<Refusal> refuse(const Meta& x, const Meta& y, const ConvAttrs& a) {
  if (x.dtype != DType::f32) return Refusal{"no direct convolution in " + std::string(name_of(x.dtype))};
  if (a.groups != 1) return Refusal{"no direct convolution with groups"};
  for (const Meta* m : {&x, &y}) {
    if (common_layout({m}, Layout::channels_last) == Layout::other) return Refusal{"a tensor that is not dense"};
  }
  return {};
}

Layout layout_of(const Meta& m) { return common_layout({&m}, Layout::channels_last); }

BlockOp block_op(OpId op, bool per_channel) {
  switch (op) {
    case OpId::add:
      return per_channel ? BlockOp::add_row : BlockOp::add_block;
    case OpId::mul:
      return per_channel ? BlockOp::mul_row : BlockOp::mul_block;
    case OpId::tanh:
      return BlockOp::tanh;
    case OpId::sigmoid:
      return BlockOp::sigmoid;
    default:
      return BlockOp::relu;
  }
}

}  // namespace

KernelChoice direct_conv(const KernelRequest& r, const Epilogue& chain, std::optional<int> bias) {
  const auto& a = r.attrs.as<ConvAttrs>();
  if (auto refusal = refuse(r.in[0], r.out[0], a)) return *refusal;
  std::vector<EpilogueBlock> blocks;
  if (bias) blocks.push_back({BlockOp::add_row, *bias});
  for (const EpilogueStep& step : chain) {
    EpilogueBlock b{block_op(step.op, false), -1};
    if (step.input) {
      const bool per_channel = is_per_channel(r.in[step.input], 1);
      b = {block_op(step.op, per_channel), static_cast<int>(step.input)};
      const bool same =
          has_layout(r.in[step.input], Layout::channels_last) && layout_of(r.out[0]) == Layout::channels_last;
      if (!per_channel && !same) return Refusal{"the operand of an epilogue is not channels-last"};
    }
    blocks.push_back(b);
  }
  return std::make_unique<DirectConv>(DirectConv::Plan{ConvShape(r.in[0], r.in[1], r.out[0], a), layout_of(r.in[0]),
                                                       layout_of(r.out[0]), WeightView(r.in[1], false),
                                                       r.is_constant(1), std::move(blocks)});
}

KernelChoice direct_input_grad(const KernelRequest& r) {
  const auto& a = r.attrs.as<ConvAttrs>();
  const Meta &g = r.in[0], &weight = r.in[1], &dx = r.out[0];
  if (auto refusal = refuse(dx, g, a)) return *refusal;
  ConvAttrs reversed = a;
  for (int i = 0; i < a.stride.rank(); ++i) {
    if (a.stride[i] != 1) return Refusal{"no direct gradient of a strided convolution"};
    reversed.pad_before[i] = a.dilation[i] * (weight.shape[2 + i] - 1) - a.pad_before[i];
  }
  return std::make_unique<DirectConv>(DirectConv::Plan{
      ConvShape(g, weight, dx, reversed), layout_of(g), layout_of(dx), WeightView(weight, true), r.is_constant(1), {}});
}

KernelChoice direct_weight_grad(const KernelRequest& r) {
  const auto& a = r.attrs.as<ConvAttrs>();
  const Meta &x = r.in[0], &g = r.in[1], &dw = r.out[0];
  if (auto refusal = refuse(x, g, a)) return *refusal;
  return std::make_unique<DirectWeightGrad>(ConvShape(x, dw, g, a), layout_of(x), layout_of(g), dw);
}

}  // namespace lamina::cpu
