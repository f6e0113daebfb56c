// Dead code, common subexpressions, no-ops.
#include <algorithm>
#include <unordered_map>

#include "lamina/graph/passes.h"

namespace lamina::graph {

namespace {

/// Replaces value ids everywhere they are read. A view of a replaced value is rooted anew.
class Replacement {
 public:
  explicit Replacement(const Graph& g) : to_(g.values.size()) {
    for (size_t i = 0; i < to_.size(); ++i) to_[i] = static_cast<int>(i);
  }
  void replace(int from, int to) { to_[static_cast<size_t>(from)] = to; }
  int operator()(int id) const { return to_[static_cast<size_t>(id)]; }
  void apply_to_results(Graph& g) const {
    for (int& id : g.outputs) id = (*this)(id);
    for (StateValue& s : g.state) s.after = (*this)(s.after);
  }

 private:
  std::vector<int> to_;
};

void reroot_views(Graph& g) {
  for (const Node& n : g.nodes) {
    if (n.is_view()) g.values[static_cast<size_t>(n.out[0])].root = g.root(n.in[0]);
  }
}

std::string key_of(const Node& n) {
  std::string key = std::to_string(static_cast<int>(n.op)) + n.attrs.json();
  for (int id : n.in) key += "," + std::to_string(id);
  return key;
}

}  // namespace

Graph eliminate_dead_code(Graph g) {
  std::vector<bool> live(g.values.size());
  for (int id : g.outputs) live[static_cast<size_t>(id)] = true;
  for (const StateValue& s : g.state) live[static_cast<size_t>(s.after)] = true;
  std::vector<bool> keep(g.nodes.size());
  for (size_t i = g.nodes.size(); i-- > 0;) {
    for (int id : g.nodes[i].out) keep[i] = keep[i] || live[static_cast<size_t>(id)];
    if (!keep[i]) continue;
    for (int id : g.nodes[i].in) live[static_cast<size_t>(id)] = true;
  }
  std::vector<int> order;
  for (size_t i = 0; i < g.nodes.size(); ++i) {
    if (keep[i]) order.push_back(static_cast<int>(i));
  }
  return rebuild(g, order);
}

Graph merge_common_subexpressions(Graph g) {
  Replacement replaced(g);
  std::unordered_map<std::string, int> seen;
  for (size_t i = 0; i < g.nodes.size(); ++i) {
    Node& n = g.nodes[i];
    for (int& id : n.in) id = replaced(id);
    if (n.fused || n.def()->traits.stateful) continue;
    const auto [it, fresh] = seen.emplace(key_of(n), static_cast<int>(i));
    if (fresh) continue;
    const Node& first = g.nodes[static_cast<size_t>(it->second)];
    for (size_t k = 0; k < n.out.size(); ++k) replaced.replace(n.out[k], first.out[k]);
  }
  replaced.apply_to_results(g);
  reroot_views(g);
  return eliminate_dead_code(std::move(g));
}

Graph simplify(Graph g) {
  Replacement replaced(g);
  for (Node& n : g.nodes) {
    for (int& id : n.in) id = replaced(id);
    if (n.is_view()) {
      const int root = g.root(n.in[0]);  // a transpose of a transpose leads back to it
      if (g.meta(n.out[0]) == g.meta(root)) {
        replaced.replace(n.out[0], root);
      } else if (g.meta(n.out[0]) == g.meta(n.in[0])) {
        replaced.replace(n.out[0], n.in[0]);
      }
    }
    if (n.op == OpId::contiguous && g.meta(n.in[0]).is_contiguous()) replaced.replace(n.out[0], n.in[0]);
  }
  replaced.apply_to_results(g);
  reroot_views(g);
  return eliminate_dead_code(std::move(g));
}

Graph separate_results(Graph g) {
  std::vector<bool> taken(g.values.size());
  const auto own_memory = [&](int id) {
    const Value& v = g.values[static_cast<size_t>(id)];
    const bool usable = v.kind == ValueKind::computed && v.root == id && !taken[static_cast<size_t>(id)] &&
                        v.meta.is_contiguous() && v.node >= g.invariant_nodes;
    if (usable) {
      taken[static_cast<size_t>(id)] = true;
      return id;
    }
    Node copy;
    copy.op = OpId::contiguous;
    copy.in = {id};
    const int out = g.add_value(Meta(v.meta.dtype, v.meta.shape), static_cast<int>(g.nodes.size()));
    taken.push_back(true);
    copy.out = {out};
    g.nodes.push_back(std::move(copy));
    return out;
  };
  for (StateValue& s : g.state) {
    if (s.after != s.before) s.after = own_memory(s.after);
  }
  for (int& id : g.outputs) id = own_memory(id);
  return g;
}

Graph hoist_invariants(Graph g) {
  std::vector<bool> invariant(g.values.size());
  for (size_t i = 0; i < g.values.size(); ++i) invariant[i] = g.values[i].kind == ValueKind::constant;
  for (const StateValue& s : g.state) invariant[static_cast<size_t>(s.before)] = s.after == s.before;
  std::vector<int> first, rest;
  for (size_t i = 0; i < g.nodes.size(); ++i) {
    const Node& n = g.nodes[i];
    const bool stateful = !n.fused && n.def()->traits.stateful;
    const bool all =
        !stateful && std::all_of(n.in.begin(), n.in.end(), [&](int id) { return invariant[static_cast<size_t>(id)]; });
    for (int id : n.out) invariant[static_cast<size_t>(id)] = all;
    (all ? first : rest).push_back(static_cast<int>(i));
  }
  const auto count = static_cast<int>(first.size());
  first.insert(first.end(), rest.begin(), rest.end());
  Graph hoisted = rebuild(g, first);
  hoisted.invariant_nodes = count;
  return hoisted;
}

Graph rebuild(const Graph& g, const std::vector<int>& node_order) {
  Graph out;
  std::vector<int> renamed(g.values.size(), -1);
  const auto keep = [&](int id) {
    int& to = renamed[static_cast<size_t>(id)];
    if (to >= 0) return to;
    to = static_cast<int>(out.values.size());
    out.values.push_back(g.values[static_cast<size_t>(id)]);
    out.values.back().root = to;
    return to;
  };
  for (int id : g.inputs) out.inputs.push_back(keep(id));
  for (const StateValue& s : g.state) out.state.push_back({s.variable, keep(s.before), -1});
  for (int index : node_order) {
    Node n = g.nodes[static_cast<size_t>(index)];
    for (int& id : n.in) id = keep(id);
    for (int& id : n.out) {
      id = keep(id);
      out.values[static_cast<size_t>(id)].node = static_cast<int>(out.nodes.size());
      if (n.is_view()) out.values[static_cast<size_t>(id)].root = out.root(n.in[0]);
    }
    out.nodes.push_back(std::move(n));
  }
  for (int id : g.outputs) out.outputs.push_back(keep(id));
  for (size_t i = 0; i < g.state.size(); ++i) out.state[i].after = keep(g.state[i].after);
  return out;
}

std::vector<std::vector<int>> users_of(const Graph& g) {
  std::vector<std::vector<int>> users(g.values.size());
  for (size_t i = 0; i < g.nodes.size(); ++i) {
    for (int id : g.nodes[i].in) users[static_cast<size_t>(id)].push_back(static_cast<int>(i));
  }
  return users;
}

}  // namespace lamina::graph
