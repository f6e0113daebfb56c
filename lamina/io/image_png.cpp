// PNG by libpng, which reports errors by a callback that must not return: we jump out of it. Frames that are jumped
// over hold nothing with a destructor.
#include <png.h>

#include <csetjmp>
#include <cstring>
#include <vector>

#include "lamina/core/error.h"
#include "lamina/io/image.h"
#include "lamina/io/image_internal.h"

namespace lamina::io {

namespace {

struct Failure {
  std::jmp_buf jump;
  char message[128] = "";
};

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  auto* failure = static_cast<Failure*>(png_get_error_ptr(png));
  std::strncpy(failure->message, message, sizeof failure->message - 1);
  std::longjmp(failure->jump, 1);
}

void on_warning(png_structp, png_const_charp) {}

struct Decode {
  png_structp png = nullptr;
  png_infop info = nullptr;
  Failure failure;
  std::string_view rest;
  png_uint_32 width = 0, height = 0;
  int channels = 0;  // 1 to 4, the last one alpha where even
  bool palette = false;
  std::vector<uint8_t> pixels;
  std::vector<png_bytep> rows;

  ~Decode() { png_destroy_read_struct(&png, &info, nullptr); }
};

void read_bytes(png_structp png, png_bytep to, size_t bytes) {
  auto* rest = static_cast<std::string_view*>(png_get_io_ptr(png));
  if (rest->size() < bytes) png_error(png, "truncated");
  std::memcpy(to, rest->data(), bytes);
  rest->remove_prefix(bytes);
}

/// Asks for 8 bits, no palette, and alpha as a channel. False where libpng reported an error.
bool read_png_header(Decode& d) {
  if (setjmp(d.failure.jump)) return false;
  png_set_read_fn(d.png, &d.rest, read_bytes);
  png_read_info(d.png, d.info);
  d.width = png_get_image_width(d.png, d.info);
  d.height = png_get_image_height(d.png, d.info);
  d.palette = png_get_color_type(d.png, d.info) == PNG_COLOR_TYPE_PALETTE;
  png_set_expand(d.png);
  png_set_scale_16(d.png);
  png_set_interlace_handling(d.png);
  png_read_update_info(d.png, d.info);
  d.channels = png_get_channels(d.png, d.info);
  return true;
}

bool read_png_pixels(Decode& d) {
  if (setjmp(d.failure.jump)) return false;
  png_read_image(d.png, d.rows.data());
  png_read_end(d.png, nullptr);
  return true;
}

/// Over white, in the values as stored.
void drop_alpha(const uint8_t* from, uint8_t* to, int64_t pixels, int colours) {
  for (int64_t i = 0; i < pixels; ++i, from += colours + 1) {
    const int alpha = from[colours];
    for (int c = 0; c < colours; ++c) *to++ = static_cast<uint8_t>((from[c] * alpha + 255 * (255 - alpha) + 127) / 255);
  }
}

struct Encode {
  png_structp png = nullptr;
  png_infop info = nullptr;
  Failure failure;
  std::string out;
  std::vector<uint8_t> row;

  ~Encode() { png_destroy_write_struct(&png, &info); }
};

void append_bytes(png_structp png, png_bytep bytes, size_t count) {
  static_cast<std::string*>(png_get_io_ptr(png))->append(reinterpret_cast<const char*>(bytes), count);
}

void no_flush(png_structp) {}

bool write_png(Encode& e, const uint8_t* pixels, int64_t channels, int64_t height, int64_t width) {
  if (setjmp(e.failure.jump)) return false;
  png_set_write_fn(e.png, &e.out, append_bytes, no_flush);
  png_set_IHDR(e.png, e.info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), 8,
               channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(e.png, e.info);
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      for (int64_t c = 0; c < channels; ++c) {
        e.row[static_cast<size_t>(x * channels + c)] = pixels[(c * height + y) * width + x];
      }
    }
    png_write_row(e.png, e.row.data());
  }
  png_write_end(e.png, e.info);
  return true;
}

}  // namespace

Tensor decode_png(std::string_view bytes, const std::string& name, const Dims&) {
  // The chunk that announces frames comes before the pixels (APNG 1.0).
  const size_t pixels = bytes.find("IDAT"), frames = bytes.find("acTL");
  if (frames < pixels) throw Error(name, "is an animated PNG, expected a single picture");
  Decode d;
  d.rest = bytes;
  d.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &d.failure, on_error, on_warning);
  d.info = d.png ? png_create_info_struct(d.png) : nullptr;
  if (!d.info) throw Error(name, "libpng could not be set up");
  if (!read_png_header(d)) throw Error(name, std::string("corrupt or truncated PNG: ") + d.failure.message);
  const int64_t width = d.width, height = d.height, colours = d.channels <= 2 ? 1 : 3;
  Tensor image = new_image(colours, height, width, name);
  const size_t row_bytes = static_cast<size_t>(width) * static_cast<size_t>(d.channels);
  d.pixels.resize(row_bytes * static_cast<size_t>(height));
  for (size_t y = 0; y < static_cast<size_t>(height); ++y) d.rows.push_back(d.pixels.data() + y * row_bytes);
  if (!read_png_pixels(d)) throw Error(name, std::string("corrupt or truncated PNG: ") + d.failure.message);
  std::vector<uint8_t> opaque(static_cast<size_t>(width * colours));
  for (int64_t y = 0; y < height; ++y) {
    const uint8_t* row = d.rows[static_cast<size_t>(y)];
    if (d.channels % 2 == 0) {
      drop_alpha(row, opaque.data(), width, static_cast<int>(colours));
      row = opaque.data();
    }
    put_row(image, y, row);
  }
  return colours == 3 && d.palette ? grey_where_grey(image) : image;
}

std::string encode_png(const Tensor& image) {
  const int rank = image.rank();
  const int64_t channels = rank == 3 ? image.size(0) : 1;
  if (image.dtype() != DType::u8 || (rank != 2 && rank != 3) || (channels != 1 && channels != 3) ||
      image.numel() == 0) {
    throw Error("encode_png", "expected u8 [1 or 3, height, width] or [height, width], got " + image.meta().str());
  }
  const Tensor packed = image.is_contiguous() ? image : Tensor::from(image.ints(), image.shape(), DType::u8);
  Encode e;
  e.row.resize(static_cast<size_t>(channels * image.size(-1)));
  e.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &e.failure, on_error, on_warning);
  e.info = e.png ? png_create_info_struct(e.png) : nullptr;
  if (!e.info) throw Error("encode_png", "libpng could not be set up");
  if (!write_png(e, packed.data<uint8_t>(), channels, image.size(-2), image.size(-1))) {
    throw Error("encode_png", e.failure.message);
  }
  return std::move(e.out);
}

}  // namespace lamina::io
