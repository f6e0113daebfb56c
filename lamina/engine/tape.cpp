#include "lamina/engine/tape.h"

#include "lamina/core/error.h"
#include "lamina/engine/module_path.h"

namespace lamina {

namespace {

thread_local bool recording_gradients = true;
thread_local uint64_t next_order = 1;

bool saves(const OpDef& def, Saves what) { return (static_cast<int>(def.traits.saves) & static_cast<int>(what)) != 0; }

Tensor meta_only(const Tensor& t) {
  auto impl = std::make_shared<TensorImpl>();
  impl->meta = t.meta();
  return Tensor(std::move(impl));
}

}  // namespace

NoGrad::NoGrad(bool enabled) : previous_(recording_gradients) { recording_gradients = enabled; }
NoGrad::~NoGrad() { recording_gradients = previous_; }
bool grad_enabled() { return recording_gradients; }

bool is_tracked(const Tensor& t) { return t.defined() && (t.impl()->node || t.impl()->leaf); }

Edge edge_of(const Tensor& t) {
  if (!t.defined()) return {};
  const auto& impl = t.impl();
  if (impl->node) return {impl->node, impl->output, nullptr};
  return {nullptr, 0, impl->leaf ? impl : nullptr};
}

TapeNode::~TapeNode() {
  // A long chain of nodes is taken apart in a loop: recursion would exhaust the stack.
  std::vector<std::shared_ptr<TapeNode>> pending;
  const auto release = [&pending](TapeNode& n) {
    n.inputs.clear();
    for (Edge& e : n.edges) {
      if (e.node && e.node.use_count() == 1) pending.push_back(std::move(e.node));
    }
    n.edges.clear();
  };
  // Inputs hold their nodes too: drop those handles first, so that the edges are the last owners.
  release(*this);
  while (!pending.empty()) {
    const std::shared_ptr<TapeNode> node = std::move(pending.back());
    pending.pop_back();
    release(*node);
  }
}

Tensors TapeNode::unpack_outputs() {
  Tensors out;
  for (size_t i = 0; i < outputs.size(); ++i) {
    auto impl = std::make_shared<TensorImpl>(outputs[i]);
    impl->node = shared_from_this();
    impl->output = static_cast<int>(i);
    out.emplace_back(std::move(impl));
  }
  return out;
}

void attach(const OpDef& def, const Tensors& inputs, const Attrs& attrs, Tensors& outputs) {
  if (!recording_gradients) return;
  bool wanted = false;
  for (const Tensor& t : inputs) wanted = wanted || is_tracked(t);
  if (!wanted || std::holds_alternative<ZeroGrad>(def.gradient)) return;

  auto node = std::make_shared<TapeNode>();
  node->def = &def;
  node->attrs = attrs;
  node->order = next_order++;
  node->module_path = current_module_path();
  const bool keep_inputs = saves(def, Saves::inputs) || std::holds_alternative<ByDecomposition>(def.gradient);
  const bool keep_outputs = saves(def, Saves::outputs);
  for (const Tensor& t : inputs) {
    node->edges.push_back(edge_of(t));
    node->inputs.push_back(keep_inputs || !t.defined() ? t : meta_only(t));
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    TensorImpl saved = *outputs[i].impl();
    if (!keep_outputs) {
      saved.storage = nullptr;
      saved.value = -1;
    }
    node->outputs.push_back(std::move(saved));
    outputs[i].impl()->node = node;
    outputs[i].impl()->output = static_cast<int>(i);
  }
}

}  // namespace lamina
