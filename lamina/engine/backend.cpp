#include "lamina/engine/backend.h"

#include "lamina/core/error.h"

namespace lamina {

namespace {

std::vector<const Backend*>& all() {
  static std::vector<const Backend*> list = default_backends();
  return list;
}

thread_local const Backend* only = nullptr;

}  // namespace

void set_backends(std::vector<const Backend*> ordered) { all() = std::move(ordered); }

const std::vector<const Backend*>& backends() {
  thread_local std::vector<const Backend*> single(1);
  if (!only) return all();
  single[0] = only;
  return single;
}

BackendScope::BackendScope(std::string_view name) : previous_(only) {
  NameList names;
  for (const Backend* b : all()) {
    names.add(b->name());
    if (b->name() == name) {
      only = b;
      return;
    }
  }
  throw Error("backend", "no backend \"" + std::string(name) + "\"").hint("there are: " + names.str());
}

BackendScope::~BackendScope() { only = previous_; }

}  // namespace lamina
