// PGM, PPM (http://netpbm.sourceforge.net/doc/pgm.html) and BMP: formats without compression.
#include <cctype>
#include <vector>

#include "lamina/core/error.h"
#include "lamina/io/image_internal.h"

namespace lamina::io {

namespace {

/// Reads the numbers of a PNM header, and of plain pictures.
class PnmScanner {
 public:
  PnmScanner(std::string_view bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  int64_t number(const char* what) {
    while (at_ < bytes_.size() && (space(bytes_[at_]) || bytes_[at_] == '#')) {
      if (bytes_[at_++] != '#') continue;
      while (at_ < bytes_.size() && bytes_[at_] != '\n') ++at_;
    }
    const size_t begin = at_;
    int64_t value = 0;
    while (at_ < bytes_.size() && std::isdigit(static_cast<unsigned char>(bytes_[at_])) && value < 1'000'000'000) {
      value = value * 10 + (bytes_[at_++] - '0');
    }
    if (at_ == begin) {
      if (at_ >= bytes_.size()) throw Error(name_, std::string("truncated before its ") + what);
      throw Error(name_, std::string("expected its ") + what + " at byte " + std::to_string(at_));
    }
    return value;
  }

  /// What follows the one white-space byte after the header.
  std::string_view raster() {
    if (at_ >= bytes_.size() || !space(bytes_[at_])) throw Error(name_, "truncated after its header");
    return bytes_.substr(at_ + 1);
  }

 private:
  static bool space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }
  std::string_view bytes_;
  const std::string& name_;
  size_t at_ = 2;
};

uint32_t little(std::string_view bytes, size_t at, size_t count) {
  uint32_t value = 0;
  for (size_t i = 0; i < count; ++i) value |= static_cast<uint32_t>(static_cast<uint8_t>(bytes[at + i])) << (8 * i);
  return value;
}

[[noreturn]] void truncated(const std::string& name, uint64_t expected, uint64_t got) {
  throw Error(name, "truncated: expected " + std::to_string(expected) + " bytes of pixels, got " + std::to_string(got));
}

}  // namespace

Tensor decode_pnm(std::string_view bytes, const std::string& name, const Dims&) {
  const bool plain = bytes[1] == '2' || bytes[1] == '3';
  const int64_t channels = bytes[1] == '2' || bytes[1] == '5' ? 1 : 3;
  PnmScanner scanner(bytes, name);
  const int64_t width = scanner.number("width"), height = scanner.number("height");
  const int64_t most = scanner.number("largest value");
  if (most < 1 || most > 65535) {
    throw Error(name, "claims a largest value of " + std::to_string(most) + ", expected 1 to 65535");
  }
  const size_t step = most > 255 ? 2 : 1;
  const int64_t row_values = width * channels;
  std::string_view raster;
  if (!plain) {
    raster = scanner.raster();
    const auto needed = static_cast<unsigned __int128>(row_values) * static_cast<uint64_t>(height) * step;
    if (needed > raster.size()) truncated(name, static_cast<uint64_t>(needed), raster.size());
  }
  Tensor image = new_image(channels, height, width, name);
  std::vector<uint8_t> row(static_cast<size_t>(row_values));
  for (int64_t y = 0, at = 0; y < height; ++y) {
    for (uint8_t& out : row) {
      int64_t value = 0;
      if (plain) {
        value = scanner.number("pixels");
      } else {
        for (size_t i = 0; i < step; ++i) value = value * 256 + static_cast<uint8_t>(raster[static_cast<size_t>(at++)]);
      }
      if (value > most)
        throw Error(name, "holds a value of " + std::to_string(value) + ", more than " + std::to_string(most));
      out = static_cast<uint8_t>((value * 255 + most / 2) / most);
    }
    put_row(image, y, row.data());
  }
  return image;
}

Tensor decode_bmp(std::string_view bytes, const std::string& name, const Dims&) {
  if (bytes.size() < 54) throw Error(name, "truncated in its header");
  const uint32_t data = little(bytes, 10, 4), header = little(bytes, 14, 4), bits = little(bytes, 28, 2);
  const uint32_t compression = little(bytes, 30, 4);
  const int64_t width = static_cast<int32_t>(little(bytes, 18, 4)),
                signed_height = static_cast<int32_t>(little(bytes, 22, 4));
  const int64_t height = signed_height < 0 ? -signed_height : signed_height;  // negative: the top row comes first
  if (header < 40 || compression != 0 || (bits != 8 && bits != 24 && bits != 32)) {
    throw Error(name, "is a BMP of " + std::to_string(bits) + " bits, compression " + std::to_string(compression))
        .hint("readable are uncompressed ones of 8, 24 or 32 bits");
  }
  Tensor image = new_image(3, height, width, name);
  const uint64_t row_bytes = (static_cast<uint64_t>(width) * bits / 8 + 3) / 4 * 4;
  const uint64_t needed = row_bytes * static_cast<uint64_t>(height);
  if (data > bytes.size() || bytes.size() - data < needed) {
    truncated(name, needed, data > bytes.size() ? 0 : bytes.size() - data);
  }
  std::string_view palette;
  if (bits == 8) {
    const uint32_t claimed = little(bytes, 46, 4), colours = claimed ? claimed : 256;
    const uint64_t begin = uint64_t{14} + header;
    if (colours > 256 || begin + colours * uint64_t{4} > data)
      throw Error(name, "its palette does not fit before its pixels");
    palette = bytes.substr(begin, colours * size_t{4});
  }
  std::vector<uint8_t> row(static_cast<size_t>(width) * 3);
  for (int64_t y = 0; y < height; ++y) {
    const int64_t from = signed_height < 0 ? y : height - 1 - y;
    const std::string_view pixels = bytes.substr(data + static_cast<uint64_t>(from) * row_bytes, row_bytes);
    for (size_t x = 0; x < static_cast<size_t>(width); ++x) {
      const size_t pixel = bits == 8 ? static_cast<uint8_t>(pixels[x]) * size_t{4} : x * (bits / 8);
      const std::string_view colours = bits == 8 ? palette : pixels;  // blue, green, red
      if (pixel + 3 > colours.size()) throw Error(name, "a pixel names a colour outside of the palette");
      for (size_t c = 0; c < 3; ++c) row[x * 3 + c] = static_cast<uint8_t>(colours[pixel + 2 - c]);
    }
    put_row(image, y, row.data());
  }
  return bits == 8 ? grey_where_grey(image) : image;
}

}  // namespace lamina::io
