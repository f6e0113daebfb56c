// The one exception type of the library.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace lamina {

/// What went wrong, where, what was expected and what came. `what()` is the text a user reads:
///
///     conv: weight expects 64 input channels, input has 32
///       input  [8, 32, 28, 28] f32
///       weight [128, 64, 3, 3] f32
///       in layer "backbone.layer2.0.conv1"
///       hint: look at the previous layer's .out
class Error : public std::runtime_error {
 public:
  /// `where` is an op, file, option or layer ("conv", "train.csv:17"); `message` one sentence.
  Error(std::string where, std::string message);

  /// Adds an indented line: a shape, the expected value, …
  Error& detail(std::string line);
  Error& hint(std::string text);
  /// Prepends a module name to the path of the layer that failed ("conv1" → "layer2.conv1").
  Error& in_module(std::string_view name);

  const std::string& where() const { return where_; }
  const std::string& message() const { return message_; }
  const std::string& module_path() const { return module_path_; }
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  void compose();
  std::string where_, message_, details_, hint_, module_path_, text_;
};

/// Of `candidates`, the one with the smallest edit distance to `name`; empty where none is near.
/// Used by errors that name the nearest valid word.
class NameList {
 public:
  void add(std::string_view name);
  std::string nearest(std::string_view name) const;
  /// "a, b, c".
  std::string str() const;

 private:
  std::string joined_;
};

}  // namespace lamina
