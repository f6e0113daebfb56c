// Types of layer options that plain numbers and brace lists convert to.
#pragma once

#include <cstdint>

#include "lamina/core/fields.h"

namespace lamina::nn {

/// A whole number that has no sensible default: leaving the field out does not compile.
class Required {
 public:
  Required(int64_t value) : value_(value) {}
  operator int64_t&() { return value_; }
  operator int64_t() const { return value_; }

 private:
  int64_t value_;
};

/// One number per spatial axis, or one for all of them: `.stride = 2`, `.stride = {2, 1}`.
struct PerAxis : Dims {
  PerAxis() = default;
  PerAxis(int64_t all) : Dims{all} {}
  PerAxis(std::initializer_list<int64_t> values) : Dims(values) {}
  PerAxis(const Dims& values) : Dims(values) {}
};

/// PerAxis without a default: leaving the field out does not compile.
struct RequiredAxes : Dims {
  RequiredAxes(int64_t all) : Dims{all} {}
  RequiredAxes(int64_t a, int64_t b) : Dims{a, b} {}
  RequiredAxes(int64_t a, int64_t b, int64_t c) : Dims{a, b, c} {}
  RequiredAxes(const Dims& values) : Dims(values) {}
};

/// `value` with `axes` entries; throws Error naming the layer kind and the option where it has another
/// number of entries than 1 or `axes`, or an entry below `least`.
Dims per_axis(const Dims& value, int axes, int64_t least, const char* kind, const char* option);

/// Throws Error where value < least.
void require_at_least(int64_t value, int64_t least, const char* kind, const char* option);

/// The JSON of an options struct.
template <class Options>
std::string json_of(Options options) {
  FieldPrinter printer;
  options.visit(printer);
  return printer.json();
}

}  // namespace lamina::nn
