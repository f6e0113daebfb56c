#pragma once

#include <string>
#include <string_view>

namespace lamina::report {

/// Text made safe inside HTML elements and attributes.
std::string escaped(std::string_view text);

}  // namespace lamina::report
