#pragma once

#include "lamina/core/fields.h"

namespace lamina {

struct NormAttrs {
  double eps = 1e-5;
  int64_t axes = 1;  // layer_norm: how many trailing axes
  LAMINA_OPTIONS(eps, axes)
};

/// Over `size` channels around each.
struct ResponseNormAttrs {
  int64_t size = 5;
  double alpha = 1e-4, beta = 0.75, k = 1;
  LAMINA_OPTIONS(size, alpha, beta, k)
};

}  // namespace lamina
