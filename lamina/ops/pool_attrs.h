#pragma once

#include "lamina/core/fields.h"

namespace lamina {

/// Of the pooling ops. One entry per spatial axis.
struct PoolAttrs {
  Dims kernel, stride, padding, dilation;
  bool ceil_mode = false;
  bool count_include_pad = true;  // average pooling
  Dims input;                     // of the backward ops: the shape they produce
  LAMINA_OPTIONS(kernel, stride, padding, dilation, ceil_mode, count_include_pad, input)
};

struct AdaptivePoolAttrs {
  Dims output;  // spatial extents
  Dims input;   // of the backward op: the shape it produces
  LAMINA_OPTIONS(output, input)
};

}  // namespace lamina
