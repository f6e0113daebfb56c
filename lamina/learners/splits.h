// Which rows are learnt from and which are held out.
#pragma once

#include <cstdint>
#include <vector>

namespace lamina::learners {

/// Rows held out, fold by fold: each row once, the classes in equal shares where there are any. Throws Error for fewer
/// than 2 folds, or more than rows.
std::vector<std::vector<int64_t>> k_folds(int64_t rows, int64_t folds, int64_t seed,
                                          const std::vector<int64_t>& classes = {});

/// All rows but these, which are in ascending order.
std::vector<int64_t> rest_of(const std::vector<int64_t>& held, int64_t rows);

}  // namespace lamina::learners
