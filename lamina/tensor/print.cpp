// Text of tensors, in NumPy's manner: aligned columns, long tensors abbreviated.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ostream>

#include "lamina/tensor/tensor.h"

namespace lamina {

namespace {

constexpr int64_t kSummarizeFrom = 1000, kEdge = 3;

struct Printer {
  const Tensor& t;
  std::vector<double> values = t.values();
  Strides strides = contiguous_strides(t.shape());
  bool abbreviate = t.numel() > kSummarizeFrom;
  bool integral = !is_floating(t.dtype());
  int precision = 0;
  bool scientific = false;
  size_t width = 0;
  std::string text = {};

  std::string number(double v) const {
    if (t.dtype() == DType::boolean) return v != 0 ? "true" : "false";
    if (std::isnan(v)) return "nan";
    if (std::isinf(v)) return v > 0 ? "inf" : "-inf";
    char buffer[64];
    if (integral) {
      std::snprintf(buffer, sizeof buffer, "%lld", static_cast<long long>(v));
    } else if (scientific) {
      std::snprintf(buffer, sizeof buffer, "%.4e", v);
    } else {
      std::snprintf(buffer, sizeof buffer, "%.*f", precision, v);
      if (precision == 0) return std::string(buffer) + ".";
    }
    return buffer;
  }

  /// At most four decimals, as few as all values need; scientific where the range is wide.
  void choose_format() {
    double largest = 0, least = INFINITY;
    for (double v : values) {
      if (!std::isfinite(v) || v == 0) continue;
      largest = std::max(largest, std::abs(v));
      least = std::min(least, std::abs(v));
    }
    scientific = !integral && largest > 0 && (largest >= 1e8 || least < 1e-4 || largest / least > 1e5);
    const auto needs_more = [&](double v) {
      const double scale = std::pow(10.0, precision);
      return std::isfinite(v) && std::abs(std::round(v * scale) / scale - v) > 1e-7 * std::max(1.0, std::abs(v));
    };
    while (!integral && precision < 4 && std::any_of(values.begin(), values.end(), needs_more)) ++precision;
    for (double v : values) width = std::max(width, number(v).size());
  }

  void block(int axis, int64_t offset) {
    if (axis == t.rank()) {
      const std::string s = number(values[static_cast<size_t>(offset)]);
      text += std::string(width - std::min(width, s.size()), ' ') + s;
      return;
    }
    const bool last = axis == t.rank() - 1;
    const int64_t extent = t.shape()[axis];
    text += '[';
    for (int64_t i = 0; i < extent; ++i) {
      if (i > 0) text += last ? ", " : ",\n" + std::string(static_cast<size_t>(axis) + 1, ' ');
      if (abbreviate && extent > 2 * kEdge && i == kEdge) {
        text += last ? "…, " : "…,\n" + std::string(static_cast<size_t>(axis) + 1, ' ');
        i = extent - kEdge;
      }
      block(axis + 1, offset + i * strides[axis]);
    }
    text += ']';
  }
};

}  // namespace

std::string Tensor::str() const {
  if (!defined()) return "undefined tensor";
  Printer printer{*this};
  printer.choose_format();
  printer.block(0, 0);
  return printer.text + "  " + meta().str();
}

std::ostream& operator<<(std::ostream& out, const Tensor& tensor) { return out << tensor.str(); }

}  // namespace lamina
