#include "lamina/data/cielab.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "lamina/core/error.h"

namespace lamina::data::image {

namespace {

using Triple = std::array<double, 3>;
using Matrix = std::array<Triple, 3>;

// ITU-R BT.709 primaries with white D65.
constexpr Matrix kXyzFromRgb = {
    {{0.412453, 0.357580, 0.180423}, {0.212671, 0.715160, 0.072169}, {0.019334, 0.119193, 0.950227}}};
constexpr Triple kWhite = {0.95047, 1.0, 1.08883};
constexpr double kCubeFrom = 0.008856, kSlope = 7.787, kOffset = 16.0 / 116;

Matrix inverse_of(const Matrix& m) {
  Matrix inverse;
  double determinant = 0;
  for (size_t i = 0; i < 3; ++i) {
    for (size_t j = 0; j < 3; ++j) {
      const size_t r = (j + 1) % 3, s = (j + 2) % 3, c = (i + 1) % 3, d = (i + 2) % 3;
      inverse[i][j] = m[r][c] * m[s][d] - m[r][d] * m[s][c];
    }
  }
  for (size_t j = 0; j < 3; ++j) determinant += m[0][j] * inverse[j][0];
  for (Triple& row : inverse) {
    for (double& v : row) v /= determinant;
  }
  return inverse;
}

Triple product(const Matrix& m, const Triple& v) {
  Triple out;
  for (size_t i = 0; i < 3; ++i) out[i] = m[i][0] * v[0] + m[i][1] * v[1] + m[i][2] * v[2];
  return out;
}

double linear(double v) { return v > 0.04045 ? std::pow((v + 0.055) / 1.055, 2.4) : v / 12.92; }
double gamma(double v) { return v > 0.0031308 ? 1.055 * std::pow(v, 1 / 2.4) - 0.055 : 12.92 * v; }
double root(double v) { return v > kCubeFrom ? std::cbrt(v) : kSlope * v + kOffset; }
double cube(double v) { return v > std::cbrt(kCubeFrom) ? v * v * v : (v - kOffset) / kSlope; }

Triple lab_of(const Triple& rgb) {
  const Triple xyz = product(kXyzFromRgb, {linear(rgb[0]), linear(rgb[1]), linear(rgb[2])});
  const double x = root(xyz[0] / kWhite[0]), y = root(xyz[1] / kWhite[1]), z = root(xyz[2] / kWhite[2]);
  return {116 * y - 16, 500 * (x - y), 200 * (y - z)};
}

Triple rgb_of(const Triple& lab) {
  static const Matrix kRgbFromXyz = inverse_of(kXyzFromRgb);
  const double y = (lab[0] + 16) / 116, x = y + lab[1] / 500, z = std::max(y - lab[2] / 200, 0.0);
  const Triple rgb = product(kRgbFromXyz, {cube(x) * kWhite[0], cube(y) * kWhite[1], cube(z) * kWhite[2]});
  return {std::clamp(gamma(rgb[0]), 0.0, 1.0), std::clamp(gamma(rgb[1]), 0.0, 1.0),
          std::clamp(gamma(rgb[2]), 0.0, 1.0)};
}

Tensor each_pixel(const Tensor& picture, const char* what, Triple (*f)(const Triple&)) {
  if (picture.rank() != 3 || picture.size(0) != 3 || picture.dtype() != DType::f32) {
    throw Error(what, "expected a colour picture f32 [3, height, width], got " + picture.meta().str());
  }
  const std::vector<float> from = picture.floats();
  const size_t area = from.size() / 3;
  Tensor out = Tensor::empty(picture.shape(), DType::f32);
  auto* to = out.mutable_data<float>();
  for (size_t i = 0; i < area; ++i) {
    const Triple made = f({from[i], from[area + i], from[2 * area + i]});
    for (size_t c = 0; c < 3; ++c) to[c * area + i] = static_cast<float>(made[c]);
  }
  return out;
}

}  // namespace

Tensor lab_from_rgb(const Tensor& rgb) { return each_pixel(rgb, "lab_from_rgb", lab_of); }
Tensor rgb_from_lab(const Tensor& lab) { return each_pixel(lab, "rgb_from_lab", rgb_of); }

}  // namespace lamina::data::image
