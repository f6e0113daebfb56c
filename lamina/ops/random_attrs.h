#pragma once

#include "lamina/core/fields.h"

namespace lamina {

/// random_uniform in [0, 1), random_normal (0, 1), random_permutation. Their input is the key, i64 [2] = {seed, call};
/// which bits element i gets is written in lamina/core/philox.h.
struct RandomAttrs {
  Dims shape;
  DType dtype = DType::f32;
  LAMINA_OPTIONS(shape, dtype)
};

}  // namespace lamina
