#include "lamina/tensor/tensor.h"

#include <cstring>

#include "lamina/core/error.h"
#include "lamina/tensor/tensor_impl.h"

namespace lamina {

Meta::Meta(DType d, Shape s) : dtype(d), shape(s), strides(contiguous_strides(s)) {}

bool Meta::is_contiguous() const {
  if (channel_block != 0) return false;
  int64_t expected = 1;
  for (int i = rank() - 1; i >= 0; --i) {
    if (shape[i] == 0) return true;
    if (shape[i] != 1 && strides[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

bool Meta::is_dense_blocked() const {
  return channel_block > 0 && split_channels(*this, channel_block).is_contiguous();
}

Meta blocked_meta(DType dtype, const Shape& shape, int64_t block) {
  Meta m(dtype, shape);
  m.channel_block = block;
  if (block > 0) m.strides = blocked_strides(shape, block);
  return m;
}

Meta split_channels(const Meta& m, int64_t block) {
  if (m.channel_block != 0 && m.channel_block != block)
    throw Error("layout", "channels in blocks of another size in " + m.str());
  Meta split = m;
  split.channel_block = 0;
  split.shape[1] /= block;
  split.strides[1] *= block;
  split.shape.push_back(block);
  split.strides.push_back(m.channel_block ? 1 : m.strides[1]);
  return split;
}

std::string Meta::str() const {
  const std::string text = shape.str() + " " + std::string(name_of(dtype));
  return channel_block ? text + " in blocks of " + std::to_string(channel_block) : text;
}

namespace {

void check_extents(const Shape& shape) {
  int64_t n = 1;
  for (int64_t e : shape) {
    if (e < 0) throw Error("tensor", "negative extent in shape " + shape.str());
    if (__builtin_mul_overflow(n, e, &n) || n > INT64_MAX / 8) {
      throw Error("tensor", "shape " + shape.str() + " has too many elements");
    }
  }
}

template <class F>
auto visit_dtype(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32:
      return f(float{});
    case DType::f64:
      return f(double{});
    case DType::bf16:
      return f(bfloat16{});
    case DType::i64:
      return f(int64_t{});
    case DType::i32:
      return f(int32_t{});
    case DType::u8:
      return f(uint8_t{});
    case DType::boolean:
      return f(bool{});
  }
  throw Error("dtype", "not a dtype");
}

template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>)
    return DType::f32;
  else if constexpr (std::is_same_v<T, double>)
    return DType::f64;
  else if constexpr (std::is_same_v<T, bfloat16>)
    return DType::bf16;
  else if constexpr (std::is_same_v<T, int64_t>)
    return DType::i64;
  else if constexpr (std::is_same_v<T, int32_t>)
    return DType::i32;
  else if constexpr (std::is_same_v<T, uint8_t>)
    return DType::u8;
  else
    return DType::boolean;
}

template <class To, class From>
To convert(From value) {
  if constexpr (std::is_same_v<From, bfloat16>) {
    return convert<To>(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, bfloat16>) {
    return bfloat16(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, bool>) {
    return value != From{};
  } else {
    return static_cast<To>(value);
  }
}

template <class From>
Tensor from_values(std::span<const From> values, const Shape& shape, DType dtype) {
  check_extents(shape);
  if (static_cast<int64_t>(values.size()) != shape.numel()) {
    throw Error("tensor", std::to_string(values.size()) + " values do not fill shape " + shape.str());
  }
  Tensor t = Tensor::empty(shape, dtype);
  visit_dtype(dtype, [&]<class T>(T) {
    T* out = static_cast<T*>(t.mutable_raw());
    for (size_t i = 0; i < values.size(); ++i) out[i] = convert<T>(values[i]);
  });
  return t;
}

/// Calls f(element offset) in row-major order.
template <class F>
void for_each_offset(const Meta& m, F&& f) {
  const int64_t n = m.numel();
  Dims index = Dims::filled(m.rank(), 0);
  int64_t offset = 0;
  for (int64_t i = 0; i < n; ++i) {
    f(offset);
    for (int axis = m.rank() - 1; axis >= 0; --axis) {
      offset += m.strides[axis];
      if (++index[axis] < m.shape[axis]) break;
      offset -= m.strides[axis] * m.shape[axis];
      index[axis] = 0;
    }
  }
}

template <class To>
std::vector<To> read_all(const Tensor& t) {
  std::vector<To> out;
  out.reserve(static_cast<size_t>(t.numel()));
  visit_dtype(t.dtype(), [&]<class T>(T) {
    const T* p = static_cast<const T*>(t.raw());
    for_each_offset(t.meta(), [&](int64_t offset) { out.push_back(convert<To>(p[offset])); });
  });
  return out;
}

}  // namespace

Tensor Tensor::empty(const Shape& shape, DType dtype) {
  check_extents(shape);
  auto impl = std::make_shared<TensorImpl>();
  impl->meta = Meta(dtype, shape);
  impl->storage = Storage::allocate(static_cast<size_t>(shape.numel()) * size_of(dtype));
  return Tensor(std::move(impl));
}

Tensor Tensor::from(std::span<const float> values, const Shape& shape) {
  return from_values(values, shape, DType::f32);
}

Tensor Tensor::from(std::span<const double> values, const Shape& shape, DType dtype) {
  return from_values(values, shape, dtype);
}

Tensor Tensor::from(std::span<const int64_t> values, const Shape& shape, DType dtype) {
  return from_values(values, shape, dtype);
}

Tensor Tensor::from(std::initializer_list<double> values, const Shape& shape, DType dtype) {
  return from_values(std::span<const double>(values.begin(), values.size()), shape, dtype);
}

Tensor Tensor::from_bytes(const void* bytes, const Shape& shape, DType dtype) {
  Tensor t = empty(shape, dtype);
  if (t.bytes()) std::memcpy(t.mutable_raw(), bytes, t.bytes());
  return t;
}

const Meta& Tensor::meta() const {
  if (!impl_) throw Error("tensor", "an undefined tensor was used").hint("it was declared but never given a value");
  return impl_->meta;
}

int64_t Tensor::size(int axis) const { return shape()[normalize_axis(axis, rank(), "size")]; }

const void* Tensor::raw() const { return mutable_raw(); }

void* Tensor::mutable_raw() const {
  const Meta& m = meta();
  if (!impl_->storage) {
    if (impl_->value >= 0) {
      throw Error("capture", "a value was read while the step is being captured")
          .detail("tensor " + m.str())
          .hint("use where() instead of if, or read the value outside of the captured step");
    }
    throw Error("tensor", "the values of this tensor were not kept").detail("tensor " + m.str());
  }
  return impl_->storage->data() + static_cast<size_t>(m.offset) * size_of(m.dtype);
}

double Tensor::item() const {
  if (numel() != 1) throw Error("item", "expected a tensor of one element, got " + meta().str());
  return values()[0];
}

double Tensor::at(std::initializer_list<int64_t> index) const {
  const Meta& m = meta();
  if (static_cast<int>(index.size()) != m.rank()) {
    throw Error("at", std::to_string(index.size()) + " indices for a tensor " + m.str());
  }
  int64_t offset = 0;
  int axis = 0;
  for (int64_t i : index) {
    if (i < 0) i += m.shape[axis];
    if (i < 0 || i >= m.shape[axis]) throw Error("at", "index " + std::to_string(i) + " outside of " + m.shape.str());
    offset += i * m.strides[axis++];
  }
  return visit_dtype(m.dtype, [&]<class T>(T) { return convert<double>(static_cast<const T*>(raw())[offset]); });
}

std::vector<double> Tensor::values() const { return read_all<double>(*this); }
std::vector<float> Tensor::floats() const { return read_all<float>(*this); }
std::vector<int64_t> Tensor::ints() const { return read_all<int64_t>(*this); }

template <class T>
const T* Tensor::data() const {
  return mutable_data<T>();
}

template <class T>
T* Tensor::mutable_data() const {
  if (dtype() != dtype_of<T>()) {
    throw Error("tensor", "data of " + std::string(name_of(dtype_of<T>())) + " asked of a tensor " + meta().str());
  }
  if (!is_contiguous()) throw Error("tensor", "data() of a tensor that is not contiguous").hint("use contiguous(x)");
  return static_cast<T*>(mutable_raw());
}

#define LAMINA_INSTANTIATE(T)                \
  template const T* Tensor::data<T>() const; \
  template T* Tensor::mutable_data<T>() const;
LAMINA_INSTANTIATE(float)
LAMINA_INSTANTIATE(double)
LAMINA_INSTANTIATE(bfloat16)
LAMINA_INSTANTIATE(int64_t)
LAMINA_INSTANTIATE(int32_t)
LAMINA_INSTANTIATE(uint8_t)
LAMINA_INSTANTIATE(bool)
#undef LAMINA_INSTANTIATE

}  // namespace lamina
