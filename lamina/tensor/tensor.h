// The one tensor type: a small value handle to immutable, strided data.
#pragma once

#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lamina/core/dtype.h"
#include "lamina/core/shape.h"

namespace lamina {

/// What is known of a tensor without its values. Strides and offset count elements.
struct Meta {
  DType dtype = DType::f32;
  Shape shape;
  Strides strides;
  int64_t offset = 0;
  /// Inside of compiled steps images may have their channels in blocks of so many, the layout of fast
  /// convolutions: [n, channels/block, spatial…, block] in memory. 0: a plain strided tensor, as everywhere else.
  int64_t channel_block = 0;

  Meta() = default;
  /// Contiguous.
  Meta(DType dtype, Shape shape);

  int64_t numel() const { return shape.numel(); }
  int rank() const { return shape.rank(); }
  /// Row-major and dense.
  bool is_contiguous() const;
  /// Blocked (channel_block > 0) and dense.
  bool is_dense_blocked() const;
  bool operator==(const Meta&) const = default;
  /// "[8, 32] f32".
  std::string str() const;
};

/// The shape, dense, with channels in blocks (0: row-major).
Meta blocked_meta(DType dtype, const Shape& shape, int64_t block);
/// The same elements as a plain tensor of one more axis, [n, channels/block, spatial…, block]: of a blocked one, or of
/// a plain one of the same shape beside it.
Meta split_channels(const Meta& meta, int64_t block);

struct TensorImpl;

/// A handle; copying it shares the data, which no public operation changes.
/// Operations on tensors are free functions: see lamina/ops/ops.h.
class Tensor {
 public:
  /// Undefined: holds nothing.
  Tensor() = default;
  explicit Tensor(std::shared_ptr<TensorImpl> impl) : impl_(std::move(impl)) {}

  /// Copies row-major host values.
  static Tensor from(std::span<const float> values, const Shape& shape);
  static Tensor from(std::span<const double> values, const Shape& shape, DType dtype);
  static Tensor from(std::span<const int64_t> values, const Shape& shape, DType dtype = DType::i64);
  static Tensor from(std::initializer_list<double> values, const Shape& shape, DType dtype = DType::f32);
  /// Copies numel × size_of(dtype) bytes.
  static Tensor from_bytes(const void* bytes, const Shape& shape, DType dtype);
  /// Contiguous and uninitialised: for code that fills it through mutable_raw() before sharing it.
  static Tensor empty(const Shape& shape, DType dtype = DType::f32);

  bool defined() const { return impl_ != nullptr; }
  const Meta& meta() const;
  const Shape& shape() const { return meta().shape; }
  const Strides& strides() const { return meta().strides; }
  DType dtype() const { return meta().dtype; }
  int rank() const { return meta().rank(); }
  /// Extent of an axis; negative axes count from the end.
  int64_t size(int axis) const;
  int64_t numel() const { return meta().numel(); }
  size_t bytes() const { return static_cast<size_t>(numel()) * size_of(dtype()); }
  bool is_contiguous() const { return meta().is_contiguous(); }

  /// The single value of a one-element tensor.
  double item() const;
  /// One element, e.g. at({1, 2}).
  double at(std::initializer_list<int64_t> index) const;
  /// All values in row-major order, converted.
  std::vector<double> values() const;
  std::vector<float> floats() const;
  std::vector<int64_t> ints() const;
  /// First element in memory; throws while a graph is being captured (there is no value to read).
  const void* raw() const;
  void* mutable_raw() const;
  /// Typed pointer to contiguous data; throws where dtype or layout differ.
  template <class T>
  const T* data() const;
  template <class T>
  T* mutable_data() const;

  /// NumPy-like text, long tensors abbreviated.
  std::string str() const;

  const std::shared_ptr<TensorImpl>& impl() const { return impl_; }
  /// Same object, not equal values.
  bool is(const Tensor& other) const { return impl_ == other.impl_; }

 private:
  std::shared_ptr<TensorImpl> impl_;
};

using Tensors = std::vector<Tensor>;

std::ostream& operator<<(std::ostream& out, const Tensor& tensor);

}  // namespace lamina
