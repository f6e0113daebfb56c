// JPEG by libjpeg(-turbo), which reports errors by a callback that must not return: we jump out of it. Frames that are
// jumped over hold nothing with a destructor.
#include <csetjmp>
#include <cstdio>
// jpeglib.h needs size_t and FILE.
#include <jpeglib.h>
// jerror.h after it.
#include <jerror.h>

#include <vector>

#include "lamina/core/error.h"
#include "lamina/io/image_internal.h"

namespace lamina::io {

namespace {

struct Failure {
  jpeg_error_mgr manager;  // first: libjpeg hands back a pointer to it
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void on_error(j_common_ptr info) {
  auto* failure = reinterpret_cast<Failure*>(info->err);
  info->err->format_message(info, failure->message);
  std::longjmp(failure->jump, 1);
}

void on_message(j_common_ptr info, int level) {
  if (level >= 0) return;
  // Most warnings are about harmless oddities; these two mean that pixels were made up.
  const int code = info->err->msg_code;
  if (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER) on_error(info);
}

void no_output(j_common_ptr) {}

/// Everything a decode holds, outside of the frames that are jumped over.
struct Decode {
  jpeg_decompress_struct info{};
  Failure failure{};
  std::string_view bytes;
  Tensor image;
  std::vector<uint8_t> row;
  int orientation = 1;
  bool cmyk = false;

  ~Decode() { jpeg_destroy_decompress(&info); }
};

/// The EXIF orientation 1 to 8 in an APP1 marker; 1 where there is none. (EXIF 2.3, 4.6.4: TIFF tag 0x0112.)
int exif_orientation(const uint8_t* p, size_t size) {
  constexpr uint8_t kMagic[] = {'E', 'x', 'i', 'f', 0, 0};
  if (size < 14 || !std::equal(kMagic, kMagic + 6, p)) return 1;
  p += 6;
  size -= 6;
  const bool big = p[0] == 'M';
  const auto read = [&](size_t at, int count) {
    uint32_t value = 0;
    for (int i = 0; i < count; ++i) value = value << 8 | p[at + static_cast<size_t>(big ? i : count - 1 - i)];
    return value;
  };
  const size_t directory = read(4, 4);
  if (directory > size - 2) return 1;
  const uint32_t entries = read(directory, 2);
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + 12 * i;
    if (entry + 12 > size) return 1;
    if (read(entry, 2) != 0x0112) continue;
    const uint32_t value = read(entry + 8, 2);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

/// False where libjpeg reported an error; its text is in failure.message.
bool read_jpeg_header(Decode& d) {
  if (setjmp(d.failure.jump)) return false;
  jpeg_create_decompress(&d.info);
  jpeg_mem_src(&d.info, reinterpret_cast<const unsigned char*>(d.bytes.data()),
               static_cast<unsigned long>(d.bytes.size()));
  jpeg_save_markers(&d.info, JPEG_APP0 + 1, 0xFFFF);
  jpeg_read_header(&d.info, TRUE);
  for (const jpeg_marker_struct* m = d.info.marker_list; m && d.orientation == 1; m = m->next) {
    d.orientation = exif_orientation(m->data, m->data_length);
  }
  d.cmyk = d.info.num_components == 4;
  d.info.out_color_space = d.info.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
  return true;
}

bool read_jpeg_pixels(Decode& d) {
  if (setjmp(d.failure.jump)) return false;
  jpeg_start_decompress(&d.info);
  while (d.info.output_scanline < d.info.output_height) {
    JSAMPROW row = d.row.data();
    const JDIMENSION y = d.info.output_scanline;
    if (jpeg_read_scanlines(&d.info, &row, 1) == 1) put_row(d.image, y, d.row.data());
  }
  jpeg_finish_decompress(&d.info);
  return true;
}

/// The smallest scale at which the picture is still large enough; output_height and output_width follow.
void set_scale(Decode& d, const Dims& enough) {
  if (enough.rank() == 2) {
    const bool swapped = d.orientation >= 5;
    const int64_t height = enough[swapped ? 1 : 0], width = enough[swapped ? 0 : 1];
    for (const unsigned part : {2U, 4U, 8U}) {
      if (d.info.image_height < height * part || d.info.image_width < width * part) break;
      d.info.scale_denom = part;
    }
  }
  jpeg_calc_output_dimensions(&d.info);
}

/// Orientations 5 to 8 swap the axes; then rows or columns are reversed.
Tensor upright(const Tensor& image, int orientation) {
  if (orientation == 1) return image;
  const int64_t channels = image.size(0), h = image.size(1), w = image.size(2);
  const bool swapped = orientation >= 5;
  const int64_t out_h = swapped ? w : h, out_w = swapped ? h : w;
  const bool bottom_up = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  const bool right_to_left = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  Tensor out = Tensor::empty({channels, out_h, out_w}, DType::u8);
  const auto* from = image.data<uint8_t>();
  auto* to = out.mutable_data<uint8_t>();
  for (int64_t c = 0; c < channels; ++c, from += h * w) {
    for (int64_t y = 0; y < out_h; ++y) {
      for (int64_t x = 0; x < out_w; ++x) {
        const int64_t row = bottom_up ? out_h - 1 - y : y, column = right_to_left ? out_w - 1 - x : x;
        *to++ = swapped ? from[column * w + row] : from[row * w + column];
      }
    }
  }
  return out;
}

}  // namespace

Tensor decode_jpeg(std::string_view bytes, const std::string& name, const Dims& enough) {
  Decode d;
  d.bytes = bytes;
  d.info.err = jpeg_std_error(&d.failure.manager);
  d.failure.manager.error_exit = on_error;
  d.failure.manager.emit_message = on_message;
  d.failure.manager.output_message = no_output;
  if (!read_jpeg_header(d)) throw Error(name, std::string("corrupt JPEG: ") + d.failure.message);
  if (d.cmyk) {
    throw Error(name, "is a JPEG in CMYK colours, expected grey or RGB").hint("convert it to RGB with an image editor");
  }
  const int64_t channels = d.info.num_components == 1 ? 1 : 3;
  new_image(channels, d.info.image_height, d.info.image_width, name);  // refuses what claims too much
  set_scale(d, enough);
  d.image = new_image(channels, d.info.output_height, d.info.output_width, name);
  d.row.resize(static_cast<size_t>(channels) * d.info.output_width);
  if (!read_jpeg_pixels(d)) throw Error(name, std::string("corrupt or truncated JPEG: ") + d.failure.message);
  return upright(d.image, d.orientation);
}

}  // namespace lamina::io
