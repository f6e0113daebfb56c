#include "lamina/graph/recorder.h"

#include <atomic>
#include <unordered_set>

#include "lamina/core/error.h"
#include "lamina/engine/module_path.h"
#include "lamina/graph/capture.h"
#include "lamina/tensor/tensor_impl.h"

namespace lamina::graph {

namespace {

class GraphRecorder final : public Recorder {
 public:
  Tensors record(const OpDef& def, const Tensors& inputs, const Attrs& attrs, const Metas& out) override {
    Node node;
    node.op = def.id;
    node.attrs = attrs;
    node.module_path = current_module_path();
    for (const Tensor& t : inputs) node.in.push_back(value_of(t));
    const int index = static_cast<int>(graph.nodes.size());
    Tensors results;
    for (const Meta& m : out) {
      const int id = graph.add_value(m, index);
      if (def.traits.view) graph.values[static_cast<size_t>(id)].root = graph.root(node.in[0]);
      node.out.push_back(id);
      results.push_back(symbol(id, false));
    }
    graph.nodes.push_back(std::move(node));
    return results;
  }

  Tensor add_source(ValueKind kind, const Meta& meta, int slot, bool leaf) {
    const int id = graph.add_value(meta, -1);
    Value& v = graph.values[static_cast<size_t>(id)];
    v.kind = kind;
    v.slot = slot;
    return symbol(id, leaf);
  }

  /// The value a tensor stands for; a concrete tensor becomes a constant.
  int value_of(const Tensor& t) {
    const TensorImpl& impl = *t.impl();
    if (impl.value >= 0) {
      if (impl.recorder != id_) {
        throw Error("capture", "a tensor of another capture was used").detail("tensor " + t.meta().str());
      }
      return impl.value;
    }
    if (impl.variable) throw UnlistedVariable(t.meta());
    const auto known = constants_.find(t.impl().get());
    if (known != constants_.end()) return known->second;
    t.raw();  // throws where the values were not kept
    const int id = graph.add_value(t.meta(), -1);
    Value& v = graph.values[static_cast<size_t>(id)];
    v.kind = ValueKind::constant;
    v.constant = Tensor(std::make_shared<TensorImpl>(impl));
    v.constant.impl()->node = nullptr;
    constants_[t.impl().get()] = id;
    kept_.push_back(t);
    return id;
  }

  Graph graph;

 private:
  Tensor symbol(int value, bool leaf) const {
    auto impl = std::make_shared<TensorImpl>();
    impl->meta = graph.meta(value);
    impl->value = value;
    impl->recorder = id_;
    impl->leaf = leaf;
    return Tensor(std::move(impl));
  }

  static uint64_t next_id() {
    static std::atomic<uint64_t> counter{1};
    return counter++;
  }

  uint64_t id_ = next_id();
  std::unordered_map<const TensorImpl*, int> constants_;
  Tensors kept_;  // keeps the keys of constants_ alive
};

/// Puts the variables' own values back.
class StateRestorer {
 public:
  explicit StateRestorer(const std::vector<Variable>& state) : state_(state) {
    for (const Variable& v : state) values_.push_back(v.value());
  }
  ~StateRestorer() {
    for (size_t i = 0; i < state_.size(); ++i) state_[i].replace(values_[i]);
  }

 private:
  const std::vector<Variable>& state_;
  Tensors values_;
};

}  // namespace

UnlistedVariable::UnlistedVariable(const Meta& variable)
    : Error("capture", "the captured step reads a variable that is not in its state") {
  detail("variable " + variable.str());
  hint(
      "list parameters, buffers and random generators in the state given to capture(): their values would be "
      "frozen otherwise");
}

Graph record(const std::function<Tensors(const Tensors&)>& fn, const Metas& inputs,
             const std::vector<Variable>& state) {
  GraphRecorder recorder;
  const StateRestorer restore(state);
  Tensors arguments;
  for (size_t i = 0; i < inputs.size(); ++i) {
    arguments.push_back(
        recorder.add_source(ValueKind::input, Meta(inputs[i].dtype, inputs[i].shape), static_cast<int>(i), false));
    recorder.graph.inputs.push_back(arguments.back().impl()->value);
  }
  std::unordered_set<const void*> seen;
  for (const Variable& v : state) {
    if (!seen.insert(v.id()).second) throw Error("capture", "a variable is listed twice in the state");
    const Tensor old = v.value();
    const Tensor stand_in = recorder.add_source(ValueKind::state, Meta(old.dtype(), old.shape()),
                                                static_cast<int>(recorder.graph.state.size()), v.trainable());
    v.replace(stand_in);
    recorder.graph.state.push_back({v, stand_in.impl()->value, -1});
  }
  const RecorderScope scope(&recorder);
  const Tensors results = fn(arguments);
  for (const Tensor& t : results) recorder.graph.outputs.push_back(recorder.value_of(t));
  for (StateValue& s : recorder.graph.state) s.after = recorder.value_of(s.variable.value());
  return std::move(recorder.graph);
}

}  // namespace lamina::graph
