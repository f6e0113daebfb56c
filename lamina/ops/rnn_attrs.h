#pragma once

#include "lamina/core/fields.h"

namespace lamina {

struct RnnAttrs {
  bool reverse = false;  // from the last step of each sample to the first
  bool masked = false;   // `lengths` is an input
  bool relu = false;     // rnn: max(0, x) instead of tanh
  LAMINA_OPTIONS(reverse, masked, relu)
};

}  // namespace lamina
