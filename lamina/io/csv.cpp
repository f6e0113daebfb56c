#include "lamina/io/csv.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

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
    skip_blanks();
    const bool quoted = at_ < text_.size() && text_[at_] == '"';
    if (quoted) read_quoted(cell);
    const size_t begin = cell.size();
    bool more = false;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == separator_) {
        more = true;
        break;
      }
      if (c == '\r' && at_ < text_.size() && text_[at_] == '\n') continue;
      if (c == '\n' || c == '\r') {
        ++line_;
        break;
      }
      if (c == '\0') {
        throw Error(place(line_), "holds a zero byte: not a text file").hint("UTF-16? Save it as UTF-8 or ASCII");
      }
      cell += c;
    }
    while (cell.size() > begin && is_blank(cell.back())) cell.pop_back();
    if (separator_ != ' ' || !more) return more;
    skip_blanks();  // several spaces are one separator, and those at the end of a line are none
    if (at_ < text_.size() && text_[at_] != '\n' && text_[at_] != '\r') return true;
    while (at_ < text_.size() && text_[at_++] != '\n') {
    }
    ++line_;
    return false;
  }

  bool is_blank(char c) const { return (c == ' ' || c == '\t') && (c != separator_ || c == ' '); }
  void skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
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

/// Spaces separate where nothing else does and all words of the first line are numbers.
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
  const auto most = std::max_element(counts.begin(), counts.end());
  if (*most > 0) return kCandidates[static_cast<size_t>(most - counts.begin())];
  Record record;
  double value = 0;
  Reader words(text.substr(0, text.find('\n')), "", ' ');
  const bool numbers = words.next(record) && std::all_of(record.cells.begin(), record.cells.end(),
                                                         [&](const std::string& c) { return to_number(c, value); });
  return numbers ? ' ' : ',';
}

/// "150,4,setosa,versicolor,virginica", the first line of scikit-learn's tables: rows, features, and the names of the
/// classes that the last column numbers.
struct Counts {
  int64_t rows = 0, features = 0;
  std::vector<std::string> classes;
};

std::optional<Counts> as_counts(const std::vector<std::string>& cells) {
  Counts counts;
  const auto whole = [](const std::string& text, int64_t& value) {
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    return code == std::errc() && end == text.data() + text.size() && value > 0;
  };
  if (cells.size() < 4 || !whole(cells[0], counts.rows) || !whole(cells[1], counts.features)) return {};
  double value = 0;
  for (size_t i = 2; i < cells.size(); ++i) {
    if (cells[i].empty() || to_number(cells[i], value)) return {};
    counts.classes.push_back(cells[i]);
  }
  return counts;
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
    throw Error(name_, "has two columns \"" + std::string(name) + "\"")
        .hint("rename one of them in the file, or list the columns that are wanted");
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
  const std::vector<std::string> first = record.cells;
  const bool header =
      options.header == CsvHeader::yes || (options.header == CsvHeader::guess && looks_like_header(first));
  const std::optional<Counts> counts = options.header == CsvHeader::guess ? as_counts(first) : std::nullopt;
  bool more = (!header && !counts) || reader.next(record);
  if (counts && (!more || static_cast<int64_t>(record.cells.size()) != counts->features + 1)) {
    throw Error(name + ":1", "neither names columns nor holds numbers only: it begins with \"" + first[0] + "\"")
        .hint("say header: yes where it names columns all the same");
  }
  const size_t width = counts ? record.cells.size() : first.size();
  for (size_t i = 0; i < width; ++i) {
    table.columns_.push_back(header ? std::string(trimmed(first[i])) : "column_" + std::to_string(i + 1));
  }
  if (counts) table.class_names_ = counts->classes;
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
  if (counts && counts->rows != table.rows()) {
    throw Error(name, "its first line announces " + std::to_string(counts->rows) + " rows, there are " +
                          std::to_string(table.rows()))
        .hint("truncated?");
  }
  return table;
}

CsvTable read_csv(const std::string& path, const CsvOptions& options) {
  return parse_csv(read_maybe_gzip(path), path, options);
}

}  // namespace lamina::io
