#pragma once

#include "lamina/core/fields.h"

namespace lamina {

struct NormAttrs {
  double eps = 1e-5;
  int64_t axes = 1;  // layer_norm: how many trailing axes
  LAMINA_OPTIONS(eps, axes)
};

}  // namespace lamina
