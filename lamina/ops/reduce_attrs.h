#pragma once

#include "lamina/core/fields.h"

namespace lamina {

/// sum, prod, amax, amin: axes in rising order.
struct ReduceAttrs {
  Dims axes;
  bool keepdim = false;
  LAMINA_OPTIONS(axes, keepdim)
};

/// argmax, argmin.
struct ArgAttrs {
  int64_t axis = 0;
  bool keepdim = false;
  LAMINA_OPTIONS(axis, keepdim)
};

struct CumsumAttrs {
  int64_t axis = 0;
  bool reverse = false;
  LAMINA_OPTIONS(axis, reverse)
};

}  // namespace lamina
