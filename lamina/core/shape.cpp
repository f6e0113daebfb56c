#include "lamina/core/shape.h"

#include <algorithm>

#include "lamina/core/error.h"

namespace lamina {

Dims::Dims(std::span<const int64_t> values) {
  for (int64_t v : values) push_back(v);
}

Dims Dims::filled(int rank, int64_t value) {
  Dims d;
  for (int i = 0; i < rank; ++i) d.push_back(value);
  return d;
}

void Dims::push_back(int64_t value) { insert(rank_, value); }

void Dims::insert(int position, int64_t value) {
  if (rank_ == kMaxRank) {
    throw Error("shape", "more than " + std::to_string(kMaxRank) + " axes").detail("have " + str());
  }
  std::copy_backward(begin() + position, end(), end() + 1);
  values_[static_cast<size_t>(position)] = value;
  ++rank_;
}

void Dims::erase(int position) {
  std::copy(begin() + position + 1, end(), begin() + position);
  --rank_;
  values_[static_cast<size_t>(rank_)] = 0;
}

int64_t Dims::numel() const {
  int64_t n = 1;
  for (int64_t v : *this) n *= v;
  return n;
}

bool Dims::operator==(const Dims& other) const { return std::equal(begin(), end(), other.begin(), other.end()); }

std::string Dims::str() const {
  std::string s = "[";
  for (int i = 0; i < rank_; ++i) s += (i ? ", " : "") + std::to_string((*this)[i]);
  return s + "]";
}

Strides blocked_strides(const Shape& shape, int64_t block) {
  Strides strides = contiguous_strides(shape);
  for (int i = 2; i < shape.rank(); ++i) strides[i] *= block;
  return strides;
}

Strides contiguous_strides(const Shape& shape) {
  Strides s = Dims::filled(shape.rank(), 1);
  for (int i = shape.rank() - 2; i >= 0; --i) s[i] = s[i + 1] * std::max<int64_t>(shape[i + 1], 1);
  return s;
}

int normalize_axis(int axis, int rank, const char* op) {
  if (axis < -rank || axis >= rank) {
    throw Error(op,
                "axis " + std::to_string(axis) + " does not exist in a tensor of " + std::to_string(rank) + " axes");
  }
  return axis < 0 ? axis + rank : axis;
}

Shape broadcast_shapes(const Shape& a, const Shape& b, const char* op) {
  const int rank = std::max(a.rank(), b.rank());
  Shape out = Dims::filled(rank, 1);
  for (int i = 0; i < rank; ++i) {
    const int ia = i - (rank - a.rank()), ib = i - (rank - b.rank());
    const int64_t ea = ia >= 0 ? a[ia] : 1, eb = ib >= 0 ? b[ib] : 1;
    if (ea != eb && ea != 1 && eb != 1) {
      throw Error(op, "shapes " + a.str() + " and " + b.str() + " do not broadcast")
          .detail("axis " + std::to_string(i - rank) + " has " + std::to_string(ea) + " and " + std::to_string(eb) +
                  " elements")
          .hint("axes must be equal, or one of them 1");
    }
    out[i] = ea == 1 ? eb : ea;
  }
  return out;
}

}  // namespace lamina
