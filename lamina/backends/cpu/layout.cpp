#include "lamina/backends/cpu/layout.h"

#include <algorithm>

namespace lamina::cpu {

Strides dense_strides(const Shape& shape, Layout layout) {
  Strides strides = contiguous_strides(shape);
  if (layout != Layout::channels_last || shape.rank() < 2) return strides;
  const int64_t channels = std::max<int64_t>(shape[1], 1);
  int64_t step = channels;
  for (int i = shape.rank() - 1; i > 1; --i) {
    strides[i] = step;
    step *= std::max<int64_t>(shape[i], 1);
  }
  strides[1] = 1;
  strides[0] = step;
  return strides;
}

bool has_layout(const Meta& meta, Layout layout) {
  const Strides dense = dense_strides(meta.shape, layout);
  for (int i = 0; i < meta.rank(); ++i) {
    if (meta.shape[i] > 1 && meta.strides[i] != dense[i]) return false;
  }
  return true;
}

Layout common_layout(std::initializer_list<const Meta*> metas, Layout preferred) {
  const Layout second = preferred == Layout::plain ? Layout::channels_last : Layout::plain;
  for (Layout layout : {preferred, second}) {
    if (std::all_of(metas.begin(), metas.end(), [&](const Meta* m) { return has_layout(*m, layout); })) return layout;
  }
  return Layout::other;
}

}  // namespace lamina::cpu
