#include "lamina/core/fields.h"

#include <charconv>
#include <cmath>

namespace lamina {

namespace {

std::string quoted(std::string_view text) {
  std::string s = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') s += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      constexpr char kHex[] = "0123456789abcdef";
      s += std::string("\\u00") + kHex[(c >> 4) & 15] + kHex[c & 15];
    } else {
      s += c;
    }
  }
  return s + "\"";
}

std::string number(double value) {
  if (!std::isfinite(value)) return std::isnan(value) ? "\"nan\"" : value > 0 ? "\"inf\"" : "\"-inf\"";
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return std::string(buffer, end);
}

}  // namespace

void FieldPrinter::add(std::string_view name, std::string_view value) {
  if (!text_.empty()) text_ += ", ";
  text_ += quoted(name);
  text_ += ": ";
  text_ += value;
}

void FieldPrinter::field(std::string_view name, int64_t& value) { add(name, std::to_string(value)); }
void FieldPrinter::field(std::string_view name, double& value) { add(name, number(value)); }
void FieldPrinter::field(std::string_view name, bool& value) { add(name, value ? "true" : "false"); }
void FieldPrinter::field(std::string_view name, std::string& value) { add(name, quoted(value)); }
void FieldPrinter::field(std::string_view name, DType& value) { add(name, quoted(name_of(value))); }
void FieldPrinter::field(std::string_view name, Dims& value) { add(name, value.str()); }

void FieldPrinter::field(std::string_view name, std::vector<double>& value) {
  std::string list;
  for (double v : value) list += (list.empty() ? "" : ", ") + number(v);
  add(name, "[" + list + "]");
}

void FieldPrinter::field(std::string_view name, std::vector<std::string>& value) {
  std::string list;
  for (const std::string& v : value) list += (list.empty() ? "" : ", ") + quoted(v);
  add(name, "[" + list + "]");
}

void FieldPrinter::field(std::string_view name, StructList& list) {
  std::string text;
  for (size_t i = 0; i < list.size(); ++i) {
    FieldPrinter item;
    list.visit(i, item);
    text += (text.empty() ? "" : ", ") + item.json();
  }
  add(name, "[" + text + "]");
}

std::string_view detail::next_field_name(std::string_view& names) {
  const size_t comma = names.find(',');
  std::string_view name = names.substr(0, comma);
  names = comma == std::string_view::npos ? std::string_view() : names.substr(comma + 1);
  while (!name.empty() && name.front() == ' ') name.remove_prefix(1);
  while (!name.empty() && (name.back() == '_' || name.back() == ' ')) name.remove_suffix(1);
  return name;
}

}  // namespace lamina
