// CTC: forward and backward variables of each sample in log space, each row shifted so that its largest is 0, the
// samples in parallel. The backward variables are the forward ones of the sample turned round.
#include <algorithm>
#include <cmath>
#include <string>

#include "lamina/backends/cpu/ctc_kernels.h"
#include "lamina/backends/cpu/kernels.h"
#include "lamina/core/error.h"
#include "lamina/core/parallel.h"
#include "lamina/ops/ctc_attrs.h"

namespace lamina::cpu {

namespace {

int64_t checked(int64_t value, int64_t least, int64_t end, const char* what, int64_t sample) {
  if (value >= least && value < end) return value;
  throw Error("ctc_loss", std::string(what) + " " + std::to_string(value) + " of sample " + std::to_string(sample) +
                              " is out of range " + std::to_string(least) + " to " + std::to_string(end - 1));
}

template <class T>
class CtcKernel final : public Kernel {
 public:
  explicit CtcKernel(const KernelRequest& r)
      : a_(r.attrs.as<CtcAttrs>()),
        backward_(r.op == OpId::ctc_loss_backward),
        frames_(r.in[0].shape[0]),
        batch_(r.in[0].shape[1]),
        classes_(r.in[0].shape[2]),
        most_(r.in[1].shape[1]),
        row_(2 * most_ + 1 + 2 * kCtcPad) {}

  /// Per sample: the rows of alpha (backward: one per frame, else two), and beta, emitted and skip.
  size_t workspace_bytes() const override { return static_cast<size_t>(batch_ * sample_elements()) * sizeof(T); }

  void run(void* const* in, void* const* out, void* workspace) override {
    Call call{static_cast<const T*>(in[0]),
              static_cast<const int64_t*>(in[1]),
              static_cast<const int64_t*>(in[2]),
              static_cast<const int64_t*>(in[3]),
              backward_ ? static_cast<const T*>(in[4]) : nullptr,
              static_cast<T*>(out[0])};
    for (int64_t n = 0; n < batch_; ++n) check(call, n);
    const int64_t grain = frames_ * most_ * batch_ < 2000 ? batch_ : 1;
    parallel_for(batch_, grain, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) sample(call, n, static_cast<T*>(workspace) + n * sample_elements());
    });
  }

  std::string describe() const override { return "own"; }

 private:
  struct Call {
    const T* x;
    const int64_t *targets, *frames, *lengths;
    const T* g;  // of the loss
    T* out;
  };
  /// One direction through a sample.
  struct Pass {
    bool turned;  // last frame and last label first
    T *emitted, *skip;
  };

  int64_t alpha_rows() const { return backward_ ? frames_ : 2; }
  int64_t sample_elements() const { return (alpha_rows() + 6) * row_ + frames_; }

  void check(const Call& call, int64_t n) const {
    const int64_t frames = checked(call.frames[n], 0, frames_ + 1, "input length", n);
    const int64_t length = checked(call.lengths[n], 0, most_ + 1, "target length", n);
    const int64_t* labels = call.targets + n * most_;
    int64_t needed = length;
    for (int64_t i = 0; i < length; ++i) {
      if (checked(labels[i], 0, classes_, "label", n) == a_.blank) {
        throw Error("ctc_loss", "sample " + std::to_string(n) + " has the blank as label");
      }
      if (i > 0 && labels[i] == labels[i - 1]) ++needed;
    }
    if (needed > frames && !a_.zero_infinity) {
      throw Error("ctc_loss", "the target of sample " + std::to_string(n) + " needs " + std::to_string(needed) +
                                  " frames, it has " + std::to_string(frames))
          .hint("leave such samples out, or set zero_infinity to let them count 0");
    }
  }

  int64_t label(const Call& call, int64_t n, int64_t state) const {
    return state % 2 ? call.targets[n * most_ + state / 2] : a_.blank;
  }
  int64_t states(const Call& call, int64_t n) const { return 2 * call.lengths[n] + 1; }
  const T* frame(const Call& call, int64_t n, int64_t t) const { return call.x + (t * batch_ + n) * classes_; }

  void emit(const Call& call, int64_t n, int64_t t, const Pass& p) const {
    const T* x = frame(call, n, p.turned ? call.frames[n] - 1 - t : t);
    const int64_t count = states(call, n);
    for (int64_t s = 0; s < count; ++s) p.emitted[s] = x[label(call, n, p.turned ? count - 1 - s : s)];
  }

