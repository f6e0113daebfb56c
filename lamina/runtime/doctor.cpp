#include "lamina/runtime/doctor.h"

#include <curl/curl.h>
#include <dirent.h>
#include <dnnl.h>
#include <hwy/highway.h>
#include <hwy/targets.h>
#include <jpeglib.h>
#include <openssl/crypto.h>
#include <png.h>
#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <utility>

#include "lamina/core/parallel.h"
#include "lamina/engine/backend.h"

#define LAMINA_TEXT_OF(x) #x
#define LAMINA_TEXT(x) LAMINA_TEXT_OF(x)

namespace lamina::runtime {

namespace {

using State = Finding::State;

/// The value of the first line "key … : value" or "key=value" of a file; empty where there is none.
std::string line_of(const char* path, const std::string& key, char separator) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t at = line.find(separator);
    if (!line.starts_with(key) || at == std::string::npos) continue;
    const size_t begin = line.find_first_not_of(" \t\"", at + 1);
    const size_t end = line.find_last_not_of(" \t\"");
    return begin == std::string::npos ? "" : line.substr(begin, end - begin + 1);
  }
  return "";
}

std::string cpu_name() {
  const std::string name = line_of("/proc/cpuinfo", "model name", ':');
  return name.empty() ? "unknown" : name;
}

int usable_cores() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

std::string gibibytes(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f GiB", bytes / (1 << 30));
  return text;
}

std::string onednn_version() {
  const dnnl_version_t* v = dnnl_version();
  return std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
}

std::string system_name() {
  utsname u{};
  uname(&u);
  const std::string distribution = line_of("/etc/os-release", "PRETTY_NAME", '=');
  return (distribution.empty() ? u.sysname : distribution) + ", Linux " + u.release + ", " + u.machine;
}

void add_cpu(std::vector<Finding>& list) {
  list.push_back({"cpu", "model", cpu_name(), State::ok, ""});
  list.push_back({"cpu", "cores for this process",
                  std::to_string(usable_cores()) + " of " + std::to_string(sysconf(_SC_NPROCESSORS_ONLN)), State::ok,
                  ""});
  list.push_back({"cpu", "threads used", std::to_string(num_threads()), State::ok, ""});
#if defined(__x86_64__)
  const struct {
    const char* name;
    bool present;
    const char* without;
  } features[] = {
      {"AVX2", __builtin_cpu_supports("avx2") != 0, "kernels run several times slower"},
      {"FMA", __builtin_cpu_supports("fma") != 0, "matrix products run at half the speed"},
      {"AVX-512", __builtin_cpu_supports("avx512f") != 0, "kernels use 256-bit vectors"},
      {"AVX-512 BF16", __builtin_cpu_supports("avx512bf16") != 0, "bf16 is computed in f32"},
  };
  for (const auto& f : features) {
    list.push_back({"cpu", f.name, f.present ? "yes" : std::string("no: ") + f.without,
                    f.present ? State::ok : State::missing, ""});
  }
#endif
  std::string targets;
  for (int bit = 0; bit < 62; ++bit) {
    const int64_t t = int64_t{1} << bit;
    if (hwy::SupportedTargets() & t) targets += (targets.empty() ? "" : " ") + std::string(hwy::TargetName(t));
  }
  list.push_back({"cpu", "vector kernels for", targets.empty() ? "none" : targets, State::ok, ""});
}

void add_memory(std::vector<Finding>& list) {
  const double page = static_cast<double>(sysconf(_SC_PAGESIZE));
  list.push_back(
      {"memory", "installed", gibibytes(page * static_cast<double>(sysconf(_SC_PHYS_PAGES))), State::ok, ""});
  list.push_back({"memory", "free", gibibytes(page * static_cast<double>(sysconf(_SC_AVPHYS_PAGES))), State::ok, ""});
  std::ifstream file("/sys/kernel/mm/transparent_hugepage/enabled");
  std::string modes;
  std::getline(file, modes);
  const bool off = modes.find("[never]") != std::string::npos;
  list.push_back({"memory", "huge pages",
                  modes.empty() ? "unknown"
                  : off         ? "no: switched off in the kernel"
                                : "yes",
                  off ? State::problem : State::ok,
                  off ? "as root: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled" : ""});
}

void add_libraries(std::vector<Finding>& list) {
  const std::pair<const char*, std::string> versions[] = {
      {"oneDNN", onednn_version()},
      {"Highway", LAMINA_TEXT(HWY_MAJOR) "." LAMINA_TEXT(HWY_MINOR) "." LAMINA_TEXT(HWY_PATCH)},
      {"zlib", zlibVersion()},
      {"libpng", png_get_libpng_ver(nullptr)},
      {"libjpeg", "API " LAMINA_TEXT(JPEG_LIB_VERSION)},
      {"libcurl", curl_version_info(CURLVERSION_NOW)->version},
      {"OpenSSL", OpenSSL_version(OPENSSL_VERSION_STRING)},
  };
  for (const auto& [name, version] : versions) list.push_back({"libraries", name, version, State::ok, ""});
}

void add_backends(std::vector<Finding>& list) {
  for (const Backend* b : backends()) list.push_back({"backends", std::string(b->name()), "yes", State::ok, ""});
  const bool device = access("/dev/nvidiactl", F_OK) == 0;
  list.push_back({"backends", "cuda",
                  device ? "no: a GPU is here, this build has no CUDA backend"
                         : "no: no NVIDIA driver (/dev/nvidiactl is missing), and this build has no CUDA backend",
                  State::missing, ""});
}

void add_data(std::vector<Finding>& list) {
  const char* folder = std::getenv("LAMINA_DATA");
  if (!folder) {
    list.push_back({"data", "LAMINA_DATA", "not set", State::ok, ""});
    return;
  }
  DIR* dir = opendir(folder);
  list.push_back({"data", "LAMINA_DATA", dir ? folder : std::string(folder) + ": no such folder",
                  dir ? State::ok : State::problem, dir ? "" : "name a folder that holds data sets, or unset it"});
  if (dir) closedir(dir);
}

}  // namespace

std::vector<Finding> examine() {
  std::vector<Finding> list;
  list.push_back({"lamina", "version", LAMINA_VERSION, State::ok, ""});
  list.push_back({"lamina", "compiler", "g++ " __VERSION__, State::ok, ""});
  list.push_back({"lamina", "system", system_name(), State::ok, ""});
  add_cpu(list);
  add_memory(list);
  add_libraries(list);
  add_backends(list);
  add_data(list);
  return list;
}

}  // namespace lamina::runtime
