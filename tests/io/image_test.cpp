#include "lamina/io/image.h"

#include <cmath>

#include "lamina/io/files.h"
#include "tests/support/files.h"

namespace lamina::io {
namespace {

using testing::error_of;

const std::string kGolden = LAMINA_SOURCE_DIR "/tests/golden/io/";

/// Red (or grey) grows to the right, green downwards: [c, 12, 16].
int expected(int64_t channel, int64_t y, int64_t x) {
  return static_cast<int>(channel == 0 ? x * 16 : channel == 1 ? y * 20 : 128);
}

void expect_picture(const Tensor& image, int64_t channels, int tolerance, const std::string& name) {
  ASSERT_EQ(image.shape(), (Shape{channels, 12, 16})) << name;
  ASSERT_EQ(image.dtype(), DType::u8);
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t y = 0; y < 12; ++y) {
      for (int64_t x = 0; x < 16; ++x) {
        const int got = static_cast<int>(image.at({c, y, x}));
        ASSERT_LE(std::abs(got - expected(c, y, x)), tolerance)
            << name << " at " << c << ", " << y << ", " << x << ": " << got;
      }
    }
  }
}

TEST(Image, ReadsEveryFormat) {
  for (const char* name : {"rgb.png", "interlaced.png", "rgb.bmp", "rgba.bmp", "rgb.ppm"}) {
    expect_picture(decode_image(kGolden + name), 3, 0, name);
  }
  for (const char* name : {"grey.png", "grey16.png", "grey_palette.png", "grey.bmp", "grey.pgm"}) {
    expect_picture(decode_image(kGolden + name), 1, 0, name);
  }
  for (const char* name : {"rgb.jpg", "progressive.jpg"}) expect_picture(decode_image(kGolden + name), 3, 8, name);
  expect_picture(decode_image(kGolden + "grey.jpg"), 1, 4, "grey.jpg");
  expect_picture(decode_image(kGolden + "palette.png"), 3, 80, "palette.png");
}

TEST(Image, OneBitBecomesBlackAndWhite) {
  const Tensor image = decode_image(kGolden + "one_bit.png");
  EXPECT_EQ(image.shape(), (Shape{1, 12, 16}));
  EXPECT_EQ(image.at({0, 3, 6}), 0);
  EXPECT_EQ(image.at({0, 3, 7}), 255);
}

TEST(Image, TransparencyIsShownOverWhite) {
  const Tensor image = decode_image(kGolden + "alpha.png");
  EXPECT_EQ(image.shape(), (Shape{3, 12, 16}));
  EXPECT_EQ(image.at({0, 2, 3}), 48);
  EXPECT_EQ(image.at({0, 2, 9}), 255);
  EXPECT_EQ(image.at({1, 2, 9}), 255);
}

TEST(Image, JpegsAreTurnedUpright) {
  for (int o = 1; o <= 8; ++o) {
    const std::string name = "orientation_" + std::to_string(o) + ".jpg";
    expect_picture(decode_image(kGolden + name), 3, 8, name);
  }
}

TEST(Image, CmykIsRefusedWithAReason) {
  EXPECT_CONTAINS(error_of([] { decode_image(kGolden + "cmyk.jpg"); }), "CMYK");
}

TEST(Image, EveryTruncationIsAnError) {
  for (const char* name : {"rgb.jpg", "progressive.jpg", "grey.jpg", "orientation_6.jpg", "rgb.png", "interlaced.png",
                           "palette.png", "grey16.png", "grey.pgm", "rgb.ppm", "rgb.bmp", "grey.bmp"}) {
    testing::expect_errors_when_truncated(
        read_file(kGolden + name), [&](std::string_view b) { decode_image_bytes(b, std::string("cut ") + name); });
  }
}

