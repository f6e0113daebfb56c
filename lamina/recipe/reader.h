// Fills option structs from settings, and reports mistakes with their place.
#pragma once

#include <string>
#include <vector>

#include "lamina/core/fields.h"
#include "lamina/recipe/setting.h"

namespace lamina::recipe {

/// Reads the fields of an options struct from a map:
///
///     OptionReader reader(setting, "optimizer");
///     AdamOptions options;
///     options.visit(reader);
///     reader.finish();
///
/// Fields that the map lacks keep their defaults. Errors name file, line, what was expected and what
/// came. A single number stands for a list of one.
class OptionReader final : public FieldVisitor {
 public:
  /// `reserved`: keys that someone else reads ("name").
  OptionReader(const Setting& map, std::string section, std::vector<std::string> reserved = {});

  void field(std::string_view name, int64_t& value) override;
  void field(std::string_view name, double& value) override;
  void field(std::string_view name, bool& value) override;
  void field(std::string_view name, std::string& value) override;
  void field(std::string_view name, DType& value) override;
  void field(std::string_view name, Dims& value) override;
  void field(std::string_view name, std::vector<double>& value) override;
  void field(std::string_view name, std::vector<std::string>& value) override;
  void field(std::string_view name, StructList& list) override;

  /// Throws Error, with the nearest valid name, for a key that no field has read.
  void finish() const;
  /// The same after an error of whoever made something of the fields: a misspelt key explains more than the value that
  /// is missing. Nothing where not all fields were read.
  void finish_after_error() const {
    if (!known_.empty() && !failed_) finish();
  }

 private:
  /// Calls `convert` with the setting of that name, if there is one.
  template <class Convert>
  void read(std::string_view name, Convert convert);
  const Setting& map_;
  std::string section_;
  std::vector<std::string> known_, reserved_;
  bool failed_ = false;  // in the middle of the fields
};

// Single values, with the same errors. `what` names the key.
int64_t to_int(const Setting& s, std::string_view what);
double to_number(const Setting& s, std::string_view what);
bool to_bool(const Setting& s, std::string_view what);
std::string to_text(const Setting& s, std::string_view what);

/// Throws "expected …, got …" at the place of the setting.
[[noreturn]] void fail(const Setting& s, std::string_view what, std::string_view expected);

}  // namespace lamina::recipe
