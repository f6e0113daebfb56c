// Turning, shearing and bending pictures.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "lamina/data/image_internal.h"

namespace lamina::data::image {

namespace {

/// std::floor is a call into libm without SSE4.1.
int64_t floor_of(double x) {
  const auto truncated = static_cast<int64_t>(x);
  return truncated - (static_cast<double>(truncated) > x);
}

/// Where one row of the target comes from: the pixel up and left of each source, and how far the source is from it.
struct Sources {
  explicit Sources(int64_t width) : x(static_cast<size_t>(width)), y(x.size()), right(x.size()), below(x.size()) {}
  std::vector<int64_t> x, y;
  std::vector<float> right, below;
};

void find_sources(const Mapping& m, int64_t row, int64_t height, int64_t width, bool nearest, Sources& s) {
  const auto y = static_cast<double>(row);
  for (size_t i = 0; i < s.x.size(); ++i) {
    const auto x = static_cast<double>(i);
    const double w = m[6] * x + m[7] * y + 1;
    // Far outside is as good as any place outside, and keeps the conversion defined.
    const auto near = [](double v, int64_t size) { return v > -2 && v < static_cast<double>(size) + 1 ? v : -2.0; };
    double sx = near((m[0] * x + m[1] * y + m[2]) / w, width), sy = near((m[3] * x + m[4] * y + m[5]) / w, height);
    if (nearest) {
      sx = static_cast<double>(floor_of(sx + 0.5));
      sy = static_cast<double>(floor_of(sy + 0.5));
    }
    s.x[i] = floor_of(sx);
    s.y[i] = floor_of(sy);
    s.right[i] = static_cast<float>(sx - static_cast<double>(s.x[i]));
    s.below[i] = static_cast<float>(sy - static_cast<double>(s.y[i]));
  }
}

template <class T>
void sample_row(const T* from, T* to, const Planes& p, const Sources& s, float value) {
  const int64_t height = p.height, width = p.width;
  const auto at = [=](int64_t y, int64_t x) {
    const bool inside = y >= 0 && y < height && x >= 0 && x < width;
    return inside ? static_cast<float>(from[y * width + x]) : value;
  };
  for (size_t i = 0; i < s.x.size(); ++i) {
    const int64_t x = s.x[i], y = s.y[i];
    const float r = s.right[i], b = s.below[i];
    float a00, a01, a10, a11;
    if (x >= 0 && y >= 0 && x < width - 1 && y < height - 1) {
      const T* corner = from + y * width + x;
      a00 = static_cast<float>(corner[0]);
      a01 = static_cast<float>(corner[1]);
      a10 = static_cast<float>(corner[width]);
      a11 = static_cast<float>(corner[width + 1]);
    } else {
      a00 = at(y, x);
      a01 = at(y, x + 1);
      a10 = at(y + 1, x);
      a11 = at(y + 1, x + 1);
    }
    const float above = a00 * (1 - r) + a01 * r, below = a10 * (1 - r) + a11 * r;
    put_pixel(above * (1 - b) + below * b, to[i]);
  }
}

}  // namespace

Mapping mapping_of(const Affine& a, int64_t height, int64_t width) {
  const double degree = std::numbers::pi / 180, turn = a.degrees * degree, sx = a.shear_x * degree,
               sy = a.shear_y * degree;
  // The linear part: turn · shear along y · shear along x · scale, written out.
  const double p = a.scale * std::cos(turn - sy) / std::cos(sy), r = a.scale * std::sin(turn - sy) / std::cos(sy);
  const double q = -p * std::tan(sx) - a.scale * std::sin(turn), s = -r * std::tan(sx) + a.scale * std::cos(turn);
  const double det = p * s - q * r;
  const double cx = static_cast<double>(width - 1) / 2, cy = static_cast<double>(height - 1) / 2;
  const double m0 = s / det, m1 = -q / det, m3 = -r / det, m4 = p / det;
  const double x = cx + a.shift_x, y = cy + a.shift_y;
  return {m0, m1, cx - m0 * x - m1 * y, m3, m4, cy - m3 * x - m4 * y, 0, 0};
}

Mapping mapping_of(const Corners& from, const Corners& to) {
  // Eight linear equations for the eight numbers, by elimination with pivots.
  std::array<std::array<double, 9>, 8> rows{};
  for (size_t i = 0; i < 4; ++i) {
    const double x = to[i][0], y = to[i][1], u = from[i][0], v = from[i][1];
    rows[2 * i] = {x, y, 1, 0, 0, 0, -u * x, -u * y, u};
    rows[2 * i + 1] = {0, 0, 0, x, y, 1, -v * x, -v * y, v};
  }
  for (size_t k = 0; k < 8; ++k) {
    size_t best = k;
    for (size_t i = k + 1; i < 8; ++i) {
      if (std::abs(rows[i][k]) > std::abs(rows[best][k])) best = i;
    }
    std::swap(rows[k], rows[best]);
    if (rows[k][k] == 0) throw Error("perspective", "the corners do not form a quadrilateral");
    for (size_t i = 0; i < 8; ++i) {
      const double factor = i == k ? 0 : rows[i][k] / rows[k][k];
      for (size_t j = k; j < 9 && factor != 0; ++j) rows[i][j] -= factor * rows[k][j];
    }
  }
  Mapping m{};
  for (size_t k = 0; k < 8; ++k) m[k] = rows[k][8] / rows[k][k];
  return m;
}

Tensor warp(const Tensor& x, const Mapping& mapping, Sampling sampling, double value) {
  const Planes p = planes_of(x, "warp");
  Tensor out = like(x, p.height, p.width, nullptr);
  Sources sources(p.width);
  for (int64_t y = 0; y < p.height; ++y) {
    find_sources(mapping, y, p.height, p.width, sampling == Sampling::nearest, sources);
    for_pixel_type(x, [&]<class T>(T*) {
      for (int64_t i = 0; i < p.count; ++i) {
        sample_row(x.data<T>() + i * p.pixels(), out.mutable_data<T>() + i * p.pixels() + y * p.width, p, sources,
                   static_cast<float>(value));
      }
    });
  }
  return out;
}

}  // namespace lamina::data::image
