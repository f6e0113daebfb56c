#pragma once

#include <string>
#include <string_view>

namespace lamina::report {

/// Text made safe inside HTML elements and attributes.
std::string escaped(std::string_view text);

/// Four significant digits: of a coordinate, or a value beside an axis.
std::string number(double v);

}  // namespace lamina::report
