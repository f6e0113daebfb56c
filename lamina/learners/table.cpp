#include "lamina/learners/table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>
#include <set>
#include <unordered_map>

#include "lamina/core/error.h"
#include "lamina/data/builtin.h"

namespace lamina::learners {

namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
/// Where more than this share of the cells are numbers, the others are taken for mistakes.
constexpr double kMostlyNumbers = 0.9;

bool read_number(const std::string& cell, double& value) {
  std::string_view text = cell;
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc() && end == text.data() + text.size() && std::isfinite(value);
}

/// Days from 1970-01-01 (proleptic Gregorian), after H. Hinnant's "chrono-compatible low-level date algorithms".
int64_t days_from_civil(int64_t y, int64_t m, int64_t d) {
  y -= m <= 2;
  const int64_t era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
  const int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1, doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146097 + doe - 719468;
}

/// "2024-05-31", "2024-05-31 17:30", "2024-05-31T17:30:15".
bool read_date(const std::string& cell, double& days) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, used = 0;
  if (std::sscanf(cell.c_str(), "%4d-%2d-%2d%n", &year, &month, &day, &used) != 3 || used != 10) return false;
  if (month < 1 || month > 12 || day < 1 || day > 31) return false;
  std::string_view rest = std::string_view(cell).substr(10);
  if (!rest.empty()) {
    int more = 0;
    const int got = std::sscanf(cell.c_str() + 11, "%2d:%2d%n:%2d%n", &hour, &minute, &more, &second, &more);
    if ((rest[0] != ' ' && rest[0] != 'T') || got < 2 || static_cast<size_t>(more) != rest.size() - 1) return false;
    if (hour > 23 || minute > 59 || second > 60) return false;
  }
  days = static_cast<double>(days_from_civil(year, month, day)) + (hour * 3600 + minute * 60 + second) / 86400.0;
  return true;
}

struct Counts {
  int64_t cells = 0, numbers = 0, dates = 0, first_text = -1;
};

Counts count(const io::CsvTable& csv, int64_t column) {
  Counts c;
  double value = 0;
  for (int64_t r = 0; r < csv.rows(); ++r) {
    if (csv.missing(r, column)) continue;
    ++c.cells;
    if (read_number(csv.cell(r, column), value)) {
      ++c.numbers;
    } else if (read_date(csv.cell(r, column), value)) {
      ++c.dates;
    } else if (c.first_text < 0) {
      c.first_text = r;
    }
  }
  return c;
}

void fail_cell(const io::CsvTable& csv, int64_t row, const Column& column, int64_t index, const std::string& expected) {
  throw Error(csv.place(row),
              "column \"" + column.name + "\": expected " + expected + ", got \"" + csv.cell(row, index) + "\"")
      .hint("correct the cell, leave it empty, or --type " + column.name + "=categorical");
}

ColumnType guess(const io::CsvTable& csv, int64_t index, const Column& column) {
  const Counts c = count(csv, index);
  if (c.numbers == c.cells) return ColumnType::numeric;
  if (c.dates == c.cells) return ColumnType::date;
  if (c.cells >= 10 && static_cast<double>(c.numbers) > kMostlyNumbers * static_cast<double>(c.cells) &&
      c.first_text >= 0) {
    fail_cell(csv, c.first_text, column, index,
              "a number as in " + std::to_string(c.numbers) + " of " + std::to_string(c.cells) + " cells");
  }
  return ColumnType::categorical;
}

void fill(const io::CsvTable& csv, int64_t index, Column& column) {
  const int64_t n = csv.rows();
  if (column.type != ColumnType::categorical) {
    column.numbers.assign(static_cast<size_t>(n), kNone);
    const bool date = column.type == ColumnType::date;
    for (int64_t r = 0; r < n; ++r) {
      if (csv.missing(r, index)) continue;
      double& value = column.numbers[static_cast<size_t>(r)];
      if (!(date ? read_date(csv.cell(r, index), value) : read_number(csv.cell(r, index), value))) {
        fail_cell(csv, r, column, index, date ? "a date such as 2024-05-31" : "a number");
      }
    }
    return;
  }
  std::set<std::string> seen;
  for (int64_t r = 0; r < n; ++r) {
    if (!csv.missing(r, index)) seen.insert(csv.cell(r, index));
  }
  column.words.assign(seen.begin(), seen.end());
  double a = 0, b = 0;
  if (std::all_of(seen.begin(), seen.end(), [&](const std::string& w) { return read_number(w, a); })) {
    std::stable_sort(column.words.begin(), column.words.end(), [&](const std::string& x, const std::string& y) {
      return read_number(x, a) && read_number(y, b) && a < b;
    });
  }
  std::unordered_map<std::string, int64_t> code;
  for (size_t i = 0; i < column.words.size(); ++i) code[column.words[i]] = static_cast<int64_t>(i);
  column.codes.assign(static_cast<size_t>(n), -1);
  for (int64_t r = 0; r < n; ++r) {
    if (!csv.missing(r, index)) column.codes[static_cast<size_t>(r)] = code[csv.cell(r, index)];
  }
}

}  // namespace

