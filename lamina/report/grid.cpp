#include "lamina/report/grid.h"

#include <algorithm>
#include <cstdint>
#include <numeric>

namespace lamina::report {

namespace {

/// Copies a picture into a canvas [3, …], its upper left corner at (top, left).
void place(const Tensor& picture, int64_t enlarge, int64_t top, int64_t left, Tensor& canvas) {
  const int64_t height = picture.size(1), width = picture.size(2);
  const int64_t across = canvas.size(2), area = canvas.size(1) * across;
  const auto* from = picture.data<uint8_t>();
  auto* to = canvas.mutable_data<uint8_t>();
  for (int64_t c = 0; c < 3; ++c) {
    const uint8_t* plane = from + (picture.size(0) == 3 ? c : 0) * height * width;
    for (int64_t y = 0; y < height * enlarge; ++y) {
      uint8_t* row = to + c * area + (top + y) * across + left;
      for (int64_t x = 0; x < width * enlarge; ++x) row[x] = plane[y / enlarge * width + x / enlarge];
    }
  }
}

}  // namespace

Tensor grid(const std::vector<std::vector<Tensor>>& rows, const GridOptions& options) {
  std::vector<int64_t> heights(rows.size(), 0), widths;
  for (size_t r = 0; r < rows.size(); ++r) {
    widths.resize(std::max(widths.size(), rows[r].size()), 0);
    for (size_t c = 0; c < rows[r].size(); ++c) {
      heights[r] = std::max(heights[r], rows[r][c].size(1) * options.enlarge);
      widths[c] = std::max(widths[c], rows[r][c].size(2) * options.enlarge);
    }
  }
  const auto total = [&](const std::vector<int64_t>& extents) {
    return std::accumulate(extents.begin(), extents.end(), options.gap) +
           options.gap * static_cast<int64_t>(extents.size());
  };
  Tensor canvas = Tensor::empty({3, total(heights), total(widths)}, DType::u8);
  std::fill_n(canvas.mutable_data<uint8_t>(), canvas.numel(), uint8_t{255});
  int64_t top = options.gap;
  for (size_t r = 0; r < rows.size(); ++r) {
    int64_t left = options.gap;
    for (size_t c = 0; c < rows[r].size(); ++c) {
      place(rows[r][c], options.enlarge, top, left, canvas);
      left += widths[c] + options.gap;
    }
    top += heights[r] + options.gap;
  }
  return canvas;
}

Tensor to_bytes(const Tensor& picture) {
  Tensor bytes = Tensor::empty(picture.shape(), DType::u8);
  auto* to = bytes.mutable_data<uint8_t>();
  const std::vector<float> values = picture.floats();
  for (size_t i = 0; i < values.size(); ++i) {
    to[i] = static_cast<uint8_t>(std::clamp(values[i], 0.0F, 1.0F) * 255 + 0.5F);
  }
  return bytes;
}

}  // namespace lamina::report
