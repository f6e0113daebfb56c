#include "lamina/report/diagram.h"

#include <algorithm>

#include "lamina/report/html_internal.h"
#include "lamina/report/layered_internal.h"

namespace lamina::report {

namespace {

constexpr double kNameWidth = 8, kTextWidth = 6.6;                     // of a letter, pixels
constexpr double kLine = 16, kHead = 7, kGap = 26, kLabelledGap = 54;  // the latter: room for two lines of text

/// Letters, not bytes, of UTF-8 text.
double letters(const std::string& text) {
  return static_cast<double>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

class Drawing {
 public:
  explicit Drawing(const Diagram& d) : diagram_(d) {
    std::vector<Place> sizes;
    for (const DiagramNode& n : d.nodes) {
      width_.push_back(std::max({34.0, kNameWidth * letters(n.label) + 20, kTextWidth * letters(n.detail) + 20}));
      height_.push_back(n.detail.empty() ? 32 : 32 + kLine);
      sizes.push_back(d.downwards ? Place{height_.back(), width_.back()} : Place{width_.back(), height_.back()});
    }
    std::vector<LayeredEdge> edges;
    double beside = 0;
    for (const DiagramEdge& e : d.edges) {
      const double text = kTextWidth * std::max(letters(e.above), letters(e.below));
      edges.push_back({e.from, e.to, d.downwards ? 0 : text});
      beside = std::max(beside, text);
    }
    layout_ = layered_layout(sizes, edges, d.downwards || beside == 0 ? kGap : kLabelledGap);
    if (d.downwards) layout_.size.across += beside;
  }

  std::string draw() {
    const Place size = layout_.size;
    const double width = diagram_.downwards ? size.across : size.along;
    const double height = diagram_.downwards ? size.along : size.across;
    out_ = "<svg viewBox=\"0 0 " + number(width) + " " + number(height) + "\" width=\"" + number(width) +
           "\" height=\"" + number(height) + "\" style=\"max-width:" + number(width) +
           "px\" role=\"img\" aria-label=\"" + escaped(diagram_.title) + "\">";
    for (size_t e = 0; e < diagram_.edges.size(); ++e) edge(diagram_.edges[e], layout_.routes[e]);
    for (size_t n = 0; n < diagram_.nodes.size(); ++n) node(n);
    return out_ + "</svg>";
  }

 private:
  struct Pixel {
    double x, y;
    std::string str() const { return number(x) + "," + number(y); }
  };
  Pixel pixel(Place p) const { return diagram_.downwards ? Pixel{p.across, p.along} : Pixel{p.along, p.across}; }

  void text(Pixel at, const char* anchor, const char* style, const std::string& content) {
    if (content.empty()) return;
    out_ += "<text class=\"" + std::string(style) + "\" x=\"" + number(at.x) + "\" y=\"" + number(at.y) +
            "\" text-anchor=\"" + anchor + "\">" + escaped(content) + "</text>";
  }

  void node(size_t index) {
    const DiagramNode& n = diagram_.nodes[index];
    const Pixel c = pixel(layout_.centres[index]);
    const double w = width_[index], h = height_[index];
    const std::string style = "class=\"node s" + std::to_string(n.colour % 6) + "\"";
    out_ += "<g>";
    if (!n.tooltip.empty()) out_ += "<title>" + escaped(n.tooltip) + "</title>";
    if (n.round) {
      out_ += "<ellipse " + style + " cx=\"" + number(c.x) + "\" cy=\"" + number(c.y) + "\" rx=\"" + number(w / 2) +
              "\" ry=\"" + number(h / 2) + "\"/>";
    } else {
      out_ += "<rect " + style + " x=\"" + number(c.x - w / 2) + "\" y=\"" + number(c.y - h / 2) + "\" width=\"" +
              number(w) + "\" height=\"" + number(h) + "\" rx=\"6\"/>";
    }
    const double up = n.detail.empty() ? 0 : kLine / 2;
    text({c.x, c.y + 5 - up}, "middle", "name", n.label);
    text({c.x, c.y + 4 + up}, "middle", "detail", n.detail);
    out_ += "</g>";
  }

  /// A smooth line, which leaves and enters each layer straight.
  void edge(const DiagramEdge& e, const std::vector<Place>& route) {
    std::string path = "M" + pixel(route[0]).str();
    Place end = route.back();
    end.along -= kHead;
    for (size_t i = 1; i < route.size(); ++i) {
      const Place a = route[i - 1], b = i + 1 == route.size() ? end : route[i];
      const double middle = (a.along + b.along) / 2;
      path += " C" + pixel({middle, a.across}).str() + " " + pixel({middle, b.across}).str() + " " + pixel(b).str();
    }
    out_ += "<path class=\"edge\" d=\"" + path + "\"/><path class=\"head\" d=\"M" + pixel(route.back()).str() + " L" +
            pixel({end.along, end.across - 4}).str() + " L" + pixel({end.along, end.across + 4}).str() + " Z\"/>";
    const Pixel middle = pixel({(route[0].along + route[1].along) / 2, (route[0].across + route[1].across) / 2});
    if (diagram_.downwards) {
      text({middle.x + 8, middle.y}, "start", "above", e.above);
      text({middle.x + 8, middle.y + kLine}, "start", "below", e.below);
    } else {
      text({middle.x, middle.y - 5}, "middle", "above", e.above);
      text({middle.x, middle.y + 13}, "middle", "below", e.below);
    }
  }

  const Diagram& diagram_;
  std::vector<double> width_, height_;
  LayeredLayout layout_;
  std::string out_;
};

}  // namespace

std::string svg(const Diagram& diagram) { return Drawing(diagram).draw(); }

}  // namespace lamina::report