TEST(Image, PlainPnmWithCommentsAndScaling) {
  const Tensor grey = decode_image_bytes("P2 # c\n# more\n 2 2\n15\n0 15\n5 10\n", "x");
  EXPECT_EQ(grey.ints(), (std::vector<int64_t>{0, 255, 85, 170}));
  const Tensor colour = decode_image_bytes("P3 1 1 255 1 2 3", "x");
  EXPECT_EQ(colour.shape(), (Shape{3, 1, 1}));
  EXPECT_EQ(colour.ints(), (std::vector<int64_t>{1, 2, 3}));
  const std::string deep("P5 1 1 65535\n\xff\xff", 15);
  EXPECT_EQ(decode_image_bytes(deep, "x").ints(), (std::vector<int64_t>{255}));
  EXPECT_CONTAINS(error_of([] { decode_image_bytes("P2 2 1 9 5 10", "x"); }), "more than 9");
  EXPECT_CONTAINS(error_of([] { decode_image_bytes("P2 2 1 9 5 z", "x"); }), "expected its pixels");
  EXPECT_CONTAINS(error_of([] { decode_image_bytes("P2 2 1 70000 5 1", "x"); }), "1 to 65535");
  EXPECT_CONTAINS(error_of([] { decode_image_bytes("P2 0 1 9", "x"); }), "0 x 1 pixels");
}

TEST(Image, ClaimsOfHugeSizesAreRefused) {
  EXPECT_CONTAINS(error_of([] { decode_image_bytes("P2 999999999 999999999 255 1", "x"); }), "999999999");
  EXPECT_CONTAINS(error_of([] { decode_image_bytes("P5 999999999 999999999 255\n1", "x"); }), "truncated");
  std::string png = read_file(kGolden + "rgb.png");
  png[16] = 0x7f;  // width; the checksum of the header does not fit either
  EXPECT_THROW(decode_image_bytes(png, "x"), Error);
  std::string bmp = read_file(kGolden + "rgb.bmp");
  bmp[21] = 0x7f;
  EXPECT_CONTAINS(error_of([&] { decode_image_bytes(bmp, "x"); }), "pixels");
  bmp = read_file(kGolden + "rgb.bmp");
  bmp[25] = static_cast<char>(0x80);  // the height most negative
  bmp[22] = bmp[23] = bmp[24] = 0;
  EXPECT_THROW(decode_image_bytes(bmp, "x"), Error);
}

TEST(Image, DamageNeverCrashes) {
  for (const char* name :
       {"rgb.jpg", "progressive.jpg", "orientation_6.jpg", "rgb.png", "palette.png", "grey.bmp", "rgb.ppm"}) {
    const std::string whole = read_file(kGolden + name);
    for (size_t i = 0; i < whole.size(); ++i) {
      for (const int change : {0x01, 0x80, 0xff}) {
        std::string bad = whole;
        bad[i] = static_cast<char>(bad[i] ^ change);
        try {
          decode_image_bytes(bad, name);
        } catch (const Error&) {
        }
      }
    }
  }
}

TEST(Image, OtherFilesAreRefused) {
  EXPECT_CONTAINS(error_of([] { decode_image_bytes("GIF89a", "x.gif"); }), "readable are JPEG, PNG");
  EXPECT_CONTAINS(error_of([] { decode_image_bytes("", "x"); }), "is empty");
  EXPECT_FALSE(looks_like_image("PK"));
  EXPECT_TRUE(looks_like_image(read_file(kGolden + "rgb.jpg")));
}

TEST(Png, RoundTrips) {
  std::vector<int64_t> values;
  for (int64_t i = 0; i < 3 * 5 * 7; ++i) values.push_back(i * 37 % 256);
  const Tensor colour = Tensor::from(values, {3, 5, 7}, DType::u8);
  EXPECT_EQ(decode_image_bytes(encode_png(colour), "x").ints(), values);
  const Tensor grey = Tensor::from(values, {15, 7}, DType::u8);
  const Tensor back = decode_image_bytes(encode_png(grey), "x");
  EXPECT_EQ(back.shape(), (Shape{1, 15, 7}));
  EXPECT_EQ(back.ints(), values);
  EXPECT_CONTAINS(error_of([] { encode_png(Tensor::from({1}, {1, 1, 1})); }), "expected u8");
  EXPECT_THROW(encode_png(Tensor::from(std::vector<int64_t>(8), {2, 2, 2}, DType::u8)), Error);
}

}  // namespace
}  // namespace lamina::io
