#include "lamina/report/contact_sheet.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <string_view>

#include "lamina/core/error.h"

namespace lamina::report {

namespace {

/// Letters of 3 × 5 dots: five rows of three bits, the leftmost the highest.
struct Glyph {
  char letter;
  std::array<uint8_t, 5> rows;
};
constexpr Glyph kGlyphs[] = {
    {'A', {2, 5, 7, 5, 5}}, {'B', {6, 5, 6, 5, 6}}, {'C', {3, 4, 4, 4, 3}}, {'D', {6, 5, 5, 5, 6}},
    {'E', {7, 4, 6, 4, 7}}, {'F', {7, 4, 6, 4, 4}}, {'G', {3, 4, 5, 5, 3}}, {'H', {5, 5, 7, 5, 5}},
    {'I', {7, 2, 2, 2, 7}}, {'J', {1, 1, 1, 5, 2}}, {'K', {5, 5, 6, 5, 5}}, {'L', {4, 4, 4, 4, 7}},
    {'M', {5, 7, 7, 5, 5}}, {'N', {6, 5, 5, 5, 5}}, {'O', {2, 5, 5, 5, 2}}, {'P', {6, 5, 6, 4, 4}},
    {'Q', {2, 5, 5, 6, 3}}, {'R', {6, 5, 6, 5, 5}}, {'S', {3, 4, 2, 1, 6}}, {'T', {7, 2, 2, 2, 2}},
    {'U', {5, 5, 5, 5, 7}}, {'V', {5, 5, 5, 5, 2}}, {'W', {5, 5, 7, 7, 5}}, {'X', {5, 5, 2, 5, 5}},
    {'Y', {5, 5, 2, 2, 2}}, {'Z', {7, 1, 2, 4, 7}}, {'0', {7, 5, 5, 5, 7}}, {'1', {2, 6, 2, 2, 7}},
    {'2', {6, 1, 2, 4, 7}}, {'3', {6, 1, 2, 1, 6}}, {'4', {5, 5, 7, 1, 1}}, {'5', {7, 4, 6, 1, 6}},
    {'6', {3, 4, 7, 5, 7}}, {'7', {7, 1, 2, 2, 2}}, {'8', {7, 5, 7, 5, 7}}, {'9', {7, 5, 7, 1, 6}},
    {' ', {0, 0, 0, 0, 0}}, {'-', {0, 0, 7, 0, 0}}, {'_', {0, 0, 0, 0, 7}}, {'.', {0, 0, 0, 0, 2}},
    {',', {0, 0, 0, 2, 4}}, {':', {0, 2, 0, 2, 0}}, {'/', {1, 1, 2, 4, 4}}, {'%', {5, 1, 2, 4, 5}},
    {'+', {0, 2, 7, 2, 0}}, {'=', {0, 7, 0, 7, 0}}, {'(', {1, 2, 2, 2, 1}}, {')', {4, 2, 2, 2, 4}}};
constexpr Glyph kBox{0, {7, 5, 5, 5, 7}};
constexpr int64_t kDot = 2, kAdvance = 4 * kDot, kLine = 7 * kDot, kGap = 4;

const Glyph& glyph_of(char c) {
  const auto upper = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  for (const Glyph& g : kGlyphs) {
    if (g.letter == upper) return g;
  }
  return kBox;
}

/// A white sheet that is drawn on.
class Sheet {
 public:
  Sheet(int64_t height, int64_t width) : sheet_(Tensor::empty({3, height, width}, DType::u8)) {
    std::fill_n(sheet_.mutable_data<uint8_t>(), sheet_.numel(), uint8_t{255});
  }
  void put(int64_t channel, int64_t y, int64_t x, uint8_t value) {
    sheet_.mutable_data<uint8_t>()[(channel * sheet_.size(1) + y) * sheet_.size(2) + x] = value;
  }
  void draw(const Tensor& picture, int64_t top, int64_t left, int64_t factor) {
    const auto* from = picture.data<uint8_t>();
    const int64_t h = picture.size(1), w = picture.size(2);
    for (int64_t c = 0; c < 3; ++c) {
      const uint8_t* plane = from + (picture.size(0) == 3 ? c : 0) * h * w;
      for (int64_t y = 0; y < h * factor; ++y) {
        for (int64_t x = 0; x < w * factor; ++x) put(c, top + y, left + x, plane[y / factor * w + x / factor]);
      }
    }
  }
  void write(std::string_view text, int64_t top, int64_t left) {
    for (const char letter : text) {
      const Glyph& g = glyph_of(letter);
      for (int64_t i = 0; i < 15 * kDot * kDot; ++i) {
        const int64_t y = i / (3 * kDot), x = i % (3 * kDot);
        if (!(g.rows[static_cast<size_t>(y / kDot)] >> (2 - x / kDot) & 1)) continue;
        for (int64_t c = 0; c < 3; ++c) put(c, top + y, left + x, 0);
      }
      left += kAdvance;
    }
  }
  const Tensor& tensor() const { return sheet_; }

 private:
  Tensor sheet_;
};

}  // namespace

Tensor contact_sheet(const Tensors& pictures, const std::vector<std::string>& texts, const SheetOptions& options) {
  if (pictures.empty() || pictures.size() != texts.size()) {
    throw Error("contact_sheet", "expected as many texts as pictures, and at least one, got " +
                                     std::to_string(texts.size()) + " and " + std::to_string(pictures.size()));
  }
  int64_t height = 0, width = 0;
  for (const Tensor& p : pictures) {
    if (p.rank() != 3 || (p.size(0) != 1 && p.size(0) != 3) || p.dtype() != DType::u8 || !p.is_contiguous()) {
      throw Error("contact_sheet", "expected u8 [1 or 3, height, width], got " + p.meta().str());
    }
    height = std::max(height, p.size(1));
    width = std::max(width, p.size(2));
  }
  const int64_t factor =
      std::max<int64_t>(1, (options.least_side + std::max(height, width) - 1) / std::max(height, width));
  const int64_t cell_h = height * factor + kLine + kGap, cell_w = std::max(width * factor, 6 * kAdvance) + kGap;
  const auto n = static_cast<int64_t>(pictures.size());
  int64_t columns = options.columns;
  if (columns < 1) {
    columns = std::llround(std::ceil(std::sqrt(static_cast<double>(n * cell_h) / static_cast<double>(cell_w))));
  }
  columns = std::clamp<int64_t>(columns, 1, n);
  const int64_t rows = (n + columns - 1) / columns;
  Sheet sheet(rows * cell_h + kGap, columns * cell_w + kGap);
  for (int64_t i = 0; i < n; ++i) {
    const int64_t top = kGap + i / columns * cell_h, left = kGap + i % columns * cell_w;
    const auto k = static_cast<size_t>(i);
    sheet.draw(pictures[k], top, left, factor);
    const auto letters = static_cast<size_t>((cell_w - kGap) / kAdvance);
    sheet.write(std::string_view(texts[k]).substr(0, letters), top + height * factor + kDot, left);
  }
  return sheet.tensor();
}

}  // namespace lamina::report
