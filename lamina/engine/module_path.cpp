#include "lamina/engine/module_path.h"

namespace lamina {

namespace {
thread_local std::string path;
}

const std::string& current_module_path() { return path; }

ModulePathScope::ModulePathScope(std::string_view name) : previous_length_(path.size()) {
  if (!path.empty() && !name.empty()) path += '.';
  path += name;
}

ModulePathScope::~ModulePathScope() { path.resize(previous_length_); }

}  // namespace lamina
