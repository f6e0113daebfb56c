// Which layer is running: for the texts of errors and reports.
#pragma once

#include <string>
#include <string_view>

namespace lamina {

/// Dotted path of the innermost module whose forward is running on this thread; empty outside.
const std::string& current_module_path();

/// Appends a name to the path while it lives.
class ModulePathScope {
 public:
  explicit ModulePathScope(std::string_view name);
  ~ModulePathScope();
  ModulePathScope(const ModulePathScope&) = delete;

 private:
  size_t previous_length_;
};

}  // namespace lamina
