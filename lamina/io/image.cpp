#include "lamina/io/image.h"

#include <algorithm>
#include <array>

#include "lamina/core/error.h"
#include "lamina/io/files.h"
#include "lamina/io/image_internal.h"

namespace lamina::io {

namespace {

constexpr int64_t kMaxPixels = 100'000'000;  // a small file may claim any size

struct Decoder {
  std::string_view begin;
  Tensor (*decode)(std::string_view bytes, const std::string& name, const Dims& enough);
};
constexpr std::array<Decoder, 7> kDecoders{{{"\xFF\xD8\xFF", decode_jpeg},
                                            {"\x89PNG\r\n\x1A\n", decode_png},
                                            {"P2", decode_pnm},
                                            {"P3", decode_pnm},
                                            {"P5", decode_pnm},
                                            {"P6", decode_pnm},
                                            {"BM", decode_bmp}}};

const Decoder* decoder_of(std::string_view bytes) {
  for (const Decoder& d : kDecoders) {
    if (bytes.substr(0, d.begin.size()) == d.begin) return &d;
  }
  return nullptr;
}

/// Formats that people have, but which cannot be read here.
const char* kind_of_other(std::string_view bytes) {
  constexpr std::pair<std::string_view, const char*> kOthers[] = {{"GIF8", "GIF"},
                                                                  {std::string_view("II*\0", 4), "TIFF"},
                                                                  {std::string_view("MM\0*", 4), "TIFF"},
                                                                  {"%PDF", "PDF"},
                                                                  {"8BPS", "Photoshop"},
                                                                  {"PK\x03\x04", "ZIP"},
                                                                  {"<svg", "SVG"}};
  for (const auto& [begin, kind] : kOthers) {
    if (bytes.substr(0, begin.size()) == begin) return kind;
  }
  if (bytes.substr(0, 4) == "RIFF" && bytes.size() > 12 && bytes.substr(8, 4) == "WEBP") return "WebP";
  if (bytes.size() > 12 && bytes.substr(4, 8) == "ftypavif") return "AVIF";
  if (bytes.size() > 12 && bytes.substr(4, 4) == "ftyp") return "HEIC or video";
  return nullptr;
}

}  // namespace

Tensor new_image(int64_t channels, int64_t height, int64_t width, const std::string& name) {
  if (height <= 0 || width <= 0 || height > kMaxPixels / width) {
    throw Error(name, "claims " + std::to_string(width) + " x " + std::to_string(height) + " pixels")
        .hint("a picture has at least one and at most " + std::to_string(kMaxPixels));
  }
  return Tensor::empty({channels, height, width}, DType::u8);
}

void put_row(Tensor& image, int64_t row, const uint8_t* interleaved) {
  const int64_t channels = image.size(0), width = image.size(2), plane = image.size(1) * width;
  uint8_t* to = image.mutable_data<uint8_t>() + row * width;
  for (int64_t c = 0; c < channels; ++c, to += plane) {
    for (int64_t x = 0; x < width; ++x) to[x] = interleaved[x * channels + c];
  }
}

Tensor grey_where_grey(const Tensor& image) {
  const int64_t plane = image.size(1) * image.size(2);
  const auto* p = image.data<uint8_t>();
  if (!std::equal(p, p + plane, p + plane) || !std::equal(p, p + plane, p + 2 * plane)) return image;
  return Tensor::from_bytes(p, {1, image.size(1), image.size(2)}, DType::u8);
}

bool looks_like_image(std::string_view bytes) { return decoder_of(bytes) != nullptr; }

Tensor decode_image_bytes(std::string_view bytes, const std::string& name, const Dims& enough) {
  if (bytes.empty()) throw Error(name, "is empty, expected a picture");
  const Decoder* decoder = decoder_of(bytes);
  if (!decoder) {
    const char* kind = kind_of_other(bytes);
    throw Error(
        name, kind ? std::string("is a ") + kind + " file, which cannot be read" : "is not a picture that can be read")
        .hint("readable are JPEG, PNG, PGM, PPM and BMP");
  }
  return decoder->decode(bytes, name, enough);
}

Tensor decode_image(const std::string& path, const Dims& enough) {
  return decode_image_bytes(read_file(path), path, enough);
}

}  // namespace lamina::io
