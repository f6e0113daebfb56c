#include "lamina/tensor/available_memory.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <limits>
#include <string>

namespace lamina {

namespace {

std::atomic<int64_t> limit{0};

constexpr int64_t kUnknown = std::numeric_limits<int64_t>::max();

int64_t available_in_system() {
  std::ifstream info("/proc/meminfo");
  for (std::string key, unit; info >> key;) {
    int64_t kib = 0;
    if (!(info >> kib)) break;
    if (key == "MemAvailable:") return kib * 1024;
    std::getline(info, unit);
  }
  return kUnknown;
}

int64_t number_in(const char* file) {
  int64_t n = 0;
  return std::ifstream(file) >> n ? n : kUnknown;  // "max" is no number: no limit
}

int64_t available_in_group() {
  const int64_t most = number_in("/sys/fs/cgroup/memory.max"), used = number_in("/sys/fs/cgroup/memory.current");
  return most == kUnknown || used == kUnknown ? kUnknown : std::max<int64_t>(0, most - used);
}

}  // namespace

int64_t available_memory() {
  const int64_t bytes = std::min(available_in_system(), available_in_group());
  return limit > 0 ? std::min<int64_t>(bytes, limit) : bytes;
}

void set_memory_limit(int64_t bytes) { limit = bytes; }

}  // namespace lamina
