// Attributes of a recorded op, type-erased. For authors of ops and backends.
#pragma once

#include <memory>
#include <string>
#include <typeinfo>

#include "lamina/core/fields.h"

namespace lamina {

/// Immutable; equal attributes compare, hash and print alike through their LAMINA_OPTIONS listing.
class Attrs {
 public:
  Attrs() = default;
  template <class T>
  Attrs(const T& value) : held_(std::make_shared<Held<T>>(value)) {}

  /// The struct it was made from; throws std::bad_cast for another type.
  template <class T>
  const T& as() const {
    const auto* held = dynamic_cast<const Held<T>*>(held_.get());
    if (!held) throw std::bad_cast();
    return held->value;
  }

  /// "{}" where there are none.
  const std::string& json() const;
  bool operator==(const Attrs& other) const { return held_ == other.held_ || json() == other.json(); }
  bool empty() const { return !held_; }

 private:
  struct Base {
    virtual ~Base() = default;
    std::string text;
  };
  template <class T>
  struct Held final : Base {
    explicit Held(const T& v) : value(v) {
      FieldPrinter printer;
      value.visit(printer);
      text = printer.json();
    }
    T value;
  };
  std::shared_ptr<const Base> held_;
};

}  // namespace lamina
