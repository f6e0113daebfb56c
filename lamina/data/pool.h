// Buffers of batches, used again once nobody reads them.
#pragma once

#include <memory>
#include <vector>

#include "lamina/tensor/tensor.h"

namespace lamina {
class Storage;
}

namespace lamina::data {

/// Hands out contiguous, uninitialised tensors whose memory goes on to others when the last handle is dropped.
/// For one thread; the tensors may be dropped by any.
class TensorPool {
 public:
  /// Keeps the memory of at most that many tensors.
  explicit TensorPool(size_t capacity = 16) : capacity_(capacity) {}
  Tensor get(const Shape& shape, DType dtype);

 private:
  size_t capacity_;
  std::vector<std::shared_ptr<Storage>> kept_;
};

}  // namespace lamina::data
