// Copies of any strides, pad, concat, arange.
#include <algorithm>
#include <limits>

#include "lamina/backends/cpu/kernels.h"
#include "lamina/backends/cpu/strided_copy.h"
#include "lamina/backends/cpu/tile_copy.h"
#include "lamina/ops/movement_attrs.h"

namespace lamina::cpu {

namespace {

/// Each input copied to its place in the output, which may first be filled with a number.
class CopyKernel final : public Kernel {
 public:
  struct Part {
    StridedCopy copy;
    int64_t in_bytes = 0, out_bytes = 0;  // from the first element of each tensor
  };

  explicit CopyKernel(std::vector<Part> parts) : parts_(std::move(parts)) {}
  void fill_first(double value, const Meta& out);

  void run(void* const* in, void* const* out, void*) override {
    if (fill_elements_ > 0) fill_tile(out[0], filler_, fill_kind_, static_cast<size_t>(fill_elements_));
    for (size_t k = 0; k < parts_.size(); ++k) {
      const Part& p = parts_[k];
      p.copy.run(static_cast<std::byte*>(in[k]) + p.in_bytes, static_cast<std::byte*>(out[0]) + p.out_bytes);
    }
  }

 private:
  const std::vector<Part> parts_;
  int64_t fill_elements_ = 0;
  CopyKind fill_kind_ = CopyKind::bytes4;
  alignas(8) std::byte filler_[8] = {};
};

template <class T>
T saturated(double value) {
  if (value != value) return 0;
  if (value <= static_cast<double>(std::numeric_limits<T>::min())) return std::numeric_limits<T>::min();
  if (value >= static_cast<double>(std::numeric_limits<T>::max())) return std::numeric_limits<T>::max();
  return static_cast<T>(value);
}

/// Writes element i of a tensor of this dtype.
void put(void* data, int64_t i, double value, DType dtype) {
  switch (dtype) {
    case DType::f32:
      static_cast<float*>(data)[i] = static_cast<float>(value);
      break;
    case DType::f64:
      static_cast<double*>(data)[i] = value;
      break;
    case DType::bf16:
      static_cast<bfloat16*>(data)[i] = bfloat16(static_cast<float>(value));
      break;
    case DType::i64:
      static_cast<int64_t*>(data)[i] = saturated<int64_t>(value);
      break;
    case DType::i32:
      static_cast<int32_t*>(data)[i] = saturated<int32_t>(value);
      break;
    case DType::u8:
      static_cast<uint8_t*>(data)[i] = saturated<uint8_t>(value);
      break;
    case DType::boolean:
      static_cast<bool*>(data)[i] = value != 0;
      break;
  }
}

void CopyKernel::fill_first(double value, const Meta& out) {
  put(filler_, 0, value, out.dtype);
  fill_elements_ = out.numel();
  fill_kind_ = size_of(out.dtype) == 2 ? CopyKind::bytes2 : copy_kind(out.dtype);
}

class ArangeKernel final : public Kernel {
 public:
  explicit ArangeKernel(const ArangeAttrs& a) : a_(a) {}
  void run(void* const*, void* const* out, void*) override {
    for (int64_t i = 0; i < a_.count; ++i) put(out[0], i, a_.start + static_cast<double>(i) * a_.step, a_.dtype);
  }

 private:
  const ArangeAttrs a_;
};

KernelChoice prepare_pad(const KernelRequest& r) {
  const Meta &x = r.in[0], &y = r.out[0];
  const auto& a = r.attrs.as<PadAttrs>();
  // The part of the input that survives, and where it goes.
  Shape kept;
  int64_t from = 0, to = 0;
  for (int i = 0; i < x.rank(); ++i) {
    const int64_t cut = std::max<int64_t>(0, -a.before[i]), cut_after = std::max<int64_t>(0, -a.after[i]);
    kept.push_back(std::max<int64_t>(0, x.shape[i] - cut - cut_after));
    from += cut * x.strides[i];
    to += std::max<int64_t>(0, a.before[i]) * y.strides[i];
  }
  const auto bytes = static_cast<int64_t>(size_of(x.dtype));
  std::vector<CopyKernel::Part> parts{
      {StridedCopy(kept, x.strides, y.strides, size_of(x.dtype)), from * bytes, to * bytes}};
  auto kernel = std::make_unique<CopyKernel>(std::move(parts));
  if (kept != y.shape) kernel->fill_first(a.value, y);
  return kernel;
}

KernelChoice prepare_concat(const KernelRequest& r) {
  const Meta& y = r.out[0];
  const int axis = static_cast<int>(r.attrs.as<AxisAttrs>().axis);
  const auto bytes = static_cast<int64_t>(size_of(y.dtype));
  std::vector<CopyKernel::Part> parts;
  int64_t start = 0;
  for (const Meta& x : r.in) {
    parts.push_back({StridedCopy(x.shape, x.strides, y.strides, size_of(y.dtype)), 0, start * y.strides[axis] * bytes});
    start += x.shape[axis];
  }
  return std::make_unique<CopyKernel>(std::move(parts));
}

}  // namespace

KernelChoice prepare_movement(const KernelRequest& r) {
  if (r.op == OpId::pad) return prepare_pad(r);
  if (r.op == OpId::concat) return prepare_concat(r);
  if (r.op == OpId::arange) return std::make_unique<ArangeKernel>(r.attrs.as<ArangeAttrs>());
  std::vector<CopyKernel::Part> parts;
  parts.push_back({StridedCopy(r.in[0].shape, r.in[0].strides, r.out[0].strides, size_of(r.in[0].dtype)), 0, 0});
  return std::make_unique<CopyKernel>(std::move(parts));
}

}  // namespace lamina::cpu