std::string_view name_of(ColumnType type) {
  return type == ColumnType::numeric ? "numeric" : type == ColumnType::date ? "date" : "categorical";
}

bool Column::missing(int64_t row) const {
  const auto r = static_cast<size_t>(row);
  return type == ColumnType::categorical ? codes[r] < 0 : std::isnan(numbers[r]);
}

int64_t Column::count_missing() const {
  const auto n = static_cast<int64_t>(std::max(codes.size(), numbers.size()));
  int64_t count = 0;
  for (int64_t r = 0; r < n; ++r) count += missing(r);
  return count;
}

int64_t Table::column(const std::string& wanted) const {
  // Columns are mostly asked for in their order: the search goes on from the last one found, which keeps tables of
  // 100,000 columns from taking minutes.
  static thread_local size_t last = 0;
  for (size_t tried = 0, i = last; tried < columns.size(); ++tried, ++i) {
    if (i >= columns.size()) i = 0;
    if (columns[i].name == wanted) return static_cast<int64_t>(last = i);
  }
  NameList names;
  for (size_t i = 0; i < std::min<size_t>(columns.size(), 50); ++i) names.add(columns[i].name);
  const std::string near = names.nearest(wanted);
  throw Error(name, "has no column \"" + wanted + "\"")
      .hint((near.empty() ? "" : "did you mean \"" + near + "\"? ") + "there are: " + names.str() +
            (columns.size() > 50 ? ", …" : ""));
}

Table Table::take(std::span<const int64_t> rows) const {
  Table part{name, {}, {}, notes};
  for (const Column& c : columns) {
    Column& out = part.columns.emplace_back(Column{c.name, c.type, {}, {}, c.words});
    for (const int64_t r : rows) {
      if (c.type == ColumnType::categorical) {
        out.codes.push_back(c.codes[static_cast<size_t>(r)]);
      } else {
        out.numbers.push_back(c.numbers[static_cast<size_t>(r)]);
      }
    }
  }
  for (const int64_t r : rows) part.places.push_back(places[static_cast<size_t>(r)]);
  return part;
}

Table typed(const io::CsvTable& csv, const std::map<std::string, ColumnType>& types) {
  Table table;
  table.name = csv.name();
  std::map<std::string, int> seen;
  for (int64_t i = 0; i < static_cast<int64_t>(csv.columns().size()); ++i) {
    Column column{csv.columns()[static_cast<size_t>(i)]};
    if (column.name.empty()) column.name = "column_" + std::to_string(i + 1);
    if (const int times = ++seen[column.name]; times > 1) {
      const std::string renamed = column.name + "." + std::to_string(times);
      table.notes.push_back("the name \"" + column.name + "\" comes again: column " + std::to_string(i + 1) +
                            " is called \"" + renamed + "\"");
      column.name = renamed;
    }
    const auto set = types.find(column.name);
    column.type = set == types.end() ? guess(csv, i, column) : set->second;
    fill(csv, i, column);
    table.columns.push_back(std::move(column));
  }
  for (const auto& [name, type] : types) table.column(name);
  for (int64_t r = 0; r < csv.rows(); ++r) table.places.push_back(csv.place(r));
  return table;
}

Table read_table(const std::string& source, const std::map<std::string, ColumnType>& types) {
  const std::vector<std::string> names = data::builtin_names();
  if (std::find(names.begin(), names.end(), source) != names.end() && !std::filesystem::exists(source)) {
    return typed(data::builtin_table(source), types);
  }
  if (!std::filesystem::exists(source)) {
    std::string list;
    for (const std::string& n : names) list += (list.empty() ? "" : ", ") + n;
    throw Error(source, "there is no such file").hint("a CSV file, or a built-in table: " + list);
  }
  return typed(io::read_csv(source), types);
}

}  // namespace lamina::learners
