#include "lamina/backends/cpu/loops.h"

#include <algorithm>
#include <numeric>

namespace lamina::cpu {

namespace {

/// Does axis a belong outside axis b?
bool outside(const std::vector<Strides>& operands, size_t leader, int a, int b) {
  if (operands.empty()) return false;
  if (const int64_t x = operands[leader][a], y = operands[leader][b]; x != y) return x > y;
  for (const Strides& s : operands) {
    if (s[a] != s[b]) return s[a] > s[b];
  }
  return false;
}

}  // namespace

Loops merge_axes(const Shape& shape, const std::vector<Strides>& operands, size_t leader) {
  std::vector<int> axes;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] != 1) axes.push_back(i);
  }
  std::stable_sort(axes.begin(), axes.end(), [&](int a, int b) { return outside(operands, leader, a, b); });

  Loops loops;
  loops.strides.resize(operands.size());
  for (int axis : axes) {
    const int last = loops.shape.rank() - 1;
    bool merges = last >= 0;
    for (size_t k = 0; merges && k < operands.size(); ++k) {
      merges = loops.strides[k][last] == operands[k][axis] * shape[axis];
    }
    if (merges) {
      loops.shape[last] *= shape[axis];
      for (size_t k = 0; k < operands.size(); ++k) loops.strides[k][last] = operands[k][axis];
    } else {
      loops.shape.push_back(shape[axis]);
      for (size_t k = 0; k < operands.size(); ++k) loops.strides[k].push_back(operands[k][axis]);
    }
  }
  if (loops.shape.empty()) {
    loops.shape.push_back(1);
    for (Strides& s : loops.strides) s.push_back(0);
  }
  return loops;
}

}  // namespace lamina::cpu
