// The only assignable thing: parameters, buffers, optimizer moments, random states.
#pragma once

#include <memory>
#include <vector>

#include "lamina/tensor/tensor.h"

namespace lamina {

/// A named slot for a tensor; copies of the handle share the slot. Capture turns the variables it
/// is given into inputs and outputs of the compiled step, which updates them in place.
class Variable {
 public:
  Variable() : slot_(std::make_shared<Slot>()) {}
  explicit Variable(Tensor value, bool trainable = false);

  /// The current value; of a trainable variable, one that gradients can be asked for.
  const Tensor& value() const { return slot_->value; }
  /// Replaces the value; shape and dtype must stay. While a graph is captured this records the update.
  void assign(const Tensor& value) const;
  bool trainable() const { return slot_->trainable; }
  void set_trainable(bool trainable) const;
  bool defined() const { return slot_->value.defined(); }
  /// Deep copy into a slot of its own.
  Variable clone() const;
  bool same_slot(const Variable& other) const { return slot_ == other.slot_; }
  const void* id() const { return slot_.get(); }

  /// For capture: puts a stand-in (or the value again) into the slot, as it is.
  void replace(Tensor value) const { slot_->value = std::move(value); }
  /// Grows with every change of the value, also in place: for those who keep something derived from it.
  uint64_t version() const { return slot_->version; }
  /// The value was changed in place.
  void touch() const { ++slot_->version; }

 private:
  struct Slot {
    Tensor value;
    bool trainable = false;
    uint64_t version = 0;
  };
  std::shared_ptr<Slot> slot_;
};

}  // namespace lamina
