#include "lamina/recipe/reader.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>

#include "lamina/core/error.h"

namespace lamina::recipe {

void fail(const Setting& s, std::string_view what, std::string_view expected) {
  throw Error(s.origin, std::string(what) + ": expected " + std::string(expected) + ", got " + s.describe());
}

int64_t to_int(const Setting& s, std::string_view what) {
  if (s.kind != Setting::Kind::scalar || s.quoted) fail(s, what, "a whole number");
  char* end = nullptr;
  errno = 0;
  const long long value = std::strtoll(s.text.c_str(), &end, 10);
  if (s.text.empty() || *end) {
    const double number = std::strtod(s.text.c_str(), &end);  // 1e4
    if (s.text.empty() || *end || number != std::floor(number) || std::abs(number) > 9e15)
      fail(s, what, "a whole number");
    return static_cast<int64_t>(number);
  }
  if (errno == ERANGE) fail(s, what, "a whole number of at most 63 bits");
  return value;
}

double to_number(const Setting& s, std::string_view what) {
  if (s.kind != Setting::Kind::scalar || s.quoted) fail(s, what, "a number");
  std::string text = s.text;
  if (text == ".inf" || text == "-.inf") text.erase(text.find('.'), 1);
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end || std::isnan(value)) fail(s, what, "a number");
  return value;
}

bool to_bool(const Setting& s, std::string_view what) {
  if (s.kind == Setting::Kind::scalar && !s.quoted) {
    for (const char* yes : {"true", "yes", "on"}) {
      if (s.text == yes) return true;
    }
    for (const char* no : {"false", "no", "off"}) {
      if (s.text == no) return false;
    }
  }
  fail(s, what, "true or false");
}

std::string to_text(const Setting& s, std::string_view what) {
  if (s.kind != Setting::Kind::scalar) fail(s, what, "a word");
  return s.text;
}

namespace {

template <class T, class Convert>
void read_list(const Setting& s, std::string_view name, std::vector<T>& value, Convert convert) {
  value.clear();
  if (s.kind == Setting::Kind::map) fail(s, name, "a list");
  if (s.kind != Setting::Kind::list) {
    value.push_back(convert(s, name));
    return;
  }
  for (const Setting& item : s.items) value.push_back(convert(item, name));
}

}  // namespace

OptionReader::OptionReader(const Setting& map, std::string section, std::vector<std::string> reserved)
    : map_(map), section_(std::move(section)), reserved_(std::move(reserved)) {
  if (map.kind == Setting::Kind::list) fail(map, section_, "a map of options");
}

template <class Convert>
void OptionReader::read(std::string_view name, Convert convert) {
  known_.emplace_back(name);
  const Setting* s = map_.find(name);
  if (!s) return;
  failed_ = true;
  convert(*s);
  failed_ = false;
}

void OptionReader::field(std::string_view name, int64_t& value) {
  read(name, [&](const Setting& s) { value = to_int(s, name); });
}

void OptionReader::field(std::string_view name, double& value) {
  read(name, [&](const Setting& s) { value = to_number(s, name); });
}

void OptionReader::field(std::string_view name, bool& value) {
  read(name, [&](const Setting& s) { value = to_bool(s, name); });
}

void OptionReader::field(std::string_view name, std::string& value) {
  read(name, [&](const Setting& s) { value = to_text(s, name); });
}

void OptionReader::field(std::string_view name, DType& value) {
  read(name, [&](const Setting& s) {
    try {
      value = dtype_from_name(to_text(s, name));
    } catch (const Error&) {
      fail(s, name, "one of f32, f64, bf16, i64, i32, u8, bool");
    }
  });
}

void OptionReader::field(std::string_view name, Dims& value) {
  read(name, [&](const Setting& s) {
    std::vector<int64_t> list;
    read_list(s, name, list, to_int);
    if (list.size() > Dims::kMaxRank) fail(s, name, "at most " + std::to_string(Dims::kMaxRank) + " numbers");
    value = Dims(list);
  });
}

void OptionReader::field(std::string_view name, std::vector<double>& value) {
  read(name, [&](const Setting& s) { read_list(s, name, value, to_number); });
}

void OptionReader::field(std::string_view name, std::vector<std::string>& value) {
  read(name, [&](const Setting& s) { read_list(s, name, value, to_text); });
}

void OptionReader::field(std::string_view name, StructList& list) {
  read(name, [&](const Setting& s) {
    if (s.kind != Setting::Kind::list) fail(s, name, "a list of maps");
    list.resize(s.items.size());
    for (size_t i = 0; i < s.items.size(); ++i) {
      const std::string title = std::string(name) + "." + std::to_string(i);
      if (s.items[i].kind != Setting::Kind::map) fail(s.items[i], title, "a map of options");
      OptionReader item(s.items[i], title);
      list.visit(i, item);
      item.finish();
    }
  });
}

void OptionReader::finish() const {
  const auto contains = [](const std::vector<std::string>& list, const std::string& key) {
    return std::find(list.begin(), list.end(), key) != list.end();
  };
  for (const auto& [key, value] : map_.fields) {
    if (contains(known_, key) || contains(reserved_, key)) continue;
    NameList names;
    for (const std::string& k : known_) names.add(k);
    Error error(value.origin, section_ + " has no option \"" + key + "\"");
    if (const std::string near = names.nearest(key); !near.empty()) error.hint("did you mean \"" + near + "\"?");
    throw error.detail("expected one of: " + (names.str().empty() ? "none" : names.str()));
  }
}

}  // namespace lamina::recipe