  /// Clears the rows and says where a state may be skipped.
  void begin(const Call& call, int64_t n, const Pass& p) const {
    const int64_t count = states(call, n);
    std::fill_n(p.emitted - kCtcPad, row_, T(0));
    std::fill_n(p.skip - kCtcPad, row_, T(-HUGE_VAL));
    for (int64_t s = 3; s < count; s += 2) {
      const auto at = [&](int64_t i) { return label(call, n, p.turned ? count - 1 - i : i); };
      if (at(s) != at(s - 2)) p.skip[s] = 0;
    }
  }

  /// The variables of frame t from those of the one before; returns the shift.
  T advance(const Call& call, int64_t n, int64_t t, const Pass& p, const T* before, T* next) const {
    emit(call, n, t, p);
    const int64_t count = states(call, n);
    std::fill_n(next - kCtcPad, row_, T(-HUGE_VAL));
    if (t > 0) return kernels_.advance(before, p.emitted, p.skip, next, count);
    for (int64_t s = 0; s < std::min<int64_t>(2, count); ++s) next[s] = p.emitted[s];
    return 0;
  }

  /// log of the two ends' sum.
  static double ending(const T* last, int64_t count) {
    const double a = static_cast<double>(last[count - 1]);
    const double b = count > 1 ? static_cast<double>(last[count - 2]) : -HUGE_VAL, top = std::max(a, b);
    return top == -HUGE_VAL ? top : top + std::log(std::exp(a - top) + std::exp(b - top));
  }

  void sample(const Call& call, int64_t n, T* scratch) const {
    const int64_t frames = call.frames[n], count = states(call, n);
    T* rows = scratch + kCtcPad;  // alpha
    T* others = rows + alpha_rows() * row_;
    T* shifts = scratch + (alpha_rows() + 6) * row_;
    const Pass p{false, others, others + row_};
    begin(call, n, p);
    double shift = 0;
    for (int64_t t = 0; t < frames; ++t) {
      const auto row = [&](int64_t i) { return rows + (backward_ ? i : i % 2) * row_; };
      shifts[t] = advance(call, n, t, p, t > 0 ? row(t - 1) : nullptr, row(t));
      shift += static_cast<double>(shifts[t]);
    }
    double total = count == 1 ? 0 : -HUGE_VAL;  // of no frames
    if (frames > 0) total = shift + ending(rows + (backward_ ? frames - 1 : (frames - 1) % 2) * row_, count);
    if (!backward_) {
      const double loss = -total;
      call.out[n] = std::isinf(loss) && a_.zero_infinity ? T(0) : static_cast<T>(loss);
      return;
    }
    for (int64_t t = 0; t < frames_; ++t) std::fill_n(call.out + (t * batch_ + n) * classes_, classes_, T(0));
    if (frames > 0 && !std::isinf(total)) gradient(call, n, total, shift, rows, shifts, others + 2 * row_);
  }

  /// −occupancy·g, from the last frame to the first.
  void gradient(const Call& call, int64_t n, double total, double shift, const T* alpha, const T* shifts,
                T* others) const {
    const int64_t frames = call.frames[n], count = states(call, n);
    const Pass p{true, others, others + row_};
    T* const beta[2] = {others - 2 * row_, others + 2 * row_};
    T* const turned = others + 3 * row_;
    T* const occupied = others - row_;
    begin(call, n, p);
    double before = shift;  // of alpha up to the frame
    double behind = 0;      // of beta from the frame on
    for (int64_t i = 0; i < frames; ++i) {
      const int64_t t = frames - 1 - i;
      behind += static_cast<double>(advance(call, n, i, p, beta[(i + 1) % 2], beta[i % 2]));
      std::reverse_copy(beta[i % 2], beta[i % 2] + count, turned);
      std::reverse(p.emitted, p.emitted + count);
      kernels_.occupy(alpha + t * row_, turned, p.emitted, static_cast<T>(before + behind - total), occupied, count);
      T* to = call.out + (t * batch_ + n) * classes_;
      for (int64_t s = 0; s < count; ++s) to[label(call, n, s)] -= occupied[s] * call.g[n];
      before -= static_cast<double>(shifts[t]);
    }
  }

  CtcAttrs a_;
  bool backward_;
  int64_t frames_, batch_, classes_, most_, row_;
  const CtcKernels<T>& kernels_ = ctc_kernels(T());
};

}  // namespace

KernelChoice prepare_ctc(const KernelRequest& r) {
  if (r.in[0].dtype == DType::f32) return std::make_unique<CtcKernel<float>>(r);
  if (r.in[0].dtype == DType::f64) return std::make_unique<CtcKernel<double>>(r);
  return Refusal{"no kernel for " + std::string(name_of(r.in[0].dtype))};
}

}  // namespace lamina::cpu
