#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "lamina/core/error.h"
#include "lamina/report/html_internal.h"
#include "lamina/report/report.h"

namespace lamina::report {

std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

namespace {

constexpr std::string_view kPalette = R"css(
:root { color-scheme: light dark; --ink: #1d2530; --soft: #5c6675; --paper: #f7f8fa; --card: #ffffff; --rule: #dfe3e8;
  --right: 22, 145, 91; --wrong: 224, 79, 40; --s0: #2563eb; --s1: #e0661b; --s2: #16925b; --s3: #a23bc4; --s4: #c22c46; --s5: #64748b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #98a3b3; --paper: #12161c; --card: #1a2028; --rule: #2d3641;
  --right: 60, 190, 130; --wrong: 255, 120, 80; --s0: #6ea8ff; --s1: #ff9a57; --s2: #4fcf93; --s3: #d58cf0; --s4: #ff7d92; --s5: #9aa8ba; } }
)css";

constexpr std::string_view kPage = R"css(
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 17px; margin: 0 0 12px; }
section { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 18px 20px; margin-top: 18px; overflow-x: auto; }
.headline { display: flex; flex-wrap: wrap; gap: 12px; margin-top: 18px; }
.headline div { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 12px 18px; min-width: 130px; }
.headline b { display: block; font-size: 23px; font-variant-numeric: tabular-nums; } .headline span, .soft { color: var(--soft); font-size: 13px; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr)); gap: 18px; margin-top: 18px; }
.charts section { margin: 0; } .tables { align-items: start; grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); }
svg { width: 100%; height: auto; display: block; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; margin-bottom: 6px; font-size: 13px; }
.legend i { display: inline-block; width: 18px; height: 3px; vertical-align: middle; margin-right: 6px; }
table { border-collapse: collapse; font-size: 13.5px; } th, td { padding: 4px 10px; text-align: left; border-bottom: 1px solid var(--rule); white-space: nowrap; }
th { color: var(--soft); font-weight: 600; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.facts td { white-space: normal; overflow-wrap: anywhere; vertical-align: top; } .facts td:first-child { color: var(--soft); min-width: 110px; }
.matrix td { text-align: right; border: 1px solid var(--rule); min-width: 38px; padding: 4px 8px; font-variant-numeric: tabular-nums; } .matrix .zero { color: var(--soft); opacity: 0.55; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(122px, 1fr)); gap: 12px; }
figure { margin: 0; font-size: 13px; } figure img { width: 100%; image-rendering: pixelated; border-radius: 6px; border: 1px solid var(--rule); }
figure.wide img { width: auto; max-width: 100%; image-rendering: auto; }
pre { margin: 0; padding: 12px; background: var(--paper); border: 1px solid var(--rule); border-radius: 6px; overflow-x: auto; font-size: 13px; }
)css";

constexpr std::string_view kDrawing = R"css(
svg text { fill: var(--soft); font: 12px system-ui, sans-serif; }
.grid { stroke: var(--rule); } .line { fill: none; stroke-width: 2; stroke-linejoin: round; } .faint { stroke-width: 1; opacity: 0.45; }
.node { fill: var(--card); stroke-width: 1.5; } svg .name { fill: var(--ink); font-size: 14px; }
.edge { fill: none; stroke: var(--soft); stroke-width: 1.2; } .head { fill: var(--soft); }
svg .above { fill: var(--s2); } svg .below { fill: var(--s4); }
)css";

constexpr int kColours = 6;

std::string series_style() {
  std::string css;
  for (int i = 0; i < kColours; ++i) {
    const std::string n = std::to_string(i);
    css += ".line.s" + n + ",.node.s" + n + "{stroke:var(--s" + n + ")}.dot.s" + n + "{fill:var(--s" + n +
           ")}.legend .s" + n + "{background:var(--s" + n + ")}";
  }
  return css;
}

std::string base64(std::string_view bytes) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t word = 0;
    for (size_t k = 0; k < 3; ++k) word = word << 8 | (i + k < bytes.size() ? static_cast<uint8_t>(bytes[i + k]) : 0U);
    for (size_t k = 0; k < 4; ++k) out += i + k > bytes.size() ? '=' : kAlphabet[word >> (18 - 6 * k) & 63];
  }
  return out;
}

/// "61,706", "-1.5e-3", "235k", "98.7 %".
bool is_number(const std::string& text) {
  std::string digits = text;
  std::erase(digits, ',');
  char* end = nullptr;
  std::strtod(digits.c_str(), &end);
  const std::string_view unit(end);
  return end != digits.c_str() && (unit.empty() || unit == " %" || unit == "k" || unit == "M" || unit == "G");
}

std::string table_html(const Table& t) {
  const bool headed = std::any_of(t.columns.begin(), t.columns.end(), [](const std::string& c) { return !c.empty(); });
  const auto numeric = [&](size_t column) {
    return headed && column > 0 && !t.rows.empty() && std::all_of(t.rows.begin(), t.rows.end(), [&](const auto& row) {
             return column >= row.size() || row[column].empty() || is_number(row[column]);
           });
  };
  std::string out = headed ? "<table><tr>" : "<table class=\"facts\">";
  std::vector<std::string> attribute;
  for (size_t c = 0; c < t.columns.size(); ++c) {
    attribute.emplace_back(numeric(c) ? " class=\"n\"" : "");
    if (headed) out += "<th" + attribute[c] + ">" + escaped(t.columns[c]) + "</th>";
  }
  if (headed) out += "</tr>";
  for (const auto& row : t.rows) {
    out += "<tr>";
    for (size_t c = 0; c < row.size(); ++c) {
      out += "<td" + (c < attribute.size() ? attribute[c] : "") + ">" + escaped(row[c]) + "</td>";
    }
    out += "</tr>";
  }
  return out + "</table>";
}

