// Pictures in rows and columns, each with a line of text below.
#pragma once

#include <string>
#include <vector>

#include "lamina/tensor/tensor.h"

namespace lamina::report {

struct SheetOptions {
  int64_t columns = 0;      // 0: as many as make the sheet about square
  int64_t least_side = 64;  // smaller pictures are shown enlarged by a whole factor
};

/// u8 [3, height, width] of pictures u8 [1 or 3, height, width], which may differ in size. Texts are shortened to the
/// width of a cell; what is no ASCII letter, digit or common sign is shown as a box. Throws Error where there is no
/// picture, or their number is not that of the texts.
Tensor contact_sheet(const Tensors& pictures, const std::vector<std::string>& texts, const SheetOptions& options = {});

}  // namespace lamina::report
