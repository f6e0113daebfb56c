// Tables of things that recipes name: optimizers, schedules, losses, layers, models, transforms.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "lamina/core/error.h"
#include "lamina/core/fields.h"

namespace lamina {

/// One line of a table. `make` declares its options struct, lets the visitor fill it, and builds the
/// object: the visitor may be a recipe::OptionReader, or one that only lists names and defaults.
template <class T, class... Context>
struct Entry {
  std::string_view name;  // "adam"
  std::string_view doc;   // one line, with the source
  std::unique_ptr<T> (*make)(FieldVisitor& options, const Context&... context);
};

/// The entry of that name; throws Error naming the nearest valid one. `what` is "optimizer", "layer", ….
template <class E>
const E& find_entry(std::span<const E> table, std::string_view name, std::string_view what) {
  NameList names;
  for (const E& e : table) {
    if (e.name == name) return e;
    names.add(e.name);
  }
  const std::string nearest = names.nearest(name);
  throw Error(std::string(what), "there is no " + std::string(what) + " \"" + std::string(name) + "\"")
      .hint((nearest.empty() ? "" : "did you mean \"" + nearest + "\"? ") + "there are: " + names.str());
}

}  // namespace lamina
