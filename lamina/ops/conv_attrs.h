#pragma once

#include "lamina/core/fields.h"

namespace lamina {

/// Of conv and its two gradients. One entry per spatial axis (1 to 3 of them).
struct ConvAttrs {
  Dims stride, pad_before, pad_after, dilation;
  int64_t groups = 1;
  Dims result;  // of the two gradients: the shape they produce; empty for conv
  LAMINA_OPTIONS(stride, pad_before, pad_after, dilation, groups, result)
};

}  // namespace lamina
