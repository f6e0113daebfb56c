// CTC by the recursion of the forward variables, sample by sample. The gradient has no kernel here: the decomposition
// is the reference.
#include <algorithm>
#include <cmath>
#include <string>

#include "lamina/backends/ref/kernels_internal.h"
#include "lamina/core/error.h"
#include "lamina/ops/ctc_attrs.h"

namespace lamina::ref {

namespace {

constexpr double kNever = -INFINITY;

double log_add(double a, double b) {
  const double top = std::max(a, b);
  return top == kNever ? kNever : top + std::log(std::exp(a - top) + std::exp(b - top));
}

/// −log p of one sample; x(t, class).
template <class X>
double loss_of(const X& x, int64_t frames, const std::vector<int64_t>& labels, int64_t blank) {
  const size_t states = 2 * labels.size() + 1;
  const auto label = [&](size_t s) { return s % 2 ? labels[s / 2] : blank; };
  if (frames == 0) return labels.empty() ? 0 : -kNever;
  std::vector<double> alpha(states, kNever);
  for (size_t s = 0; s < std::min<size_t>(2, states); ++s) alpha[s] = x(0, label(s));
  for (int64_t t = 1; t < frames; ++t) {
    std::vector<double> next(states);
    for (size_t s = 0; s < states; ++s) {
      double sum = alpha[s];
      if (s >= 1) sum = log_add(sum, alpha[s - 1]);
      if (s >= 2 && label(s) != blank && label(s) != label(s - 2)) sum = log_add(sum, alpha[s - 2]);
      next[s] = sum + x(t, label(s));
    }
    alpha = next;
  }
  return -(labels.empty() ? alpha[0] : log_add(alpha[states - 1], alpha[states - 2]));
}

int64_t checked(int64_t value, int64_t least, int64_t end, const char* what, size_t sample) {
  if (value >= least && value < end) return value;
  throw Error("ctc_loss", std::string(what) + " " + std::to_string(value) + " of sample " + std::to_string(sample) +
                              " is out of range " + std::to_string(least) + " to " + std::to_string(end - 1));
}

}  // namespace

Choice prepare_ctc(const KernelRequest& r) {
  return [metas = Metas(r.in.begin(), r.in.end()), a = r.attrs.as<CtcAttrs>(), result = r.out[0]](void* const* in,
                                                                                                  void* const* out) {
    const std::vector<double> x = read<double>(metas[0], in[0]);
    const std::vector<int64_t> targets = read<int64_t>(metas[1], in[1]);
    const std::vector<int64_t> frames = read<int64_t>(metas[2], in[2]), lengths = read<int64_t>(metas[3], in[3]);
    const int64_t classes = metas[0].shape[2], most = metas[1].shape[1];
    const size_t batch = frames.size();
    std::vector<double> losses;
    for (size_t n = 0; n < batch; ++n) {
      const int64_t count = checked(frames[n], 0, metas[0].shape[0] + 1, "input length", n);
      const int64_t length = checked(lengths[n], 0, most + 1, "target length", n);
      std::vector<int64_t> labels;
      int64_t needed = length;
      for (int64_t i = 0; i < length; ++i) {
        labels.push_back(
            checked(targets[n * static_cast<size_t>(most) + static_cast<size_t>(i)], 0, classes, "label", n));
        if (labels.back() == a.blank)
          throw Error("ctc_loss", "sample " + std::to_string(n) + " has the blank as label");
        if (i > 0 && labels[static_cast<size_t>(i)] == labels[static_cast<size_t>(i - 1)]) ++needed;
      }
      if (needed > count && !a.zero_infinity) {
        throw Error("ctc_loss", "the target of sample " + std::to_string(n) + " needs " + std::to_string(needed) +
                                    " frames, it has " + std::to_string(count));
      }
      const double loss = loss_of(
          [&](int64_t t, int64_t c) {
            return x[(static_cast<size_t>(t) * batch + n) * static_cast<size_t>(classes) + static_cast<size_t>(c)];
          },
          count, labels, a.blank);
      losses.push_back(a.zero_infinity && std::isinf(loss) ? 0 : loss);
    }
    write(result, out[0], losses);
  };
}

}  // namespace lamina::ref
