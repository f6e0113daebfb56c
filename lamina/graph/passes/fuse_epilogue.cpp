// A pointwise group that consumes the result of a convolution or matrix product, and is its only
// reader, becomes the epilogue of that op where a backend has a kernel for the two together.
#include <algorithm>

#include "lamina/engine/backend.h"
#include "lamina/graph/passes.h"

namespace lamina::graph {

namespace {

/// The program of a pointwise node, fused or single.
PointwiseProgram program_of(const Graph& g, const Node& n) {
  if (n.fused) return *n.fused;
  PointwiseProgram p;
  PointwiseProgram::Instruction only{n.op, {}, n.attrs, g.meta(n.out[0]).dtype};
  for (size_t i = 0; i < n.in.size(); ++i) {
    p.inputs.push_back(g.meta(n.in[i]).dtype);
    only.in.push_back(static_cast<int>(i));
  }
  p.outputs = {static_cast<int>(n.in.size())};
  p.instructions.push_back(std::move(only));
  return p;
}

/// Makes input `position` of a program its first.
PointwiseProgram with_first_input(PointwiseProgram p, int position) {
  const auto renumber = [&](int r) { return r == position ? 0 : r < position ? r + 1 : r; };
  for (auto& instruction : p.instructions) {
    for (int& r : instruction.in) r = renumber(r);
  }
  std::rotate(p.inputs.begin(), p.inputs.begin() + position, p.inputs.begin() + position + 1);
  return p;
}

class EpilogueFuser {
 public:
  explicit EpilogueFuser(Graph g)
      : g_(std::move(g)), users_(users_of(g_)), result_(g_.values.size()), dropped_(g_.nodes.size()) {
    for (int id : g_.outputs) result_[static_cast<size_t>(id)] = true;
    for (const StateValue& s : g_.state) result_[static_cast<size_t>(s.after)] = true;
  }

  Graph run(PassLog& log) {
    for (size_t i = 0; i < g_.nodes.size(); ++i) {
      const Node& n = g_.nodes[i];
      if (n.fused || n.epilogue || !n.def()->traits.takes_epilogue) continue;
      if (const int reader = only_reader(n); reader >= 0) try_join(static_cast<int>(i), reader, log);
    }
    return rebuild(g_, sorted());
  }

 private:
  /// What is left, each after the producers of its inputs, else in the order that was: a joined node stands where the
  /// group stood, behind which readers of the op's further results may have to move.
  std::vector<int> sorted() const {
    std::vector<int> order;
    std::vector<int> state(g_.nodes.size());  // 1: its inputs are being placed, 2: placed
    std::vector<int> producer(g_.values.size(), -1);
    for (size_t i = 0; i < g_.nodes.size(); ++i) {
      if (dropped_[i]) continue;
      for (int id : g_.nodes[i].out) producer[static_cast<size_t>(id)] = static_cast<int>(i);
    }
    std::vector<int> pending;
    for (size_t i = 0; i < g_.nodes.size(); ++i) {
      if (!dropped_[i]) pending.push_back(static_cast<int>(i));
      while (!pending.empty()) {
        const int n = pending.back();
        int& s = state[static_cast<size_t>(n)];
        if (s > 0) {
          if (s == 1) order.push_back(n);
          s = 2;
          pending.pop_back();
          continue;
        }
        s = 1;
        for (int id : g_.nodes[static_cast<size_t>(n)].in) {
          const int p = producer[static_cast<size_t>(id)];
          if (p >= 0 && state[static_cast<size_t>(p)] == 0) pending.push_back(p);
        }
      }
    }
    return order;
  }

  /// Does a value depend on a node? Nodes after it are searched.
  bool depends_on(int value, int node) const {
    std::vector<int> pending{value};
    std::vector<bool> seen(g_.values.size());
    while (!pending.empty()) {
      const int id = pending.back();
      pending.pop_back();
      if (seen[static_cast<size_t>(id)]) continue;
      seen[static_cast<size_t>(id)] = true;
      const int p = g_.values[static_cast<size_t>(id)].node;
      if (p == node) return true;
      if (p > node)
        pending.insert(pending.end(), g_.nodes[static_cast<size_t>(p)].in.begin(),
                       g_.nodes[static_cast<size_t>(p)].in.end());
    }
    return false;
  }

  bool is_result(int value) const { return result_[static_cast<size_t>(value)]; }

  /// The pointwise node that alone reads the op's result, element by element; −1 where there is none.
  int only_reader(const Node& n) const {
    const auto& users = users_[static_cast<size_t>(n.out[0])];
    if (users.empty() || is_result(n.out[0])) return -1;
    const Node& reader = g_.nodes[static_cast<size_t>(users[0])];
    const bool alone = std::all_of(users.begin(), users.end(), [&](int u) { return u == users[0]; });
    const bool fits = alone && !reader.is_view() && reader.is_pointwise() && reader.out.size() == 1 &&
                      g_.meta(reader.out[0]).shape == g_.meta(n.out[0]).shape;
    return fits ? users[0] : -1;
  }

  void try_join(int producer, int reader, PassLog& log) {
    const Node &op = g_.nodes[static_cast<size_t>(producer)], &group = g_.nodes[static_cast<size_t>(reader)];
    const auto position = std::find(group.in.begin(), group.in.end(), op.out[0]) - group.in.begin();
    if (std::count(group.in.begin(), group.in.end(), op.out[0]) > 1) return;  // x·x of a single op: rare
    const bool circular = std::any_of(group.in.begin(), group.in.end(), [&](int id) {
      return id != op.out[0] && op.out.size() > 1 && depends_on(id, producer);
    });
    if (circular) return;
    auto program =
        std::make_shared<PointwiseProgram>(with_first_input(program_of(g_, group), static_cast<int>(position)));
    Node joined = op;
    joined.out[0] = group.out[0];
    joined.epilogue = program;
    for (int id : group.in) {
      if (id != op.out[0]) joined.in.push_back(id);
    }
    const Metas in = g_.metas(joined.in), out = g_.metas(joined.out);
    for (const Backend* backend : backends()) {
      const KernelChoice choice = backend->prepare({op.op, in, out, op.attrs, program.get()});
      if (const auto* refusal = std::get_if<Refusal>(&choice)) {
        log.refusals.push_back(joined.name() + " on " + std::string(backend->name()) + ": " + refusal->reason +
                               "; stays apart");
        break;  // the next backend would be slower than two kernels of this one
      }
      g_.nodes[static_cast<size_t>(reader)] = std::move(joined);
      dropped_[static_cast<size_t>(producer)] = true;
      ++log.fused_groups;
      break;
    }
  }

  Graph g_;
  std::vector<std::vector<int>> users_;
  std::vector<bool> result_;  // per value: an output of the step or the new value of a variable
  std::vector<bool> dropped_;
};

}  // namespace

Graph fuse_epilogue(Graph graph, PassLog& log) { return EpilogueFuser(std::move(graph)).run(log); }

}  // namespace lamina::graph
