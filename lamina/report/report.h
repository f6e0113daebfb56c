// The report of a run: one HTML file without external references.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace lamina::report {

/// A line in a chart: y over x.
struct Series {
  std::string name;
  std::vector<double> x, y;
  bool faint = false;  // raw values behind others
};

/// Several lines over the same axis.
struct Chart {
  std::string title, x_label;
  std::vector<Series> series;
  bool log_y = false;
  bool scatter = false;  // points instead of lines
};

/// Rows and columns of text; numbers are set flush right, except in the first column. Without titles of columns: facts,
/// a name and a text that may be long.
struct Table {
  std::string title;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
};

/// Counts [true class][predicted class].
struct ConfusionMatrix {
  std::vector<std::string> classes;
  std::vector<std::vector<double>> counts;
};

/// A picture with what was said of it.
struct Picture {
  std::string png;  // encoded bytes
  std::string caption, detail;
};

/// A wide picture, for itself, that is also kept as a file beside the page.
struct Figure {
  std::string file;  // "pictures.png"
  std::string png;   // encoded bytes
  std::string title, caption;
};

struct Report {
  std::string title;
  std::vector<std::pair<std::string, std::string>> headline;     // "accuracy" → "98.9 %"
  std::vector<std::pair<std::string, std::string>> environment;  // "cpu" → …
  std::string command;                                           // repeats the run
  std::string recipe;                                            // resolved, YAML
  std::vector<Chart> charts;
  ConfusionMatrix confusion;
  std::vector<Figure> figures;
  std::string pictures_title;
  std::vector<Picture> pictures;
  std::vector<Table> tables;
  std::vector<std::string> notes;  // in plain words
};

/// The whole page; readable in light and dark.
std::string html(const Report& report);

/// An SVG picture of one chart, sized by its container.
std::string svg(const Chart& chart);

/// A picture of svg() as a file of its own, with the colours of the page. Throws Error for other text.
std::string svg_file(const std::string& picture);

}  // namespace lamina::report
