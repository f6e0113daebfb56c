// What the image readers share.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lamina/tensor/tensor.h"

namespace lamina::io {

/// An uninitialised picture; throws Error for extents of zero, or more pixels than a picture may have.
Tensor new_image(int64_t channels, int64_t height, int64_t width, const std::string& name);
/// [channels, h, w] from one interleaved row of a picture of that width.
void put_row(Tensor& image, int64_t row, const uint8_t* interleaved);
/// [1, h, w] of a picture whose three channels are equal, else the picture itself.
Tensor grey_where_grey(const Tensor& image);

Tensor decode_jpeg(std::string_view bytes, const std::string& name, const Dims& enough);
Tensor decode_png(std::string_view bytes, const std::string& name, const Dims& enough);
Tensor decode_pnm(std::string_view bytes, const std::string& name, const Dims& enough);
Tensor decode_bmp(std::string_view bytes, const std::string& name, const Dims& enough);

}  // namespace lamina::io
