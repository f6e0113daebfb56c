#include "lamina/backends/cpu/tile_copy.h"

#include <algorithm>
#include <cstring>

namespace lamina::cpu {

namespace {

/// Loads one axis of a block and all inside it; returns the end of what it wrote. An axis of stride 0 is
/// loaded once and then doubled.
template <class Tile, class Memory>
Tile* load_axis(Tile* to, const Memory* from, const Block& b, int axis, int64_t extent) {
  const int64_t stride = b.strides[axis];
  if (axis + 1 == b.rank) {
    if (stride == 1) {
      for (int64_t i = 0; i < extent; ++i) to[i] = Tile(from[i]);
    } else if (stride == 0) {
      std::fill_n(to, extent, Tile(*from));
    } else {
      for (int64_t i = 0; i < extent; ++i) to[i] = Tile(from[i * stride]);
    }
    return to + extent;
  }
  if (stride == 0) {
    Tile* end = load_axis(to, from, b, axis + 1, b.shape[axis + 1]);
    const int64_t slice = end - to, total = slice * extent;
    for (int64_t done = slice; done < total;) {
      const int64_t more = std::min(done, total - done);
      std::memcpy(to + done, to, static_cast<size_t>(more) * sizeof(Tile));
      done += more;
    }
    return to + total;
  }
  for (int64_t i = 0; i < extent; ++i) to = load_axis(to, from + i * stride, b, axis + 1, b.shape[axis + 1]);
  return to;
}

/// `step`: 1, or 0 for one element that goes everywhere.
template <class Memory, class Tile>
const Tile* store_axis(Memory* to, const Tile* from, const Block& b, int axis, int64_t extent, int64_t step) {
  const int64_t stride = b.strides[axis];
  if (axis + 1 < b.rank) {
    for (int64_t i = 0; i < extent; ++i) {
      from = store_axis(to + i * stride, from, b, axis + 1, b.shape[axis + 1], step);
    }
    return from;
  }
  if (step == 0 && stride == 1) {
    std::fill_n(to, extent, Memory(*from));
  } else if (stride == 1) {
    for (int64_t i = 0; i < extent; ++i) to[i] = Memory(from[i]);
  } else {
    for (int64_t i = 0; i < extent; ++i) to[i * stride] = Memory(from[i * step]);
  }
  return from + extent * step;
}

template <class Tile, class Memory>
void load_as(void* tile, const void* from, const Block& b, int64_t first) {
  load_axis(static_cast<Tile*>(tile), static_cast<const Memory*>(from), b, 0, first);
}

template <class Tile, class Memory>
void store_as(void* to, const void* tile, const Block& b, int64_t first, bool splat) {
  store_axis(static_cast<Memory*>(to), static_cast<const Tile*>(tile), b, 0, first, splat ? 0 : 1);
}

template <class Tile, class Memory>
void fill_as(void* tile, const void* from, size_t count) {
  std::fill_n(static_cast<Tile*>(tile), count, Tile(*static_cast<const Memory*>(from)));
}

}  // namespace

CopyKind copy_kind(DType dtype) {
  if (dtype == DType::bf16) return CopyKind::bf16;
  switch (size_of(dtype)) {
    case 1:
      return CopyKind::bytes1;
    case 2:
      return CopyKind::bytes2;
    case 4:
      return CopyKind::bytes4;
    default:
      return CopyKind::bytes8;
  }
}

size_t tile_size(DType dtype) { return dtype == DType::bf16 ? sizeof(float) : size_of(dtype); }

void load_block(void* tile, const void* from, const Block& b, int64_t first) {
  switch (b.kind) {
    case CopyKind::bytes1:
      return load_as<uint8_t, uint8_t>(tile, from, b, first);
    case CopyKind::bytes2:
      return load_as<uint16_t, uint16_t>(tile, from, b, first);
    case CopyKind::bytes4:
      return load_as<uint32_t, uint32_t>(tile, from, b, first);
    case CopyKind::bytes8:
      return load_as<uint64_t, uint64_t>(tile, from, b, first);
    case CopyKind::bf16:
      return load_as<float, bfloat16>(tile, from, b, first);
  }
}

void store_block(void* to, const void* tile, const Block& b, int64_t first, bool splat) {
  switch (b.kind) {
    case CopyKind::bytes1:
      return store_as<uint8_t, uint8_t>(to, tile, b, first, splat);
    case CopyKind::bytes2:
      return store_as<uint16_t, uint16_t>(to, tile, b, first, splat);
    case CopyKind::bytes4:
      return store_as<uint32_t, uint32_t>(to, tile, b, first, splat);
    case CopyKind::bytes8:
      return store_as<uint64_t, uint64_t>(to, tile, b, first, splat);
    case CopyKind::bf16:
      return store_as<float, bfloat16>(to, tile, b, first, splat);
  }
}

void fill_tile(void* tile, const void* from, CopyKind kind, size_t count) {
  switch (kind) {
    case CopyKind::bytes1:
      return fill_as<uint8_t, uint8_t>(tile, from, count);
    case CopyKind::bytes2:
      return fill_as<uint16_t, uint16_t>(tile, from, count);
    case CopyKind::bytes4:
      return fill_as<uint32_t, uint32_t>(tile, from, count);
    case CopyKind::bytes8:
      return fill_as<uint64_t, uint64_t>(tile, from, count);
    case CopyKind::bf16:
      return fill_as<float, bfloat16>(tile, from, count);
  }
}

}  // namespace lamina::cpu
