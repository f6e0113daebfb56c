#pragma once

#include "lamina/core/fields.h"

namespace lamina {

struct FullAttrs {
  Dims shape;
  double value = 0;
  DType dtype = DType::f32;
  LAMINA_OPTIONS(shape, value, dtype)
};

struct CastAttrs {
  DType dtype = DType::f32;
  LAMINA_OPTIONS(dtype)
};

}  // namespace lamina
