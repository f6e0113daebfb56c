#include <bit>
#include <cmath>
#include <string>

#include "lamina/backends/ref/kernels_internal.h"
#include "lamina/core/error.h"

namespace lamina::ref {

namespace {

/// To bf16 in one rounding: by way of f32 rounded to odd, which keeps what the second step needs to know.
bfloat16 to_bf16(double value) {
  const auto nearest = static_cast<float>(value);
  if (!std::isfinite(value) || static_cast<double>(nearest) == value) return bfloat16(nearest);
  const float toward_zero =
      std::abs(static_cast<double>(nearest)) > std::abs(value) ? std::nextafter(nearest, 0.0F) : nearest;
  return bfloat16(std::bit_cast<float>(std::bit_cast<uint32_t>(toward_zero) | 1U));
}

template <class T>
struct Tag {
  using type = T;
};

template <class F>
void visit(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32:
      return f(Tag<float>{});
    case DType::f64:
      return f(Tag<double>{});
    case DType::bf16:
      return f(Tag<bfloat16>{});
    case DType::i64:
      return f(Tag<int64_t>{});
    case DType::i32:
      return f(Tag<int32_t>{});
    case DType::u8:
      return f(Tag<uint8_t>{});
    case DType::boolean:
      return f(Tag<bool>{});
  }
}

template <class T>
constexpr bool kFloating = std::is_floating_point_v<T> || std::is_same_v<T, bfloat16>;

template <class V, class T>
V load(T value) {
  if constexpr (std::is_same_v<V, Scalar>) {
    if constexpr (kFloating<T>)
      return Scalar{.f = static_cast<double>(static_cast<float>(value))};
    else
      return Scalar{.i = static_cast<int64_t>(value)};
  } else {
    return static_cast<V>(value);
  }
}

template <>
Scalar load<Scalar, double>(double value) {
  return {.f = value};
}

template <class T, class V>
T store(V value) {
  if constexpr (std::is_same_v<V, Scalar>) {
    if constexpr (kFloating<T>)
      return store<T>(value.f);
    else
      return store<T>(value.i);
  } else if constexpr (std::is_same_v<T, bfloat16>) {
    return to_bf16(static_cast<double>(value));
  } else if constexpr (std::is_same_v<T, bool>) {
    return value != V{};
  } else {
    return static_cast<T>(value);
  }
}

}  // namespace

Scalar rounded(DType dtype, Scalar value) {
  Scalar result{};
  visit(dtype, [&]<class T>(Tag<T>) { result = load<Scalar>(store<T>(value)); });
  return result;
}

namespace {

/// body(element offset) in row-major order.
template <class F>
void for_each_offset(const Meta& meta, F&& body) {
  const int64_t n = meta.numel();
  Dims index = Dims::filled(meta.rank(), 0);
  int64_t offset = 0;
  for (int64_t i = 0; i < n; ++i) {
    body(offset);
    for (int axis = meta.rank() - 1; axis >= 0; --axis) {
      offset += meta.strides[axis];
      if (++index[axis] < meta.shape[axis]) break;
      offset -= meta.strides[axis] * meta.shape[axis];
      index[axis] = 0;
    }
  }
}

}  // namespace

template <class V>
std::vector<V> read(const Meta& meta, const void* data) {
  std::vector<V> values;
  values.reserve(static_cast<size_t>(meta.numel()));
  visit(meta.dtype, [&]<class T>(Tag<T>) {
    const T* p = static_cast<const T*>(data);
    for_each_offset(meta, [&](int64_t offset) { values.push_back(load<V>(p[offset])); });
  });
  return values;
}

template <class V>
void write(const Meta& meta, void* data, const std::vector<V>& values) {
  if (!data) return;
  visit(meta.dtype, [&]<class T>(Tag<T>) {
    T* p = static_cast<T*>(data);
    const V* v = values.data();
    for_each_offset(meta, [&](int64_t offset) { p[offset] = store<T>(*v++); });
  });
}

template std::vector<double> read(const Meta&, const void*);
template std::vector<int64_t> read(const Meta&, const void*);
template std::vector<Scalar> read(const Meta&, const void*);
template void write(const Meta&, void*, const std::vector<double>&);
template void write(const Meta&, void*, const std::vector<int64_t>&);
template void write(const Meta&, void*, const std::vector<Scalar>&);

Split::Split(const Shape& shape, int axis) {
  for (int i = 0; i < shape.rank(); ++i) (i < axis ? outer : i == axis ? n : inner) *= shape[i];
}

void for_each_index(const Shape& shape, const std::function<void(const Dims& index)>& body) {
  const int64_t count = shape.numel();
  Dims index = Dims::filled(shape.rank(), 0);
  for (int64_t i = 0; i < count; ++i) {
    body(index);
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
}

int64_t position(const Dims& index, const Shape& shape) {
  int64_t p = 0;
  for (int i = 0; i < shape.rank(); ++i) p = p * shape[i] + index[i];
  return p;
}

std::vector<int64_t> read_indices(const Meta& meta, const void* data, int64_t extent, const char* op) {
  std::vector<int64_t> indices = read<int64_t>(meta, data);
  for (size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] >= 0 && indices[i] < extent) continue;
    throw Error(op, "index " + std::to_string(indices[i]) + " is out of range")
        .detail("expected 0 to " + std::to_string(extent - 1) + ", at element " + std::to_string(i) + " of index " +
                meta.str());
  }
  return indices;
}

}  // namespace lamina::ref
