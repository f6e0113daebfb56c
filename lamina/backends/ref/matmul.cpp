#include "lamina/backends/ref/kernels_internal.h"

namespace lamina::ref {

Choice prepare_matmul(const KernelRequest& r) {
  return with_class(r.in[0].dtype, [&]<class V>() -> Choice {
    return [a = r.in[0], b = r.in[1], y = r.out[0]](void* const* in, void* const* out) {
      const std::vector<V> left = read<V>(a, in[0]), right = read<V>(b, in[1]);
      const int rank = y.rank();
      const auto m = static_cast<size_t>(y.shape[rank - 2]), n = static_cast<size_t>(y.shape[rank - 1]);
      const auto k = static_cast<size_t>(a.shape[rank - 1]);
      std::vector<V> result(static_cast<size_t>(y.numel()));
      for (size_t row = 0; n > 0 && row < result.size() / n; ++row) {
        const V* const x = left.data() + row * k;
        const V* const w = right.data() + row / m * k * n;
        V* const sums = result.data() + row * n;
        for (size_t i = 0; i < k; ++i) {
          for (size_t j = 0; j < n; ++j) sums[j] += x[i] * w[i * n + j];
        }
      }
      write(y, out[0], result);
    };
  });
}

}  // namespace lamina::ref
