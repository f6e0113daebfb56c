#include "lamina/learners/splits.h"

#include <algorithm>
#include <string>

#include "lamina/core/error.h"
#include "lamina/core/philox.h"

namespace lamina::learners {

std::vector<std::vector<int64_t>> k_folds(int64_t rows, int64_t folds, int64_t seed,
                                          const std::vector<int64_t>& classes) {
  if (folds < 2) throw Error("folds", "expected at least 2 folds, got " + std::to_string(folds));
  if (folds > rows) {
    throw Error("folds",
                "expected at most as many folds as rows, " + std::to_string(rows) + ", got " + std::to_string(folds));
  }
  std::vector<int64_t> order(static_cast<size_t>(rows));
  fill_permutation(static_cast<uint64_t>(seed), 0, rows, order.data());
  if (!classes.empty()) {  // class by class, dealt out in turn
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return classes[static_cast<size_t>(a)] < classes[static_cast<size_t>(b)];
    });
  }
  std::vector<std::vector<int64_t>> parts(static_cast<size_t>(folds));
  for (size_t i = 0; i < order.size(); ++i) parts[i % static_cast<size_t>(folds)].push_back(order[i]);
  for (auto& p : parts) std::sort(p.begin(), p.end());
  return parts;
}

std::vector<int64_t> rest_of(const std::vector<int64_t>& held, int64_t rows) {
  std::vector<int64_t> rest;
  for (int64_t r = 0; r < rows; ++r) {
    if (!std::binary_search(held.begin(), held.end(), r)) rest.push_back(r);
  }
  return rest;
}

}  // namespace lamina::learners
