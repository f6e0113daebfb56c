// How the weights of a linear learner shrink with its penalty.
#pragma once

#include "lamina/learners/learner.h"
#include "lamina/report/report.h"

namespace lamina::learners {

struct RegularisationPath {
  std::vector<double> alpha;                // falling
  std::vector<std::string> features;        // names
  std::vector<std::vector<double>> weight;  // [alpha][feature]
  std::vector<double> score;                // R² of the examples at each alpha
};

/// Fits ridge, lasso or elastic_net for `points` alphas in equal steps of the logarithm. The largest makes all weights
/// 0 (of ridge: a thousand times the mean Σx² of the features); the smallest is 10⁻³ of it (ridge: 10⁻⁶). Throws Error
/// for learners without such a penalty.
RegularisationPath regularisation_path(const recipe::Setting& learner, const Examples& examples, int64_t points = 40);

/// Weights over log₁₀ alpha, a line for each feature (the twenty whose weights grow largest).
report::Chart chart_of(const RegularisationPath& path);

}  // namespace lamina::learners
