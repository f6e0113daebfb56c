// Elements between strided memory and a tile.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lamina/core/dtype.h"
#include "lamina/core/shape.h"

namespace lamina::cpu {

/// How elements change on their way: not at all, or between bf16 in memory and f32 in the tile.
enum class CopyKind : uint8_t { bytes1, bytes2, bytes4, bytes8, bf16 };
CopyKind copy_kind(DType dtype);
/// Bytes per element in a tile.
size_t tile_size(DType dtype);

/// A block of memory: extents and strides in elements, outermost first; extent 0 of the first axis varies.
struct Block {
  CopyKind kind;
  int rank = 0;
  int64_t shape[Dims::kMaxRank];
  int64_t strides[Dims::kMaxRank];
};

/// Fills the tile in row-major order. Axis 0 has `first` elements.
void load_block(void* tile, const void* from, const Block& block, int64_t first);
/// `splat`: the first element of the tile stands for all.
void store_block(void* to, const void* tile, const Block& block, int64_t first, bool splat = false);
/// `count` times the element at `from`, as it stands in a tile (f32 for bf16).
void fill_tile(void* tile, const void* from, CopyKind kind, size_t count);

}  // namespace lamina::cpu
