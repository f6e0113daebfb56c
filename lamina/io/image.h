// Pictures: files into tensors of bytes, and PNG back.
#pragma once

#include <string>
#include <string_view>

#include "lamina/tensor/tensor.h"

namespace lamina::io {

/// The picture in a file, u8 [channels, height, width] with 1 (grey) or 3 (red, green, blue) channels.
/// The format is told by the content: JPEG, PNG, PGM and PPM (plain or binary), BMP (uncompressed).
/// 16 bits become 8; palettes become colours, or grey where all entries are; what is transparent is shown over white;
/// JPEGs are turned upright as their EXIF orientation says. Throws Error naming the file where it is none of these,
/// truncated, corrupt, animated, a CMYK JPEG, or larger than 100 million pixels.
/// `enough` [height, width]: a JPEG may come out at a half, a quarter or an eighth of its size while it stays at least
/// that large both ways, which is quicker.
Tensor decode_image(const std::string& path, const Dims& enough = {});
/// The same from memory; `name` stands for the file in errors.
Tensor decode_image_bytes(std::string_view bytes, const std::string& name, const Dims& enough = {});
/// Whether the content begins like one of these formats.
bool looks_like_image(std::string_view bytes);

/// A PNG file of a u8 tensor [1, h, w], [3, h, w] or [h, w].
std::string encode_png(const Tensor& image);

}  // namespace lamina::io
