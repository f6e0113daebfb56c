#include "lamina/backends/ref/kernels_internal.h"
#include "lamina/backends/ref/scalar_functions_internal.h"
#include "lamina/ops/movement_attrs.h"

namespace lamina::ref {

Choice prepare_pad(const KernelRequest& r) {
  const auto a = r.attrs.as<PadAttrs>();
  return [a, x = r.in[0], y = r.out[0]](void* const* in, void* const* out) {
    const std::vector<Scalar> source = read<Scalar>(x, in[0]);
    const Scalar filler = converted(Scalar{.f = a.value}, DType::f64, x.dtype);
    std::vector<Scalar> result;
    for_each_index(y.shape, [&](const Dims& index) {
      Dims at = index;
      bool inside = true;
      for (int i = 0; i < at.rank(); ++i) {
        at[i] -= a.before[i];
        inside = inside && at[i] >= 0 && at[i] < x.shape[i];
      }
      result.push_back(inside ? source[static_cast<size_t>(position(at, x.shape))] : filler);
    });
    write(y, out[0], result);
  };
}

Choice prepare_concat(const KernelRequest& r) {
  const int axis = static_cast<int>(r.attrs.as<AxisAttrs>().axis);
  return [axis, xs = Metas(r.in.begin(), r.in.end()), y = r.out[0]](void* const* in, void* const* out) {
    const Split whole(y.shape, axis);
    std::vector<Scalar> result(static_cast<size_t>(y.numel()));
    int64_t start = 0;
    for (size_t k = 0; k < xs.size(); ++k) {
      const std::vector<Scalar> part = read<Scalar>(xs[k], in[k]);
      const int64_t row = xs[k].shape[axis] * whole.inner;
      for (int64_t o = 0; o < whole.outer; ++o) {
        std::copy(part.begin() + o * row, part.begin() + (o + 1) * row,
                  result.begin() + o * whole.n * whole.inner + start);
      }
      start += row;
    }
    write(y, out[0], result);
  };
}

Choice prepare_contiguous(const KernelRequest& r) {
  return [x = r.in[0], y = r.out[0]](void* const* in, void* const* out) { write(y, out[0], read<Scalar>(x, in[0])); };
}

Choice prepare_arange(const KernelRequest& r) {
  const auto a = r.attrs.as<ArangeAttrs>();
  return [a, y = r.out[0]](void* const*, void* const* out) {
    std::vector<Scalar> result;
    for (int64_t i = 0; i < a.count; ++i) {
      const double value = a.start + static_cast<double>(i) * a.step;
      result.push_back(converted(Scalar{.f = value}, DType::f64, a.dtype));
    }
    write(y, out[0], result);
  };
}

}  // namespace lamina::ref
