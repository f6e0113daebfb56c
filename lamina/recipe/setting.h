// A tree of settings, as read from a YAML file, each knowing where it was written.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lamina::recipe {

struct Setting {
  enum class Kind { null, scalar, list, map };

  Kind kind = Kind::null;
  std::string text;                                     // of a scalar
  std::vector<Setting> items;                           // of a list
  std::vector<std::pair<std::string, Setting>> fields;  // of a map, in order
  std::string origin;                                   // "recipe.yaml:12:9", "--set optimizer.lr"
  bool quoted = false;                                  // a scalar in quotes: text even where it looks like a number

  static Setting scalar(std::string text, std::string origin);

  bool defined() const { return kind != Kind::null; }
  /// The field of a map, or null.
  const Setting* find(std::string_view name) const;
  Setting* find(std::string_view name);
  /// The field, made where it is missing.
  Setting& field(std::string_view name);
  /// "a map", "a list", "\"text\"": for errors.
  std::string describe() const;
  /// YAML text that reads back equal.
  std::string yaml() const;
  /// The same as JSON (numbers, true and false where an unquoted scalar is one).
  std::string json() const;
};

/// Reads a YAML file; throws Error with file, line and column where it is not one, or names a key twice.
Setting load_yaml(const std::string& path);
/// The same from text; `name` stands for the file in origins.
Setting parse_yaml(const std::string& text, const std::string& name);

/// Applies "path.to.key=value": the value is YAML ("0.1", "[1, 2]", "{name: sgd}"), list items by number.
void apply_override(Setting& root, const std::string& assignment);

}  // namespace lamina::recipe
