#pragma once

#include "lamina/core/fields.h"

namespace lamina {

/// gather, scatter_add, index_select, index_add.
struct IndexAttrs {
  int64_t axis = 0;
  LAMINA_OPTIONS(axis)
};

struct OneHotAttrs {
  int64_t classes = 0;
  DType dtype = DType::f32;
  LAMINA_OPTIONS(classes, dtype)
};

struct SortAttrs {
  int64_t axis = 0;
  bool descending = false;
  LAMINA_OPTIONS(axis, descending)
};

}  // namespace lamina
