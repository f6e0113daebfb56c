// What the preparation of tables learns from columns of numbers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lamina/tensor/tensor.h"

namespace lamina::learners {

/// Linear interpolation between order statistics, as NumPy does; `values` sorted, not empty.
double quantile(const std::vector<double>& values, double q);
double mean_of(const std::vector<double>& values);
double variance_of(const std::vector<double>& values);  // over n
/// The most frequent one, the smallest of equally frequent ones; `values` sorted, not empty.
double mode_of(const std::vector<double>& values);

/// Yeo and Johnson (2000), for all numbers; Box and Cox (1964), for numbers above 0.
double yeo_johnson(double x, double lambda);
double box_cox(double x, double lambda);
/// The lambda of the largest likelihood in [−5, 5].
double best_lambda(const std::vector<double>& values, bool positive);

/// How much each column of x [rows, features] has to do with the target: the F statistic of an analysis of variance
/// over the classes (ids in y), or of the correlation with values; 0 for constant columns.
std::vector<double> f_statistics(const Tensor& x, const Tensor& y, int64_t classes);

}  // namespace lamina::learners
