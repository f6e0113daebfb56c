#include "lamina/recipe/resolver.h"

#include <algorithm>
#include <cctype>
#include <type_traits>

namespace lamina::recipe {

namespace {

/// The printed value of one field: `{"lr": 0.1}` without the braces and the name.
template <class T>
std::string printed(T& value) {
  FieldPrinter printer;
  printer.field("", value);
  return printer.json().substr(5, printer.json().size() - 6);
}

/// The place that a setting's mistakes are reported at begins with its file ("recipe.yaml:3:9"), or is an option.
bool names_place(const Error& error, const Setting& at) {
  const std::string file = at.origin.substr(0, at.origin.find(':'));
  return !file.empty() && error.where().starts_with(file) ? true : error.where().starts_with("--set ");
}

bool is_word_character(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// Is the text about this key: does it say "key must …", "key: …", "key needs …"?
bool is_about(std::string_view text, std::string_view key) {
  for (size_t at = text.find(key); at != std::string_view::npos; at = text.find(key, at + 1)) {
    const std::string_view rest = text.substr(at + key.size());
    if (at > 0 && is_word_character(text[at - 1])) continue;
    for (const std::string_view next : {":", " must ", " needs ", " expects ", "\""}) {
      if (rest.starts_with(next)) return true;
    }
  }
  return false;
}

/// Does the text name this very value: "got -3", "-3.000000", "\"nonsense\"", "of -3 pixels"?
bool names_value(std::string_view text, const Setting& value) {
  if (value.kind != Setting::Kind::scalar || value.text.empty()) {
    return std::any_of(value.items.begin(), value.items.end(), [&](const Setting& s) { return names_value(text, s); });
  }
  for (size_t at = text.find(value.text); at != std::string_view::npos; at = text.find(value.text, at + 1)) {
    size_t end = at + value.text.size();
    if (end < text.size() && text[end] == '.') end = std::min(text.find_first_not_of('0', end + 1), text.size());
    const bool begins = at == 0 || (!is_word_character(text[at - 1]) && text[at - 1] != '.' && text[at - 1] != '-');
    if (begins && (end == text.size() || !is_word_character(text[end]))) return true;
  }
  return false;
}

/// The first key, also of a map within, that suits.
template <class Suits>
const Setting* find_key(const Setting& map, const Suits& suits) {
  for (const auto& [key, value] : map.fields) {
    if (const Setting* inner = find_key(value, suits)) return inner;
    if (!value.origin.empty() && suits(key, value)) return &value;
  }
  return nullptr;
}

}  // namespace

template <class T>
void FieldLister::add(std::string_view name, const char* type, T& value) {
  fields_.push_back({std::string(name), type, printed(value)});
}

void FieldLister::field(std::string_view name, int64_t& value) { add(name, "whole number", value); }
void FieldLister::field(std::string_view name, double& value) { add(name, "number", value); }
void FieldLister::field(std::string_view name, bool& value) { add(name, "true or false", value); }
void FieldLister::field(std::string_view name, std::string& value) { add(name, "word", value); }
void FieldLister::field(std::string_view name, DType& value) { add(name, "dtype", value); }
void FieldLister::field(std::string_view name, Dims& value) { add(name, "whole numbers", value); }
void FieldLister::field(std::string_view name, std::vector<double>& value) { add(name, "numbers", value); }
void FieldLister::field(std::string_view name, std::vector<std::string>& value) { add(name, "words", value); }
void FieldLister::field(std::string_view name, StructList& list) { add(name, "maps", list); }

Resolver::Resolver(const Setting& map, std::string section, std::vector<std::string> reserved)
    : reader_(map, std::move(section), std::move(reserved)) {
  resolved_.kind = Setting::Kind::map;
  resolved_.origin = map.origin;
}

template <class T>
void Resolver::read(std::string_view name, T& value) {
  reader_.field(name, value);
  Setting& kept = resolved_.field(name);
  if constexpr (std::is_same_v<T, std::string>) {
    kept = Setting::scalar(value, resolved_.origin);
    kept.quoted = true;
  } else {
    kept = parse_yaml(printed(value), std::string(name));
  }
}

template void Resolver::read(std::string_view, int64_t&);
template void Resolver::read(std::string_view, double&);
template void Resolver::read(std::string_view, bool&);
template void Resolver::read(std::string_view, std::string&);
template void Resolver::read(std::string_view, DType&);
template void Resolver::read(std::string_view, Dims&);
template void Resolver::read(std::string_view, std::vector<double>&);
template void Resolver::read(std::string_view, std::vector<std::string>&);
template void Resolver::read(std::string_view, StructList&);

std::string name_of_section(const Setting& section, std::string_view what) {
  if (section.kind == Setting::Kind::scalar) return section.text;
  if (section.kind != Setting::Kind::map) fail(section, what, "a name, or a map with a \"name\"");
  const Setting* name = section.find("name");
  if (!name) throw Error(section.origin, std::string(what) + ": the \"name\" is missing");
  return to_text(*name, "name");
}

Setting options_of_section(const Setting& section) {
  if (section.kind == Setting::Kind::map) return section;
  Setting empty;
  empty.origin = section.origin;
  return empty;
}

void fail_unknown(const Setting& at, std::string_view what, std::string_view name, const NameList& names) {
  Error error(at.origin, "there is no " + std::string(what) + " \"" + std::string(name) + "\"");
  error.detail("expected one of: " + names.str());
  if (const std::string near = names.nearest(name); !near.empty()) error.hint("did you mean \"" + near + "\"?");
  throw error;
}

std::string place_of(const Setting& section, const Error& error) {
  const std::string text = error.where() + ": " + error.message();
  const auto named = [&](const std::string& key, const Setting&) { return key != "name" && is_about(text, key); };
  const auto valued = [&](const std::string&, const Setting& value) { return names_value(error.message(), value); };
  const Setting* key = find_key(section, named);
  if (!key) key = find_key(section, valued);
  return key ? key->origin : section.origin;
}

void with_place(const Setting& at, const std::function<void()>& make, const std::string& title) {
  try {
    make();
  } catch (const Error& error) {
    if (at.origin.empty() || names_place(error, at)) throw;
    throw Error(place_of(at, error) + (title.empty() ? "" : ": " + title), error.what());
  }
}

}  // namespace lamina::recipe
