// Are the gradients of a recipe's network and loss right?
#pragma once

#include <string>

#include "lamina/recipe/setting.h"

namespace lamina::tasks {

struct RecipeGradientCheck {
  bool ok = true;
  double worst_error = 0;  // 1: at the tolerance
  int64_t checked = 0;     // parameters (tensors)
  std::string report;      // what differs, by parameter
};

/// Compares the gradient of the loss of a small batch with finite differences, in f64, for every parameter (a sample of
/// the elements of large ones). In evaluation mode, so that no noise is drawn.
RecipeGradientCheck check_gradients(const recipe::Setting& recipe);

}  // namespace lamina::tasks
