// Tables whose columns have types: numbers, words, dates.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "lamina/io/csv.h"

namespace lamina::learners {

enum class ColumnType : uint8_t { numeric, categorical, date };
std::string_view name_of(ColumnType type);

struct Column {
  std::string name;
  ColumnType type = ColumnType::numeric;
  std::vector<double> numbers = {};     // of numeric; of dates: days since 1970-01-01. NaN: missing
  std::vector<int64_t> codes = {};      // of categorical: which of the words; −1: missing
  std::vector<std::string> words = {};  // sorted; numbers by size

  bool missing(int64_t row) const;
  int64_t count_missing() const;
};

struct Table {
  std::string name;
  std::vector<Column> columns;
  std::vector<std::string> places;  // of each row, for errors: "train.csv:17"
  std::vector<std::string> notes;   // what was changed while reading, in plain words

  int64_t rows() const { return static_cast<int64_t>(places.size()); }
  /// The index of a column; throws Error naming the nearest one.
  int64_t column(const std::string& name) const;
  Table take(std::span<const int64_t> rows) const;
};

/// Guesses the type of each column: numeric where all cells are numbers, date where all are like 2024-05-31 (and
/// perhaps a time), else categorical. `types` sets them instead, by name. Columns of the same name become "x", "x.2".
/// Throws Error with file, line and column where a column is of numbers but for a few cells, or a cell does not fit a
/// type that was set.
Table typed(const io::CsvTable& csv, const std::map<std::string, ColumnType>& types = {});
/// A CSV file, or a built-in table by its name.
Table read_table(const std::string& source, const std::map<std::string, ColumnType>& types = {});

}  // namespace lamina::learners
