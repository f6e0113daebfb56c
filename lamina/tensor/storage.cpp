#include "lamina/tensor/storage.h"

#include <sys/mman.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include "lamina/core/error.h"

namespace lamina {

namespace {

constexpr size_t kAlignment = 64, kHugePage = size_t{2} << 20, kHugeFrom = size_t{4} << 20;

std::atomic<int64_t> live{0}, peak{0}, allocations{0};

void count_allocation(int64_t bytes) {
  const int64_t now = live.fetch_add(bytes) + bytes;
  int64_t seen = peak.load();
  while (now > seen && !peak.compare_exchange_weak(seen, now)) {
  }
  ++allocations;
}

}  // namespace

MemoryStats memory_stats() { return {live, peak, allocations}; }

void reset_peak_memory() { peak = live.load(); }

std::shared_ptr<Storage> Storage::allocate(size_t bytes) {
  std::shared_ptr<Storage> s(new Storage);
  const size_t alignment = bytes >= kHugeFrom ? kHugePage : kAlignment;
  const size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  void* memory = rounded < bytes ? nullptr : std::aligned_alloc(alignment, rounded ? rounded : alignment);
  if (!memory) throw Error("memory", "could not allocate " + std::to_string(bytes) + " bytes");
#ifdef MADV_HUGEPAGE
  if (alignment == kHugePage) madvise(memory, rounded, MADV_HUGEPAGE);
#endif
  s->data_ = static_cast<std::byte*>(memory);
  s->bytes_ = bytes;
  count_allocation(static_cast<int64_t>(bytes));
  return s;
}

std::shared_ptr<Storage> Storage::view(std::shared_ptr<Storage> owner, size_t offset, size_t bytes) {
  if (offset > owner->bytes() || bytes > owner->bytes() - offset) throw Error("memory", "a view beyond its storage");
  std::shared_ptr<Storage> s(new Storage);
  s->data_ = owner->data() + offset;
  s->bytes_ = bytes;
  s->owner_ = std::move(owner);
  return s;
}

Storage::~Storage() {
  if (owner_) return;
  std::free(data_);
  live -= static_cast<int64_t>(bytes_);
}

}  // namespace lamina
