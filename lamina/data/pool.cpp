#include "lamina/data/pool.h"

#include <atomic>

#include "lamina/tensor/tensor_impl.h"

namespace lamina::data {

Tensor TensorPool::get(const Shape& shape, DType dtype) {
  const size_t bytes = static_cast<size_t>(shape.numel()) * size_of(dtype);
  std::shared_ptr<Storage>* free = nullptr;
  for (std::shared_ptr<Storage>& s : kept_) {
    if (s.use_count() != 1) continue;
    free = &s;
    if (s->bytes() == bytes) break;
  }
  if (!free || (*free)->bytes() != bytes) {
    Tensor fresh = Tensor::empty(shape, dtype);
    if (kept_.size() < capacity_) {
      kept_.push_back(fresh.impl()->storage);
    } else if (free) {
      *free = fresh.impl()->storage;
    }
    return fresh;
  }
  // The count was read without ordering: what other threads read from the buffer must come before we write to it.
  std::atomic_thread_fence(std::memory_order_acquire);
  auto impl = std::make_shared<TensorImpl>();
  impl->meta = Meta(dtype, shape);
  impl->storage = *free;
  return Tensor(std::move(impl));
}

}  // namespace lamina::data
