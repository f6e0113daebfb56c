// How the axes of [n, channels, spatial…] lie in memory.
#pragma once

#include "lamina/tensor/tensor.h"

namespace lamina::cpu {

enum class Layout : uint8_t { plain, channels_last, other };

/// Strides of a dense tensor of that shape; not for Layout::other.
Strides dense_strides(const Shape& shape, Layout layout);
/// Axes of extent 1 may have any stride: such a tensor may have both layouts.
bool has_layout(const Meta& meta, Layout layout);
/// The layout that all of them share, the first given preferred; other where there is none.
Layout common_layout(std::initializer_list<const Meta*> metas, Layout preferred);

}  // namespace lamina::cpu
