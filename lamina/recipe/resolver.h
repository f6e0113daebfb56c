// Sections that name an entry of a table: "optimizer: adam" or "optimizer: {name: adam, lr: 0.01}".
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/core/registry.h"
#include "lamina/recipe/reader.h"

namespace lamina::recipe {

/// Lists the fields of an options struct with their values.
class FieldLister final : public FieldVisitor {
 public:
  struct Field {
    std::string name, type, value;  // "lr", "number", "0.001"
  };

  void field(std::string_view name, int64_t& value) override;
  void field(std::string_view name, double& value) override;
  void field(std::string_view name, bool& value) override;
  void field(std::string_view name, std::string& value) override;
  void field(std::string_view name, DType& value) override;
  void field(std::string_view name, Dims& value) override;
  void field(std::string_view name, std::vector<double>& value) override;
  void field(std::string_view name, std::vector<std::string>& value) override;
  void field(std::string_view name, StructList& list) override;
  const std::vector<Field>& fields() const { return fields_; }

 private:
  template <class T>
  void add(std::string_view name, const char* type, T& value);
  std::vector<Field> fields_;
};

/// Reads fields as OptionReader does and keeps them all, read or default, as a new map of settings.
class Resolver final : public FieldVisitor {
 public:
  Resolver(const Setting& map, std::string section, std::vector<std::string> reserved = {});

  void field(std::string_view name, int64_t& value) override { read(name, value); }
  void field(std::string_view name, double& value) override { read(name, value); }
  void field(std::string_view name, bool& value) override { read(name, value); }
  void field(std::string_view name, std::string& value) override { read(name, value); }
  void field(std::string_view name, DType& value) override { read(name, value); }
  void field(std::string_view name, Dims& value) override { read(name, value); }
  void field(std::string_view name, std::vector<double>& value) override { read(name, value); }
  void field(std::string_view name, std::vector<std::string>& value) override { read(name, value); }
  void field(std::string_view name, StructList& list) override { read(name, list); }

  /// Throws Error for a key that no field has read.
  void finish() const { reader_.finish(); }
  void finish_after_error() const { reader_.finish_after_error(); }
  /// All fields, in the order in which they were read.
  const Setting& resolved() const { return resolved_; }

 private:
  template <class T>
  void read(std::string_view name, T& value);
  OptionReader reader_;
  Setting resolved_;
};

/// The name that a section gives: a word, or the field "name" of a map.
std::string name_of_section(const Setting& section, std::string_view what);
/// The options of a section as a map: empty where it is a word.
Setting options_of_section(const Setting& section);

/// Throws "there is no <what> "…"" at the place of the setting, with the nearest of the names.
[[noreturn]] void fail_unknown(const Setting& at, std::string_view what, std::string_view name, const NameList& names);

/// Where an Error about a section belongs: the place of the key that its message names, else of the value that it says
/// it got, else of the section.
std::string place_of(const Setting& section, const Error& error);
/// Runs `make`; an Error of its own accord gets its place in front, and `title` behind it.
void with_place(const Setting& at, const std::function<void()>& make, const std::string& title = "");

/// Makes what the section names. `resolved`, unless null, receives name and all options.
template <class T, class... Context>
std::unique_ptr<T> make_named(std::span<const Entry<T, Context...>> table, const Setting& section,
                              std::string_view what, Setting* resolved, const Context&... context) {
  const std::string name = name_of_section(section, what);
  NameList names;
  const Entry<T, Context...>* entry = nullptr;
  for (const auto& e : table) {
    names.add(e.name);
    if (e.name == name) entry = &e;
  }
  if (!entry) {
    const Setting* named = section.find("name");
    fail_unknown(named ? *named : section, what, name, names);
  }
  const Setting options = options_of_section(section);
  Resolver resolver(options, std::string(what) + " " + name, {"name"});
  std::unique_ptr<T> made;
  with_place(section, [&] {
    try {
      made = entry->make(resolver, context...);
    } catch (const Error&) {
      resolver.finish_after_error();
      throw;
    }
    resolver.finish();
  });
  if (resolved) {
    *resolved = Setting{};
    resolved->field("name") = Setting::scalar(name, section.origin);
    for (const auto& [key, value] : resolver.resolved().fields) resolved->field(key) = value;
  }
  return made;
}

}  // namespace lamina::recipe
