// The recorded program: nodes and values by index, one assignment each.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lamina/engine/op.h"
#include "lamina/engine/pointwise_program.h"
#include "lamina/engine/variable.h"

namespace lamina::graph {

enum class ValueKind : uint8_t {
  input,     // given at each call
  state,     // a variable's value when the step begins
  constant,  // known when captured
  computed,  // by a node
};

struct Value {
  ValueKind kind = ValueKind::computed;
  Meta meta;        // of a view: relative to the memory of its root
  int node = -1;    // producer, of a computed one
  int root = -1;    // the value whose memory it aliases; itself unless made by a view op
  int slot = -1;    // number of the input or state
  Tensor constant;  // of a constant
};

struct Node {
  OpId op = OpId::count;
  Attrs attrs;
  std::vector<int> in, out;
  std::string module_path;
  std::shared_ptr<const PointwiseProgram> fused;     // then op is count
  std::shared_ptr<const PointwiseProgram> epilogue;  // see KernelRequest; its inputs come last in `in`
  bool overwrites = false;                           // see KernelRequest

  /// How many of `in` are inputs of the op itself.
  size_t op_inputs() const { return in.size() - (epilogue ? epilogue->inputs.size() - 1 : 0); }
  const OpDef* def() const { return fused ? nullptr : &op_def(op); }
  bool is_view() const { return !fused && op_def(op).traits.view; }
  bool is_pointwise() const { return fused || op_def(op).traits.pointwise; }
  std::string name() const;
};

/// A variable, its value at the beginning and at the end of the step.
struct StateValue {
  Variable variable;
  int before = -1;
  int after = -1;
};

struct Graph {
  std::vector<Value> values;
  std::vector<Node> nodes;  // in an order in which they can run
  std::vector<int> inputs;
  std::vector<StateValue> state;
  std::vector<int> outputs;
  int invariant_nodes = 0;  // so many leading nodes read only constants and variables that the step does not change

  const Meta& meta(int value) const { return values[static_cast<size_t>(value)].meta; }
  Metas metas(const std::vector<int>& ids) const;
  int root(int value) const { return values[static_cast<size_t>(value)].root; }
  /// Adds a computed value made by node `node`.
  int add_value(const Meta& meta, int node);
  /// One line per node: "%7 = matmul(%0, %3) [64, 300] f32".
  std::string str() const;
};

/// Throws Error where the graph is malformed: a use before its definition, a wrong index, a shape
/// that the op's own inference contradicts. Run after every pass.
void verify(const Graph& graph);

}  // namespace lamina::graph
