// What eager code remembers for gradients.
#pragma once

#include <memory>
#include <vector>

#include "lamina/engine/op.h"
#include "lamina/tensor/tensor_impl.h"

namespace lamina {

/// Where a gradient flows: to output `output` of `node`, or to a leaf.
struct Edge {
  std::shared_ptr<TapeNode> node;
  int output = 0;
  std::shared_ptr<TensorImpl> leaf;
  bool tracked() const { return node || leaf; }
};

/// One recorded call. Inputs and outputs that the op does not save keep their meta only.
struct TapeNode : std::enable_shared_from_this<TapeNode> {
  const OpDef* def = nullptr;
  Attrs attrs;
  std::vector<Edge> edges;  // one per input
  Tensors inputs;
  std::vector<TensorImpl> outputs;  // without their node: no cycle
  uint64_t order = 0;               // later calls have larger numbers
  std::string module_path;          // the layer that made the call, for error texts

  ~TapeNode();
  /// The outputs as tensors again, linked to this node.
  Tensors unpack_outputs();
};

/// Is a gradient wanted through this tensor?
bool is_tracked(const Tensor& tensor);
Edge edge_of(const Tensor& tensor);

/// Notes a call on the tape: links `outputs` to a new node where gradients are on and any input is tracked.
void attach(const OpDef& def, const Tensors& inputs, const Attrs& attrs, Tensors& outputs);

/// Ops run without being noted while it lives (evaluation, optimizer updates).
class NoGrad {
 public:
  NoGrad() : NoGrad(false) {}
  explicit NoGrad(bool enabled);
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;

 private:
  bool previous_;
};
bool grad_enabled();

}  // namespace lamina