/// Right answers are shaded by their share of the row. Mistakes are shaded against the most frequent one: beside a full
/// diagonal they would not be seen.
std::string matrix_html(const ConfusionMatrix& m) {
  std::string out = "<p class=\"soft\">Rows: true class. Columns: predicted.</p><table class=\"matrix\"><tr><th></th>";
  for (const std::string& name : m.classes) out += "<th class=\"n\">" + escaped(name) + "</th>";
  out += "</tr>";
  double worst = 1;
  for (size_t i = 0; i < m.counts.size(); ++i) {
    for (size_t k = 0; k < m.counts[i].size(); ++k) worst = std::max(worst, i == k ? 0 : m.counts[i][k]);
  }
  for (size_t i = 0; i < m.counts.size(); ++i) {
    double total = 0;
    for (double c : m.counts[i]) total += c;
    out += "<tr><th>" + escaped(i < m.classes.size() ? m.classes[i] : std::to_string(i)) + "</th>";
    for (size_t k = 0; k < m.counts[i].size(); ++k) {
      const double count = m.counts[i][k];
      const double shade = count == 0 ? 0 : i == k ? 0.12 + 0.4 * count / total : 0.1 + 0.5 * count / worst;
      char cell[112];
      std::snprintf(cell, sizeof cell, "<td%s style=\"background:rgba(var(--%s),%.3f)\">%.0f</td>",
                    count == 0 ? " class=\"zero\"" : "", i == k ? "right" : "wrong", shade, count);
      out += cell;
    }
    out += "</tr>";
  }
  return out + "</table>";
}

std::string chart_html(const Chart& c) {
  std::string out = "<section><h2>" + escaped(c.title) + "</h2><div class=\"legend\">";
  for (size_t i = 0; i < c.series.size(); ++i) {
    out += "<span><i class=\"s" + std::to_string(i % kColours) + "\"></i>" + escaped(c.series[i].name) + "</span>";
  }
  return out + "</div>" + svg(c) + "</section>";
}

std::string pictures_html(const std::vector<Picture>& pictures) {
  std::string body = "<div class=\"pictures\">";
  for (const Picture& p : pictures) {
    body += "<figure><img alt=\"" + escaped(p.caption) + "\" src=\"data:image/png;base64," + base64(p.png) +
            "\"><figcaption>" + escaped(p.caption) + "<br><span class=\"soft\">" + escaped(p.detail) +
            "</span></figcaption></figure>";
  }
  return body + "</div>";
}

std::string figure_html(const Figure& f) {
  return "<figure class=\"wide\"><img alt=\"" + escaped(f.title) + "\" src=\"data:image/png;base64," + base64(f.png) +
         "\"><figcaption>" + escaped(f.caption) + " <span class=\"soft\">" + escaped(f.file) +
         "</span></figcaption></figure>";
}

std::string section(const std::string& title, const std::string& body) {
  return "<section><h2>" + escaped(title) + "</h2>" + body + "</section>";
}

}  // namespace

std::string svg_file(const std::string& picture) {
  constexpr std::string_view kStart = "<svg ";
  const size_t inside = picture.find('>');
  if (!picture.starts_with(kStart) || inside == std::string::npos) throw Error("svg_file", "this is no SVG picture");
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" " + picture.substr(kStart.size(), inside + 1 - kStart.size()) +
         "<style>" + std::string(kPalette) + std::string(kDrawing) + series_style() +
         "svg { background: var(--card); }</style>" + picture.substr(inside + 1) + "\n";
}

std::string html(const Report& r) {
  std::string out = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + escaped(r.title) +
                    "</title><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><style>" +
                    std::string(kPalette) + std::string(kPage) + std::string(kDrawing) + series_style() +
                    "</style></head><body><main><h1>" + escaped(r.title) + "</h1>";
  for (const std::string& note : r.notes) out += "<p class=\"soft\">" + escaped(note) + "</p>";
  out += "<div class=\"headline\">";
  for (const auto& [name, value] : r.headline)
    out += "<div><b>" + escaped(value) + "</b><span>" + escaped(name) + "</span></div>";
  out += "</div><div class=\"charts\">";
  for (const Chart& c : r.charts) out += chart_html(c);
  out += "</div>";
  for (const Figure& f : r.figures) out += section(f.title, figure_html(f));
  if (!r.pictures.empty()) out += section(r.pictures_title, pictures_html(r.pictures));
  out += "<div class=\"charts tables\">";
  if (!r.confusion.counts.empty()) out += section("Confusion matrix", matrix_html(r.confusion));
  for (const Table& t : r.tables) out += section(t.title, table_html(t));
  if (!r.environment.empty()) {
    Table environment{"Environment", {"", ""}, {}};
    for (const auto& [name, value] : r.environment) environment.rows.push_back({name, value});
    out += section(environment.title, table_html(environment));
  }
  out += "</div>";
  if (!r.recipe.empty()) out += section("Recipe", "<pre>" + escaped(r.recipe) + "</pre>");
  if (!r.command.empty()) out += section("Repeat this run", "<pre>" + escaped(r.command) + "</pre>");
  return out + "</main></body></html>\n";
}

}  // namespace lamina::report
