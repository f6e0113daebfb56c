#pragma once

#include "lamina/core/fields.h"

namespace lamina {

struct CtcAttrs {
  int64_t blank = 0;           // class that stands for "no label"
  bool zero_infinity = false;  // targets that do not fit give 0, not an error
  LAMINA_OPTIONS(blank, zero_infinity)
};

}  // namespace lamina
