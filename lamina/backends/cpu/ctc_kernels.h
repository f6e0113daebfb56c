// One step of the recursions of CTC, for the CPU at hand. Logarithms throughout; log 0 is −infinity.
#pragma once

#include <cstdint>

namespace lamina::cpu {

/// Elements in front of and behind a row of states that loops may read (−infinity) or write.
constexpr int64_t kCtcPad = 16;

template <class T>
struct CtcKernels {
  /// next[s] = emitted[s] + log(e^before[s] + e^before[s − 1] + e^(before[s − 2] + skip[s])), shifted so that the
  /// largest is 0: the shift is returned. Rows are padded by kCtcPad; skip is 0 or −infinity.
  T (*advance)(const T* before, const T* emitted, const T* skip, T* next, int64_t states);
  /// occupied[s] = e^(alpha[s] + beta[s] − emitted[s] + shift).
  void (*occupy)(const T* alpha, const T* beta, const T* emitted, T shift, T* occupied, int64_t states);
};

const CtcKernels<float>& ctc_kernels(float);
const CtcKernels<double>& ctc_kernels(double);

}  // namespace lamina::cpu
