#include "lamina/engine/variable.h"

#include "lamina/core/error.h"
#include "lamina/engine/dispatch.h"
#include "lamina/tensor/tensor_impl.h"

namespace lamina {

namespace {

/// The same data as the value of a variable: contiguous, off the tape.
Tensor as_value(const Tensor& t, bool leaf) {
  const Tensor dense = t.is_contiguous() ? t : dispatch1(OpId::contiguous, {t});
  auto impl = std::make_shared<TensorImpl>(*dense.impl());
  impl->node = nullptr;
  impl->output = 0;
  impl->leaf = leaf;
  impl->variable = true;
  return Tensor(std::move(impl));
}

}  // namespace

Variable::Variable(Tensor value, bool trainable) : slot_(std::make_shared<Slot>()) {
  slot_->value = as_value(value, trainable);
  slot_->trainable = trainable;
}

void Variable::assign(const Tensor& value) const {
  if (defined() && (value.shape() != slot_->value.shape() || value.dtype() != slot_->value.dtype())) {
    throw Error("assign", "a variable keeps its shape and dtype")
        .detail("variable " + slot_->value.meta().str())
        .detail("value    " + value.meta().str());
  }
  if (active_recorder() && active_recorder()->symbolic() && defined() && slot_->value.impl()->value < 0) {
    throw Error("capture", "the captured step assigns a variable that is not in its state")
        .detail("variable " + slot_->value.meta().str())
        .hint("list it in the state given to capture(): parameters, buffers, optimizer state, random generators");
  }
  slot_->value = as_value(value, slot_->trainable);
  touch();
}

void Variable::set_trainable(bool trainable) const {
  slot_->trainable = trainable;
  if (defined()) slot_->value = as_value(slot_->value, trainable);
}

Variable Variable::clone() const {
  if (!defined()) return {};
  const Tensor& v = slot_->value;
  return Variable(Tensor::from_bytes(v.raw(), v.shape(), v.dtype()), slot_->trainable);
}

}  // namespace lamina
