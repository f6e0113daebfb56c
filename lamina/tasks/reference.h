// The reference of recipes, made from the tables that recipes are read with.
#pragma once

#include <string>

namespace lamina::tasks {

/// Markdown: every section, name, option, type and default. docs/recipes.md is this text.
std::string recipe_reference();

}  // namespace lamina::tasks
