// Tables as text: comma, semicolon, tab or space separated values (RFC 4180 quoting).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lamina::io {

enum class CsvHeader : uint8_t { guess, yes, no };

struct CsvOptions {
  char separator = 0;                   // 0: guessed from the first line among , ; tab, and space between numbers
  CsvHeader header = CsvHeader::guess;  // guess: there is one where no cell of the first line is a number
};

/// Cells are kept as text and read as numbers on demand, so that errors can quote them.
class CsvTable {
 public:
  const std::string& name() const { return name_; }
  const std::vector<std::string>& columns() const { return columns_; }
  /// Where the first line is that of scikit-learn's tables ("150,4,setosa,versicolor,virginica": rows, features,
  /// names): what the numbers in the last column stand for. Else empty.
  const std::vector<std::string>& class_names() const { return class_names_; }
  int64_t rows() const { return static_cast<int64_t>(lines_.size()); }
  const std::string& cell(int64_t row, int64_t column) const;
  /// The place of a row for errors: "train.csv:17".
  std::string place(int64_t row) const;
  /// The index of a column; throws Error naming the nearest one, or where the name occurs twice.
  int64_t column(std::string_view name) const;
  /// Empty, "NA", "N/A", "NaN", "null", "None" or "?" (in any case).
  bool missing(int64_t row, int64_t column) const;
  /// The finite number in a cell; throws Error naming file, line and column otherwise.
  double number(int64_t row, int64_t column) const;
  /// Whether all cells that are not missing hold numbers.
  bool numeric(int64_t column) const;

 private:
  friend CsvTable parse_csv(std::string_view, const std::string&, const CsvOptions&);
  std::string name_;
  std::vector<std::string> columns_, cells_;  // cells row by row
  std::vector<std::string> class_names_;
  std::vector<int64_t> lines_;  // where each row begins
};

/// Throws Error with file and line for rows of another length, an open quote, or an empty table.
/// A byte-order mark, CRLF and CR line ends, blank lines, and blanks around cells are accepted.
CsvTable parse_csv(std::string_view text, const std::string& name, const CsvOptions& options = {});
/// The same from a file, gzipped or not.
CsvTable read_csv(const std::string& path, const CsvOptions& options = {});

}  // namespace lamina::io
