#pragma once

#include "lamina/core/fields.h"

namespace lamina {

struct SoftmaxAttrs {
  int64_t axis = 0;
  LAMINA_OPTIONS(axis)
};

}  // namespace lamina
