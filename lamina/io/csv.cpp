#include "lamina/io/csv.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "lamina/core/error.h"
#include "lamina/io/files.h"

namespace lamina::io {

namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool to_number(std::string_view text, double& value) {
  text = trimmed(text);
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc() && end == text.data() + text.size() && std::isfinite(value);
}

bool is_missing(std::string_view text) {
  std::string lower(trimmed(text));
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  constexpr std::array<std::string_view, 7> kWords{"", "na", "n/a", "nan", "null", "none", "?"};
  return std::find(kWords.begin(), kWords.end(), lower) != kWords.end();
}

struct Record {
  std::vector<std::string> cells;
  int64_t line = 0;
};

/// Cuts a text into records, one call after the other.
class Reader {
 public:
  Reader(std::string_view text, std::string name, char separator)
      : text_(text), name_(std::move(name)), separator_(separator) {}

  /// False at the end. Blank lines are skipped.
  bool next(Record& record) {
    do {
      if (at_ >= text_.size()) return false;
      record.cells.clear();
      record.line = line_;
      while (read_cell(record.cells.emplace_back())) {
      }
    } while (record.cells.size() == 1 && trimmed(record.cells[0]).empty());
    return true;
  }

 private:
  /// True where another cell follows on the line.
  bool read_cell(std::string& cell) {
    if (at_ < text_.size() && text_[at_] == '"') read_quoted(cell);
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == separator_) return true;
      if (c == '\r' && at_ < text_.size() && text_[at_] == '\n') continue;
      if (c == '\n' || (c == '\r' && at_ >= text_.size())) {
        ++line_;
        return false;
      }
      if (c == '\0') throw Error(place(line_), "holds a zero byte: not a text file");
      cell += c;
    }
    return false;
  }

  void read_quoted(std::string& cell) {
    const int64_t begin = line_;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\n') ++line_;
      if (text_[at_] != '"') {
        cell += text_[at_];
      } else if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
        cell += text_[at_++];
      } else {
        ++at_;
        return;
      }
    }
    throw Error(place(begin), "a quote is opened and never closed");
  }

  std::string place(int64_t line) const { return name_ + ":" + std::to_string(line); }

  std::string_view text_;
  std::string name_;
  char separator_;
  size_t at_ = 0;
  int64_t line_ = 1;
};

char guess_separator(std::string_view text) {
  constexpr std::string_view kCandidates = ",;\t";
  std::array<int, 3> counts{};
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (c == '\n') break;
    const size_t which = kCandidates.find(c);
    if (which != std::string_view::npos) ++counts[which];
  }
  return kCandidates[static_cast<size_t>(std::max_element(counts.begin(), counts.end()) - counts.begin())];
}

bool looks_like_header(const std::vector<std::string>& cells) {
  double value = 0;
  return std::none_of(cells.begin(), cells.end(), [&](const std::string& c) { return to_number(c, value); });
}

}  // namespace

const std::string& CsvTable::cell(int64_t row, int64_t column) const {
  return cells_[static_cast<size_t>(row) * columns_.size() + static_cast<size_t>(column)];
}

std::string CsvTable::place(int64_t row) const {
  return name_ + ":" + std::to_string(lines_[static_cast<size_t>(row)]);
}

int64_t CsvTable::column(std::string_view name) const {
  const auto found = std::find(columns_.begin(), columns_.end(), name);
  if (found == columns_.end()) {
    NameList names;
    for (const std::string& c : columns_) names.add(c);
    const std::string nearest = names.nearest(name);
    throw Error(name_, "has no column \"" + std::string(name) + "\"")
        .hint((nearest.empty() ? "" : "did you mean \"" + nearest + "\"? ") + "there are: " + names.str());
  }
  if (std::find(found + 1, columns_.end(), name) != columns_.end()) {
    throw Error(name_, "has two columns \"" + std::string(name) + "\"").hint("rename one of them in the file");
  }
  return found - columns_.begin();
}

bool CsvTable::missing(int64_t row, int64_t column) const { return is_missing(cell(row, column)); }

double CsvTable::number(int64_t row, int64_t column) const {
  double value = 0;
  const std::string& text = cell(row, column);
  if (to_number(text, value)) return value;
  throw Error(place(row), "column \"" + columns_[static_cast<size_t>(column)] + "\": expected a number, got " +
                              (text.empty() ? "an empty cell" : "\"" + text + "\""));
}

bool CsvTable::numeric(int64_t column) const {
  double value = 0;
  bool any = false;
  for (int64_t r = 0; r < rows(); ++r) {
    if (missing(r, column)) continue;
    if (!to_number(cell(r, column), value)) return false;
    any = true;
  }
  return any;
}

CsvTable parse_csv(std::string_view text, const std::string& name, const CsvOptions& options) {
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
  Reader reader(text, name, options.separator ? options.separator : guess_separator(text));
  CsvTable table;
  table.name_ = name;
  Record record;
  if (!reader.next(record)) throw Error(name, "is empty, expected a table");
  const size_t width = record.cells.size();
  const bool header =
      options.header == CsvHeader::yes || (options.header == CsvHeader::guess && looks_like_header(record.cells));
  for (size_t i = 0; i < width; ++i) {
    table.columns_.push_back(header ? std::string(trimmed(record.cells[i])) : "column_" + std::to_string(i + 1));
  }
  bool more = !header || reader.next(record);
  for (; more; more = reader.next(record)) {
    if (record.cells.size() != width) {
      throw Error(name + ":" + std::to_string(record.line), "expected " + std::to_string(width) +
                                                                " cells as in the first line, got " +
                                                                std::to_string(record.cells.size()));
    }
    table.lines_.push_back(record.line);
    std::move(record.cells.begin(), record.cells.end(), std::back_inserter(table.cells_));
  }
  if (table.rows() == 0) throw Error(name, "has a header but no rows");
  return table;
}

CsvTable read_csv(const std::string& path, const CsvOptions& options) {
  return parse_csv(read_maybe_gzip(path), path, options);
}

}  // namespace lamina::io
