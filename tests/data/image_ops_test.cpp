// Functions of pictures beside torchvision and Pillow: tools/golden/images.py.
#include "lamina/data/image_ops.h"

#include "lamina/core/error.h"
#include "lamina/data/transforms.h"
#include "tests/support/files.h"
#include "tests/support/golden.h"

namespace lamina::data {
namespace {

using namespace image;
using testing::close;
using testing::error_of;
using testing::golden;

Tensor record(const std::string& name) {
  const nlohmann::json& packed = golden("images.json").at(name);
  const Tensor t = testing::unpack(packed);
  return packed.at("dtype") == "i64" ? Tensor::from(t.ints(), t.shape(), DType::u8) : t;
}

Tensor as_real(const Tensor& bytes) {
  std::vector<float> values = bytes.floats();
  for (float& v : values) v /= 255;
  return Tensor::from(values, bytes.shape());
}

Tensor byte() { return record("byte"); }
Tensor real() { return as_real(byte()); }

Tensor filled(const Shape& shape, double value) {
  return Tensor::from(std::vector<double>(static_cast<size_t>(shape.numel()), value), shape, DType::u8);
}

constexpr double kReal = 3e-6, kExact = 0;
constexpr double kLuma = 3e-4;  // torchvision's weights of the luma have four digits

/// Floats as torchvision, and bytes within one level of the rounded floats.
template <class F>
void expect_both(const std::string& name, F&& f, double tolerance = kReal) {
  const Tensor expected = record(name);
  EXPECT_TRUE(close(f(real()), expected, tolerance)) << name;
  const std::vector<float> bytes = f(byte()).floats(), wanted = expected.floats();
  for (size_t i = 0; i < bytes.size(); ++i) ASSERT_NEAR(bytes[i], wanted[i] * 255, 1.01) << name << " " << i;
}

/// At most `levels` apart: Pillow cuts off where we round, and rounds between its passes.
void expect_levels(const Tensor& actual, const std::string& name, double levels) {
  const std::vector<float> a = actual.floats(), e = record(name).floats();
  ASSERT_EQ(a.size(), e.size());
  for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], e[i], levels) << name << " " << i;
}

TEST(Image, ResizeAsTorchvisionAndPillow) {
  for (const std::string mode : {"bilinear", "bicubic"}) {
    for (const auto& [h, w] : {std::pair{4, 5}, {20, 27}, {7, 13}}) {
      for (const bool antialias : {true, false}) {
        const std::string name = "resize " + mode + " " + std::to_string(h) + " " + std::to_string(w) +
                                 (antialias ? " antialias" : " plain");
        EXPECT_TRUE(close(resize(real(), h, w, sampling_of(mode, ""), antialias), record(name), kReal)) << name;
      }
    }
  }
  for (const auto& [size, h, w] : {std::tuple{"4 5", 4, 5}, {"20 27", 20, 27}}) {
    EXPECT_TRUE(close(resize(byte(), h, w, Sampling::nearest), record(std::string("pillow nearest ") + size), kExact));
    expect_levels(resize(byte(), h, w, Sampling::bilinear), std::string("pillow bilinear ") + size, 1);
    // Enlarging overshoots, which Pillow cuts between its passes: there the floats above are the witness.
    if (h == 4) expect_levels(resize(byte(), h, w, Sampling::bicubic), std::string("pillow bicubic ") + size, 1);
  }
  EXPECT_TRUE(close(resize_part(real(), {2, 3, 6, 8}, 5, 4, Sampling::bilinear, true), record("resized_crop"), kReal));
}

TEST(Image, PaddingAndCropsAsTorchvision) {
  for (const std::string mode : {"constant", "edge", "reflect"}) {
    EXPECT_TRUE(close(crop(byte(), {-2, -3, 13, 20}, border_of(mode, "")), record("pad " + mode), kExact)) << mode;
  }
  Philox random(0);
  Example e{byte()};
  transforms::ten_crop({.size = {4, 6}})->apply(e, random);
  EXPECT_TRUE(close(e[0], record("ten_crop"), kExact));
  e = {byte()};
  transforms::five_crop({.size = {5}})->apply(e, random);
  EXPECT_TRUE(close(e[0], record("five_crop"), kExact));
  // Far outside, and mirrored more than once.
  const Tensor two = Tensor::from({1, 2}, {1, 1, 2}, DType::u8);
  EXPECT_EQ(crop(two, {0, -3, 1, 8}, Border::reflect).floats(), (std::vector<float>{2, 1, 2, 1, 2, 1, 2, 1}));
  EXPECT_EQ(crop(two, {9, 9, 1, 2}, Border::edge).floats(), (std::vector<float>{2, 2}));
  EXPECT_EQ(crop(two, {9, 9, 1, 2}, Border::constant, 7).floats(), (std::vector<float>{7, 7}));
}

