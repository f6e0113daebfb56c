// Parameters and buffers: the named, assignable tensors of a module.
#pragma once

#include <string>
#include <vector>

#include "lamina/engine/variable.h"

namespace lamina::nn {

/// A tensor that training changes. Copies of the handle share it.
class Param {
 public:
  /// Undefined: an option switched it off (a layer without bias).
  Param() = default;
  explicit Param(const Tensor& value) : variable_(value, true) {}
  const Tensor& value() const { return variable_.value(); }
  operator const Tensor&() const { return value(); }
  bool defined() const { return variable_.defined(); }
  Variable& variable() { return variable_; }
  const Variable& variable() const { return variable_; }

 private:
  Variable variable_;
};

/// A tensor that belongs to the state of a module but is not trained (running statistics).
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(const Tensor& value) : variable_(value, false) {}
  const Tensor& value() const { return variable_.value(); }
  operator const Tensor&() const { return value(); }
  void assign(const Tensor& value) const { variable_.assign(value); }
  bool defined() const { return variable_.defined(); }
  Variable& variable() { return variable_; }
  const Variable& variable() const { return variable_; }

 private:
  Variable variable_;
};

/// "layer1.0.conv1.weight" and the tensor of that name.
struct NamedVariable {
  std::string name;
  Variable variable;
};

}  // namespace lamina::nn
