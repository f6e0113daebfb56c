#include "lamina/recipe/resolver.h"

#include <type_traits>

namespace lamina::recipe {

namespace {

/// The printed value of one field: `{"lr": 0.1}` without the braces and the name.
template <class T>
std::string printed(T value) {
  FieldPrinter printer;
  printer.field("", value);
  return printer.json().substr(5, printer.json().size() - 6);
}

/// The place that a setting's mistakes are reported at begins with its file ("recipe.yaml:3:9"), or is an option.
bool names_place(const Error& error, const Setting& at) {
  const std::string file = at.origin.substr(0, at.origin.find(':'));
  return !file.empty() && error.where().starts_with(file) ? true : error.where().starts_with("--set ");
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

void with_place(const Setting& at, const std::function<void()>& make) {
  try {
    make();
  } catch (const Error& error) {
    if (at.origin.empty() || names_place(error, at)) throw;
    throw Error(at.origin, error.what());
  }
}

}  // namespace lamina::recipe
