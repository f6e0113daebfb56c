#pragma once

#include "lamina/core/fields.h"

namespace lamina {

/// reshape, expand: the new shape.
struct ShapeAttrs {
  Dims shape;
  LAMINA_OPTIONS(shape)
};

struct PermuteAttrs {
  Dims order;
  LAMINA_OPTIONS(order)
};

struct SliceAttrs {
  int64_t axis = 0, start = 0, size = 0, step = 1;
  LAMINA_OPTIONS(axis, start, size, step)
};

/// Counts may be negative: they cut.
struct PadAttrs {
  Dims before, after;
  double value = 0;
  LAMINA_OPTIONS(before, after, value)
};

struct AxisAttrs {
  int64_t axis = 0;
  LAMINA_OPTIONS(axis)
};

struct ArangeAttrs {
  double start = 0, step = 1;
  int64_t count = 0;
  DType dtype = DType::f32;
  LAMINA_OPTIONS(start, step, count, dtype)
};

}  // namespace lamina
