#include "lamina/graph/graph.h"

#include "lamina/core/error.h"

namespace lamina::graph {

std::string Node::name() const {
  if (fused) return "fused(" + fused->str() + ")";
  return std::string(name_of(op)) + (epilogue ? "+" + epilogue->str() : "");
}

Metas Graph::metas(const std::vector<int>& ids) const {
  Metas result;
  result.reserve(ids.size());
  for (int id : ids) result.push_back(meta(id));
  return result;
}

int Graph::add_value(const Meta& meta, int node) {
  const int id = static_cast<int>(values.size());
  Value v;
  v.meta = meta;
  v.node = node;
  v.root = id;
  values.push_back(std::move(v));
  return id;
}

namespace {

std::string list_of(const std::vector<int>& ids) {
  std::string text;
  for (int id : ids) text += (text.empty() ? "%" : ", %") + std::to_string(id);
  return text;
}

}  // namespace

std::string Graph::str() const {
  std::string text;
  for (const Node& n : nodes) {
    text += list_of(n.out) + " = " + n.name() + "(" + list_of(n.in) + ")";
    if (!n.attrs.empty()) text += " " + n.attrs.json();
    for (int id : n.out) text += " " + meta(id).str();
    if (!n.module_path.empty()) text += "  # " + n.module_path;
    text += "\n";
  }
  for (const StateValue& s : state) {
    if (s.after != s.before)
      text += "state %" + std::to_string(s.before) + " becomes %" + std::to_string(s.after) + "\n";
  }
  return text + "return " + list_of(outputs) + "\n";
}

namespace {

[[noreturn]] void malformed(const Graph& g, size_t node, const std::string& what) {
  throw Error("graph", "node " + std::to_string(node) + " (" + g.nodes[node].name() + ") " + what);
}

void verify_node(const Graph& g, size_t index, const std::vector<bool>& defined) {
  const Node& n = g.nodes[index];
  for (int id : n.in) {
    if (id < 0 || static_cast<size_t>(id) >= g.values.size()) malformed(g, index, "reads a value that does not exist");
    if (!defined[static_cast<size_t>(id)]) malformed(g, index, "reads %" + std::to_string(id) + " before it is made");
  }
  for (int id : n.out) {
    if (g.values[static_cast<size_t>(id)].node != static_cast<int>(index)) {
      malformed(g, index, "is not the producer that %" + std::to_string(id) + " names");
    }
  }
  if (n.fused) return;
  const Metas in = g.metas(n.in);
  Metas expected = op_def(n.op).infer(std::span(in).first(n.op_inputs()), n.attrs);
  if (n.epilogue) expected.insert(expected.begin(), n.epilogue->outputs.size() - 1, Meta(expected[0]));
  bool agrees = expected.size() == n.out.size();
  for (size_t i = 0; agrees && i < n.out.size(); ++i) {
    // The epilogue may change the dtype, the layout pass the strides; a view's strides are not free.
    const Meta& m = g.meta(n.out[i]);
    agrees = m.shape == expected[i].shape && (n.epilogue || m.dtype == expected[i].dtype) &&
             (!n.is_view() || m.strides == expected[i].strides);
  }
  if (!agrees) malformed(g, index, "has outputs that its inference contradicts");
}

}  // namespace

void verify(const Graph& g) {
  std::vector<bool> defined(g.values.size());
  for (size_t i = 0; i < g.values.size(); ++i) defined[i] = g.values[i].kind != ValueKind::computed;
  for (size_t i = 0; i < g.nodes.size(); ++i) {
    verify_node(g, i, defined);
    for (int id : g.nodes[i].out) defined[static_cast<size_t>(id)] = true;
  }
  const auto check = [&](int id, const char* what) {
    if (id < 0 || !defined[static_cast<size_t>(id)]) throw Error("graph", std::string(what) + " is never made");
  };
  for (int id : g.outputs) check(id, "an output");
  for (const StateValue& s : g.state) check(s.after, "the new value of a variable");
}

}  // namespace lamina::graph
