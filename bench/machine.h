// The limits of the machine at hand, measured: what fractions are fractions of.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace lamina::bench {

struct Machine {
  std::string cpu;
  int threads = 1;
  double flops_per_second = 0;  // f32 multiply-adds in registers, all threads, two flops each
  double bytes_per_second = 0;  // reading and writing arrays beyond the caches, all threads

  nlohmann::json json() const;
  std::string text() const;
};

/// Takes about half a second.
Machine measure_machine();

}  // namespace lamina::bench
