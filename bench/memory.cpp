#include "bench/memory.h"

#include <malloc.h>

#include <fstream>
#include <string>

namespace lamina::bench {

namespace {

/// A line of /proc/self/status in KiB, such as "VmRSS:  1234 kB".
int64_t status_bytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(key, 0) == 0) return std::stoll(line.substr(key.size())) * 1024;
  }
  return 0;
}

}  // namespace

int64_t resident_bytes() { return status_bytes("VmRSS:"); }
int64_t peak_resident_bytes() { return status_bytes("VmHWM:"); }

void reset_peak_resident() {
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << "5\n";
}

}  // namespace lamina::bench
