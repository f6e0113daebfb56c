// Colours as people tell them apart: CIE L*a*b* of sRGB pictures.
#pragma once

#include "lamina/tensor/tensor.h"

namespace lamina::data::image {

/// f32 [3, h, w] red, green, blue in [0, 1] (sRGB, IEC 61966-2-1) → L in [0, 100], a, b (about −86 to 98 and −108 to 94
/// for such colours), f32 [3, h, w]. White point D65 of the 2° observer. (CIE 15, 1976)
Tensor lab_from_rgb(const Tensor& rgb);
/// And back; colours that a screen cannot show are cut to [0, 1].
Tensor rgb_from_lab(const Tensor& lab);

}  // namespace lamina::data::image
