#include <algorithm>
#include <cmath>
#include <string>

#include "lamina/backends/ref/kernels_internal.h"
#include "lamina/core/error.h"
#include "lamina/ops/softmax_attrs.h"

namespace lamina::ref {

namespace {

/// log Σ e^value over n values that lie `stride` apart.
double log_sum_exp(const double* values, int64_t n, int64_t stride) {
  double largest = -INFINITY, total = 0;
  for (int64_t k = 0; k < n; ++k) largest = std::max(largest, values[k * stride]);
  for (int64_t k = 0; k < n; ++k) total += std::exp(values[k * stride] - largest);
  return largest + std::log(total);
}

}  // namespace

Choice prepare_softmax(const KernelRequest& r) {
  const Split s(r.in[0].shape, static_cast<int>(r.attrs.as<SoftmaxAttrs>().axis));
  return [s, take_log = r.op == OpId::log_softmax, x = r.in[0], y = r.out[0]](void* const* in, void* const* out) {
    std::vector<double> values = read<double>(x, in[0]);
    for (int64_t o = 0; o < s.outer; ++o) {
      for (int64_t i = 0; i < s.inner; ++i) {
        double* const row = values.data() + o * s.n * s.inner + i;
        const double shift = log_sum_exp(row, s.n, s.inner);
        for (int64_t k = 0; k < s.n; ++k) {
          double& v = row[k * s.inner];
          v = take_log ? v - shift : std::exp(v - shift);
        }
      }
    }
    write(y, out[0], values);
  };
}

Choice prepare_cross_entropy(const KernelRequest& r) {
  return [logits = r.in[0], target = r.in[1], y = r.out[0]](void* const* in, void* const* out) {
    const std::vector<double> x = read<double>(logits, in[0]);
    const std::vector<int64_t> classes = read<int64_t>(target, in[1]);
    const int64_t n = logits.shape[1];
    std::vector<double> losses;
    for (size_t row = 0; row < classes.size(); ++row) {
      const int64_t c = classes[row];
      if (c >= n) {
        throw Error("cross_entropy", "target " + std::to_string(c) + " is out of range")
            .detail("expected 0 to " + std::to_string(n - 1) + ", at row " + std::to_string(row) + " of " +
                    target.str());
      }
      const double* const values = x.data() + static_cast<int64_t>(row) * n;
      losses.push_back(c < 0 ? 0 : log_sum_exp(values, n, 1) - values[c]);
    }
    write(y, out[0], losses);
  };
}

}  // namespace lamina::ref
