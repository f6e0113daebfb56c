// The limits of the machine at hand, measured: what fractions are fractions of.
#pragma once

#include <string>

namespace lamina::runtime {

struct Machine {
  std::string cpu;
  int threads = 1;
  double flops_per_second = 0;  // f32 multiply-adds in registers, all threads, two flops each
  double bytes_per_second = 0;  // reading and writing arrays beyond the caches, all threads

  /// The least seconds for so many operations and bytes: the longer of the two at the machine's best.
  double seconds(double flops, double bytes) const;
  std::string text() const;
};

/// Takes about half a second.
Machine measure_machine();

}  // namespace lamina::runtime
