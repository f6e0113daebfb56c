// Patterns for dotted names.
#pragma once

#include <string_view>

namespace lamina {

/// Does the whole of `name` match? * stands for any text, ? for one character, and | separates alternatives:
/// "*.bias|*norm*".
bool matches_glob(std::string_view pattern, std::string_view name);

}  // namespace lamina
