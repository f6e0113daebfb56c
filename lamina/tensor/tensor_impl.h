// What a Tensor handle points to. For the engine; users see Tensor.
#pragma once

#include <memory>

#include "lamina/tensor/storage.h"
#include "lamina/tensor/tensor.h"

namespace lamina {

struct TapeNode;  // engine/tape.h

struct TensorImpl {
  Meta meta;
  std::shared_ptr<Storage> storage;  // null while symbolic, and for inputs that a tape did not save
  int value = -1;                    // id in the graph being captured
  uint64_t recorder = 0;             // which capture `value` belongs to
  std::shared_ptr<TapeNode> node;    // how it was made, where a gradient may be wanted
  int output = 0;                    // which output of `node`
  bool leaf = false;                 // gradients are wanted with respect to it
  bool variable = false;             // the value of a Variable, hence not a constant for capture
};

}  // namespace lamina
