#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "cli/cli.h"
#include "lamina/core/error.h"
#include "lamina/core/parallel.h"

namespace lamina::cli {

namespace {

/// Characters on the screen: UTF-8 continuation bytes take no place.
size_t width_of(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

bool is_number(const std::string& text) {
  return text.empty() || text.find_first_not_of("0123456789.,-+e% kMGTi B") == std::string::npos;
}

std::string scaled(double value, double step, const char* const* units, const char* format) {
  int unit = 0;
  while (std::abs(value) >= step && unit < 4) {
    value /= step;
    ++unit;
  }
  char text[48];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f%s" : format, value, units[unit]);
  return text;
}

}  // namespace

std::string TextTable::str() const {
  const size_t columns = rows_.front().size();
  std::string out;
  std::vector<size_t> widths(columns, 0);
  std::vector<bool> numbers(columns, true);
  for (size_t r = 0; r < rows_.size(); ++r) {
    for (size_t c = 0; c < columns; ++c) {
      widths[c] = std::max(widths[c], width_of(rows_[r][c]));
      if (r > 0 && !is_number(rows_[r][c])) numbers[c] = false;
    }
  }
  for (const auto& row : rows_) {
    std::string line;
    for (size_t c = 0; c < columns; ++c) {
      const std::string space(widths[c] - width_of(row[c]), ' ');
      line += (c ? "  " : "") + (numbers[c] ? space + row[c] : row[c] + space);
    }
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

std::string with_commas(int64_t n) {
  std::string text = std::to_string(n);
  const size_t first = n < 0 ? 1 : 0;
  for (size_t i = text.size(); i > first + 3;) text.insert(i -= 3, ",");
  return text;
}

std::string bytes_text(double bytes) {
  static const char* const kUnits[] = {" B", " KiB", " MiB", " GiB", " TiB"};
  return scaled(bytes, 1024, kUnits, "%.1f%s");
}

std::string amount_text(double n) {
  static const char* const kUnits[] = {"", " k", " M", " G", " T"};
  return scaled(n, 1000, kUnits, "%.1f%s");
}

void add_threads(CLI::App& verb) {
  verb.add_option_function<std::string>(
          "--threads",
          [](const std::string& text) {
            char* end = nullptr;
            const long threads = std::strtol(text.c_str(), &end, 10);
            if (text.empty() || *end || threads < 1 || threads > 4096) {
              throw Error("--threads", "expected a whole number of at least 1, got \"" + text + "\"");
            }
            set_num_threads(static_cast<int>(threads));
          },
          "Threads to compute with (default: one per core)")
      ->type_name("N");
}

}  // namespace lamina::cli
