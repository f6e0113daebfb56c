// Line charts as SVG. Colours come from the page's style sheet (classes s0, s1, …), so that one
// picture serves light and dark.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "lamina/report/html_internal.h"
#include "lamina/report/report.h"

namespace lamina::report {

std::string number(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", v);
  return text;
}

namespace {

constexpr double kWidth = 460, kHeight = 270, kLeft = 52, kRight = 14, kTop = 12, kBottom = 40;

struct Range {
  double low = INFINITY, high = -INFINITY;
  void include(double v) {
    if (!std::isfinite(v)) return;
    low = std::min(low, v);
    high = std::max(high, v);
  }
  void widen_if_flat() {
    if (!(low <= high)) *this = {0, 1};
    if (low == high) {
      const double margin = low == 0 ? 1 : std::abs(low) * 0.1;
      low -= margin;
      high += margin;
    }
  }
};

/// Round steps of 1, 2 or 5 times a power of ten.
std::vector<double> ticks(const Range& r, int wanted) {
  const double raw = (r.high - r.low) / wanted, power = std::pow(10, std::floor(std::log10(raw)));
  double step = power;
  for (double factor : {1.0, 2.0, 5.0, 10.0}) {
    step = factor * power;
    if (step >= raw) break;
  }
  std::vector<double> result;
  for (double t = std::ceil(r.low / step) * step; t <= r.high + step * 1e-6; t += step) {
    result.push_back(std::abs(t) < step * 1e-6 ? 0 : t);
  }
  return result;
}

/// Places of 1, 2 and 5 times powers of ten on a logarithmic axis, fewer where many powers are shown.
std::vector<double> log_ticks(const Range& r) {
  const bool narrow = r.high - r.low < 3;
  std::vector<double> result;
  for (double power = std::floor(r.low); power <= r.high; power += 1) {
    for (double factor : {1.0, 2.0, 5.0}) {
      const double t = power + std::log10(factor);
      if (t >= r.low - 1e-9 && t <= r.high + 1e-9 && (narrow || factor == 1)) result.push_back(t);
    }
  }
  return result.size() >= 2 ? result : ticks(r, 5);
}

class Canvas {
 public:
  explicit Canvas(const Chart& chart) : chart_(chart) {
    for (const Series& s : chart.series) {
      std::vector<double> heights;
      for (size_t i = 0; i < std::min(s.x.size(), s.y.size()); ++i) {
        if (!usable(s.y[i])) continue;
        x_.include(s.x[i]);
        heights.push_back(scaled(s.y[i]));
      }
      include_heights(heights, s.faint);
    }
    x_.widen_if_flat();
    y_.widen_if_flat();
  }

  std::string draw() {
    out_ = "<svg viewBox=\"0 0 " + number(kWidth) + " " + number(kHeight) + "\" role=\"img\" aria-label=\"" +
           escaped(chart_.title) + "\">";
    axes();
    for (size_t i = 0; i < chart_.series.size(); ++i) line(chart_.series[i], i);
    return out_ + "</svg>";
  }

 private:
  bool usable(double y) const { return std::isfinite(y) && (!chart_.log_y || y > 0); }
  double scaled(double y) const { return chart_.log_y ? std::log10(y) : y; }

  /// The outer hundredths of what is only background (the first steps of a run) do not flatten the rest.
  void include_heights(std::vector<double>& heights, bool faint) {
    if (heights.empty()) return;
    std::sort(heights.begin(), heights.end());
    const size_t cut = faint ? heights.size() / 50 : 0;
    y_.include(heights[cut]);
    y_.include(heights[heights.size() - 1 - cut]);
  }

  double px(double x) const { return kLeft + (x - x_.low) / (x_.high - x_.low) * (kWidth - kLeft - kRight); }
  double py(double y) const {
    const double height = (std::clamp(y, y_.low, y_.high) - y_.low) / (y_.high - y_.low);
    return kHeight - kBottom - height * (kHeight - kTop - kBottom);
  }

  void text(double x, double y, const char* anchor, const std::string& content) {
    out_ += "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" + anchor + "\">" + escaped(content) +
            "</text>";
  }

  void axes() {
    for (double t : chart_.log_y ? log_ticks(y_) : ticks(y_, 5)) {
      out_ += "<line class=\"grid\" x1=\"" + number(kLeft) + "\" x2=\"" + number(kWidth - kRight) + "\" y1=\"" +
              number(py(t)) + "\" y2=\"" + number(py(t)) + "\"/>";
      text(kLeft - 6, py(t) + 4, "end", number(chart_.log_y ? std::pow(10, t) : t));
    }
    for (double t : ticks(x_, 7)) text(px(t), kHeight - kBottom + 18, "middle", number(t));
    text((kLeft + kWidth - kRight) / 2, kHeight - 4, "middle", chart_.x_label);
  }

  void line(const Series& s, size_t index) {
    constexpr size_t kFewPoints = 40;
    std::string points, dots;
    size_t count = 0;
    const std::string style = "s" + std::to_string(index % 6) + (s.faint ? " faint" : "");
    for (size_t i = 0; i < std::min(s.x.size(), s.y.size()); ++i) {
      if (!usable(s.y[i])) continue;
      const std::string x = number(px(s.x[i])), y = number(py(scaled(s.y[i])));
      points += x + "," + y + " ";
      dots += "<circle class=\"dot " + style + "\" r=\"2.5\" cx=\"" + x + "\" cy=\"" + y + "\"><title>" +
              escaped(s.name + " " + number(s.y[i]) + " at " + number(s.x[i])) + "</title></circle>";
      ++count;
    }
    if (count > 1 && !chart_.scatter) out_ += "<polyline class=\"line " + style + "\" points=\"" + points + "\"/>";
    if (chart_.scatter || count <= kFewPoints) out_ += dots;
  }

  const Chart& chart_;
  Range x_, y_;
  std::string out_;
};

}  // namespace

std::string svg(const Chart& chart) { return Canvas(chart).draw(); }

}  // namespace lamina::report