TEST(Image, WarpsAsTorchvision) {
  const Affine a{.degrees = 20, .shift_x = 2, .shift_y = -1, .scale = 1.2, .shear_x = 5, .shear_y = -8};
  const auto warped = [](const Tensor& x, const Affine& affine, Sampling s) {
    return warp(x, mapping_of(affine, x.size(1), x.size(2)), s);
  };
  EXPECT_TRUE(close(warped(real(), a, Sampling::bilinear), record("affine bilinear"), 2e-5));
  EXPECT_TRUE(close(warped(real(), a, Sampling::nearest), record("affine nearest"), 2e-5));
  EXPECT_TRUE(close(warped(real(), {.degrees = 33}, Sampling::bilinear), record("rotate"), 2e-5));
  // torchvision's corners count from the edge of the first pixel, ours from its centre.
  Corners from{{{0, 0}, {12, 0}, {12, 9}, {0, 9}}}, to{{{1, 2}, {10, 1}, {12, 8}, {2, 9}}};
  for (Corners* corners : {&from, &to}) {
    for (auto& [x, y] : *corners) x -= 0.5, y -= 0.5;
  }
  EXPECT_TRUE(close(warp(real(), mapping_of(from, to)), record("perspective"), 2e-5));
  EXPECT_CONTAINS(error_of([&] { mapping_of(from, {}); }), "do not form a quadrilateral");
}

TEST(Image, ColoursAsTorchvisionAndPillow) {
  for (const auto& [text, factor] : {std::pair{"0.4", 0.4}, {"1.7", 1.7}}) {
    const std::string f = std::string(" ") + text;
    const double by = factor;
    expect_both("brightness" + f, [by](const Tensor& x) { return brightness(x, by); });
    expect_both("contrast" + f, [by](const Tensor& x) { return contrast(x, by); }, kLuma);
    expect_both("saturation" + f, [by](const Tensor& x) { return saturation(x, by); }, kLuma);
    expect_both("sharpness" + f, [by](const Tensor& x) { return sharpness(x, by); });
    expect_levels(brightness(byte(), by), "pillow brightness" + f, 1);
    expect_levels(contrast(byte(), by), "pillow contrast" + f, 2);
    expect_levels(saturation(byte(), by), "pillow saturation" + f, 2);
    expect_levels(sharpness(byte(), by), "pillow sharpness" + f, 2);
  }
  for (const auto& [text, turn] : {std::pair{"-0.35", -0.35}, {"0.1", 0.1}, {"0.5", 0.5}}) {
    const double by = turn;
    expect_both(std::string("hue ") + text, [by](const Tensor& x) { return hue(x, by); });
  }
  EXPECT_TRUE(close(posterize(byte(), 3), record("posterize 3"), kExact));
  EXPECT_TRUE(close(solarize(byte(), 128 / 255.0), record("solarize"), kExact));
  expect_both("auto_contrast", [](const Tensor& x) { return auto_contrast(x); });
  expect_levels(auto_contrast(byte()), "pillow auto_contrast", 1);
  EXPECT_TRUE(close(equalize(byte()), record("equalize"), kExact));
  EXPECT_TRUE(close(equalize(byte()), record("pillow equalize"), kExact));
  EXPECT_TRUE(close(equalize(record("large")), record("equalize large"), kExact));
  EXPECT_TRUE(close(equalize(real()), as_real(record("equalize")), kReal));
  EXPECT_TRUE(close(blur(real(), 5, 1.3), record("blur 5 1.3"), kReal));
  Philox random(0);
  Example e{real()};
  transforms::grayscale()->apply(e, random);
  EXPECT_TRUE(close(e[0], record("grayscale"), kLuma));
}

TEST(Image, FlatAndTinyPicturesStayDefined) {
  const Tensor flat = filled({3, 1, 1}, 77);
  for (const Tensor& y : {auto_contrast(flat), equalize(flat), sharpness(flat, 2), hue(flat, 0.3), blur(flat, 1, 1),
                          contrast(flat, 0.5), warp(flat, mapping_of(Affine{}, 1, 1))}) {
    EXPECT_EQ(y.floats(), flat.floats());
  }
  EXPECT_EQ(resize(flat, 3, 2, Sampling::bicubic).floats(), std::vector<float>(18, 77.0F));
  EXPECT_CONTAINS(error_of([&] { blur(flat, 3, 1); }), "expected an odd kernel");
  EXPECT_CONTAINS(error_of([&] { brightness(filled({2, 1, 1}, 0), 1); }), "[1 or 3, height, width]");
}

}  // namespace
}  // namespace lamina::data
