// Extents and strides of tensors: up to eight 64-bit integers, stored in place.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace lamina {

class Dims {
 public:
  static constexpr int kMaxRank = 8;

  Dims() = default;
  Dims(std::initializer_list<int64_t> values) : Dims(std::span(values.begin(), values.size())) {}
  explicit Dims(std::span<const int64_t> values);
  /// `rank` times `value`.
  static Dims filled(int rank, int64_t value);

  int rank() const { return rank_; }
  bool empty() const { return rank_ == 0; }
  int64_t operator[](int i) const { return values_[static_cast<size_t>(i)]; }
  int64_t& operator[](int i) { return values_[static_cast<size_t>(i)]; }
  int64_t back() const { return values_[static_cast<size_t>(rank_ - 1)]; }
  const int64_t* begin() const { return values_.data(); }
  const int64_t* end() const { return values_.data() + rank_; }
  int64_t* begin() { return values_.data(); }
  int64_t* end() { return values_.data() + rank_; }

  /// Throws Error beyond kMaxRank.
  void push_back(int64_t value);
  void insert(int position, int64_t value);
  void erase(int position);

  /// Product of the extents; 1 for rank 0.
  int64_t numel() const;
  bool operator==(const Dims& other) const;
  /// "[8, 32, 28, 28]".
  std::string str() const;

 private:
  std::array<int64_t, kMaxRank> values_{};
  int rank_ = 0;
};

using Shape = Dims;
using Strides = Dims;

/// Row-major strides in elements.
Strides contiguous_strides(const Shape& shape);

/// Strides of [n, channels, spatial…] whose channels lie in blocks, [n, channels/block, spatial…, block] in memory;
/// that of the channel axis counts for whole blocks.
Strides blocked_strides(const Shape& shape, int64_t block);

/// Maps axis in [-rank, rank) to [0, rank); throws Error naming `op` otherwise.
int normalize_axis(int axis, int rank, const char* op);

/// NumPy broadcasting of two shapes; throws Error naming `op` and both shapes where they do not fit.
Shape broadcast_shapes(const Shape& a, const Shape& b, const char* op);

}  // namespace lamina
