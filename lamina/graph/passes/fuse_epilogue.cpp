// A pointwise group that consumes the result of a convolution or matrix product, and is its only
// reader, becomes the epilogue of that op where a backend has a kernel for the two together: bias and activation, or
// the update of a parameter, whose gradient then never goes to memory.
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
    for (size_t i = 0; i < g_.nodes.size(); ++i) place_.push_back(static_cast<int>(i));
  }

  Graph run(PassLog& log) {
    for (size_t i = 0; i < g_.nodes.size(); ++i) {
      const Node& n = g_.nodes[i];
      if (n.fused || n.epilogue || !n.def()->traits.takes_epilogue) continue;
      if (const int reader = only_reader(n); reader >= 0) try_join(static_cast<int>(i), reader, log);
    }
    place_updates();
    return rebuild(g_, sorted());
  }

 private:
  /// A joined node that overwrites variables.
  struct Update {
    int node, gradient;  // gradient: the place where it was made
    std::vector<int> overwritten;
  };

  /// What is left, each after the producers of its inputs, else by place_: a joined node stands where the group stood,
  /// behind which readers of the op's further results may have to move, or further to the front (place_updates).
  std::vector<int> sorted() const {
    std::vector<int> order, by_place;
    for (size_t i = 0; i < g_.nodes.size(); ++i) {
      if (!dropped_[i]) by_place.push_back(static_cast<int>(i));
    }
    std::stable_sort(by_place.begin(), by_place.end(),
                     [&](int a, int b) { return place_[static_cast<size_t>(a)] < place_[static_cast<size_t>(b)]; });
    std::vector<int> state(g_.nodes.size());  // 1: its inputs are being placed, 2: placed
    std::vector<int> producer(g_.values.size(), -1);
    for (size_t i = 0; i < g_.nodes.size(); ++i) {
      if (dropped_[i]) continue;
      for (int id : g_.nodes[i].out) producer[static_cast<size_t>(id)] = static_cast<int>(i);
    }
    std::vector<int> pending;
    for (int next : by_place) {
      pending.push_back(next);
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
    const bool fits =
        alone && !reader.is_view() && reader.is_pointwise() && g_.meta(reader.out[0]).shape == g_.meta(n.out[0]).shape;
    return fits ? users[0] : -1;
  }

  /// The old values of the variables whose new values a group makes of them.
  std::vector<int> overwritten_by(const Node& group) const {
    std::vector<int> old;
    for (const StateValue& s : g_.state) {
      const auto has = [](const std::vector<int>& ids, int id) {
        return std::find(ids.begin(), ids.end(), id) != ids.end();
      };
      if (s.before != s.after && has(group.out, s.after) && has(group.in, s.before)) old.push_back(s.before);
    }
    return old;
  }

  /// An update joined with the gradient would keep all that the gradient is made of until the end of the step: it moves
  /// to where the gradient was made, or behind the last reader of the old values.
  void place_updates() {
    std::vector<int> last_reader(g_.values.size(), -1);  // per root: its place
    for (size_t i = 0; i < g_.nodes.size(); ++i) {
      if (dropped_[i] || g_.nodes[i].overwrites) continue;
      for (int id : g_.nodes[i].in) {
        int& last = last_reader[static_cast<size_t>(g_.root(id))];
        last = std::max(last, place_[i]);
      }
    }
    for (const Update& u : updates_) {
      int place = u.gradient;
      for (int old : u.overwritten) place = std::max(place, last_reader[static_cast<size_t>(old)]);
      place_[static_cast<size_t>(u.node)] = std::min(place, u.node);
    }
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
    joined.out.erase(joined.out.begin());
    joined.out.insert(joined.out.begin(), group.out.begin(), group.out.end());
    joined.epilogue = program;
    const std::vector<int> overwritten = overwritten_by(group);
    joined.overwrites = !overwritten.empty();
    for (int id : group.in) {
      if (id != op.out[0]) joined.in.push_back(id);
    }
    const Metas in = g_.metas(joined.in), out = g_.metas(joined.out);
    for (const Backend* backend : backends()) {
      const KernelChoice choice = backend->prepare({op.op, in, out, op.attrs, program.get(), 0, joined.overwrites});
      if (const auto* refusal = std::get_if<Refusal>(&choice)) {
        log.refusals.push_back(joined.name() + " on " + std::string(backend->name()) + ": " + refusal->reason +
                               "; stays apart");
        break;  // the next backend would be slower than two kernels of this one
      }
      if (joined.overwrites) updates_.push_back({reader, place_[static_cast<size_t>(producer)], overwritten});
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
  std::vector<Update> updates_;
  std::vector<int> place_;  // per node, in the order to come; of equal ones that of the larger number comes last
};

}  // namespace

Graph fuse_epilogue(Graph graph, PassLog& log) { return EpilogueFuser(std::move(graph)).run(log); }

}  // namespace lamina::graph
