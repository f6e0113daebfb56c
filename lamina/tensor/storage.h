// Memory of tensors: aligned, counted, friendly to huge pages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace lamina {

struct MemoryStats {
  int64_t live_bytes = 0;
  int64_t peak_bytes = 0;
  int64_t allocations = 0;
};

/// Bytes held by all storages of the process now, and the most since the last reset.
MemoryStats memory_stats();
/// Sets the peak to the live bytes.
void reset_peak_memory();

/// A block of memory, aligned to 64 bytes (to 2 MiB, with huge pages advised, from 4 MiB on).
class Storage {
 public:
  /// Uninitialised; throws Error naming the size where the system refuses.
  static std::shared_ptr<Storage> allocate(size_t bytes);
  /// A window into `owner`, which it keeps alive.
  static std::shared_ptr<Storage> view(std::shared_ptr<Storage> owner, size_t offset, size_t bytes);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  std::byte* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  Storage() = default;
  std::byte* data_ = nullptr;
  size_t bytes_ = 0;
  std::shared_ptr<Storage> owner_;
};

}  // namespace lamina
