// Numbers as people read them.
#pragma once

#include <string>

namespace lamina::learners {

/// Four significant digits: "0.01235", "1235", "1.2e+09".
std::string short_number(double value);

}  // namespace lamina::learners
