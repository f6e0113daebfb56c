// The built-in tables as they are, before anything is made of them.
#pragma once

#include <string>
#include <vector>

#include "lamina/io/csv.h"

namespace lamina::data {

/// Throws Error with the nearest name.
io::CsvTable builtin_table(const std::string& name);
std::vector<std::string> builtin_names();

}  // namespace lamina::data
