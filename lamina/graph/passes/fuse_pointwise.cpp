// Pointwise nodes of one shape become groups, each one pass over memory.
//
// Units (nodes, then groups of them) form a graph of dependencies. A node joins the groups of its
// pointwise producers unless that would close a cycle: unless some other input of the union
// depends, through a unit outside, on a member. Afterwards the units are sorted again.
#include <algorithm>
#include <map>
#include <queue>
#include <set>

#include "lamina/graph/passes.h"

namespace lamina::graph {

namespace {

// Bounds the registers of a program: tiles of all of them must stay in the L1 and L2 caches.
constexpr size_t kMaxInstructions = 64, kMaxInputs = 24;

class Fuser {
 public:
  explicit Fuser(Graph g)
      : g_(std::move(g)),
        users_(users_of(g_)),
        result_(g_.values.size()),
        unit_of_(g_.nodes.size()),
        visited_(g_.nodes.size()) {
    for (int id : g_.outputs) result_[static_cast<size_t>(id)] = true;
    for (const StateValue& s : g_.state) result_[static_cast<size_t>(s.after)] = true;
    for (size_t i = 0; i < g_.nodes.size(); ++i) {
      unit_of_[i] = static_cast<int>(i);
      Unit& u = units_.emplace_back();
      u.members = {static_cast<int>(i)};
      for (int id : g_.nodes[i].in) {
        const int p = producer(id);
        if (p < 0) continue;
        u.depends.insert(p);
        u.level = std::max(u.level, units_[static_cast<size_t>(p)].level + 1);
      }
    }
  }

  Graph run(PassLog& log) {
    // First the joins that make a value vanish altogether, then those that save a read of one that stays.
    for (const bool vanishing : {true, false}) {
      for (size_t i = 0; i < g_.nodes.size(); ++i) {
        if (fusible(static_cast<int>(i))) join_producers(static_cast<int>(i), vanishing);
      }
    }
    Graph fused = g_;
    std::vector<int> order;
    for (int unit : sorted_units()) {
      const std::vector<int>& members = units_[static_cast<size_t>(unit)].members;
      if (members.size() == 1) {
        order.push_back(members[0]);
        continue;
      }
      ++log.fused_groups;
      order.push_back(static_cast<int>(fused.nodes.size()));
      fused.nodes.push_back(make_group(members));
    }
    return rebuild(fused, order);
  }

 private:
  struct Unit {
    std::vector<int> members;  // nodes, in order; empty once joined into another
    std::set<int> depends;     // nodes outside whose results it reads
    int level = 0;             // above those of the units it depends on: what is not above cannot lead to it
  };

  int producer(int value) const { return g_.values[static_cast<size_t>(value)].node; }
  int unit(int node) const { return unit_of_[static_cast<size_t>(node)]; }
  const Node& node(int i) const { return g_.nodes[static_cast<size_t>(i)]; }

  bool fusible(int i) const {
    const Node& n = node(i);
    return !n.fused && n.def()->traits.pointwise && !n.in.empty() && n.out.size() == 1;
  }

  /// Its nodes read `value` as a member's own result only where the value is not a view.
  bool can_share_unit(int consumer, int value) const {
    const int p = producer(value);
    return p >= 0 && fusible(p) && g_.meta(value).shape == g_.meta(node(consumer).out[0]).shape;
  }

  void join_producers(int n, bool vanishing) {
    for (int id : node(n).in) {
      if (!can_share_unit(n, id) || (vanishing && !vanishes_in(id, unit(n)))) continue;
      const int theirs = unit(producer(id)), ours = unit(n);
      if (theirs != ours && fits(theirs, ours) && !closes_cycle(theirs, ours)) merge(theirs, ours);
    }
  }

  /// Nobody but the nodes of one unit reads it.
  bool vanishes_in(int value, int reader) const {
    const auto& users = users_[static_cast<size_t>(value)];
    return !is_result(value) && std::all_of(users.begin(), users.end(), [&](int u) { return unit(u) == reader; });
  }

  bool fits(int a, int b) const {
    const Unit &x = units_[static_cast<size_t>(a)], &y = units_[static_cast<size_t>(b)];
    return x.members.size() + y.members.size() <= kMaxInstructions && outside_inputs(x, y) <= kMaxInputs;
  }

  size_t outside_inputs(const Unit& a, const Unit& b) const {
    std::set<int> read, made;
    for (const Unit* u : {&a, &b}) {
      for (int m : u->members) {
        made.insert(node(m).out[0]);
        read.insert(node(m).in.begin(), node(m).in.end());
      }
    }
    std::erase_if(read, [&](int id) { return made.contains(id); });
    return read.size();
  }

  /// Does a path lead from one of the two units through a third to the other?
  bool closes_cycle(int a, int b) {
    const int lowest = std::min(units_[static_cast<size_t>(a)].level, units_[static_cast<size_t>(b)].level);
    ++search_;
    std::vector<int> pending;
    const auto push = [&](int u) {
      int& mark = visited_[static_cast<size_t>(u)];
      if (mark == search_ || units_[static_cast<size_t>(u)].level < lowest) return;
      mark = search_;
      pending.push_back(u);
    };
    for (int from : {a, b}) {
      for (int d : units_[static_cast<size_t>(from)].depends) {
        if (const int u = unit(d); u != a && u != b) push(u);
      }
    }
    while (!pending.empty()) {
      const int u = pending.back();
      pending.pop_back();
      if (u == a || u == b) return true;
      for (int d : units_[static_cast<size_t>(u)].depends) push(unit(d));
    }
    return false;
  }

  void merge(int from, int into) {
    Unit &a = units_[static_cast<size_t>(from)], &b = units_[static_cast<size_t>(into)];
    for (int m : a.members) unit_of_[static_cast<size_t>(m)] = into;
    b.members.insert(b.members.end(), a.members.begin(), a.members.end());
    std::sort(b.members.begin(), b.members.end());
    b.depends.insert(a.depends.begin(), a.depends.end());
    std::erase_if(b.depends, [&](int d) { return unit(d) == into; });
    b.level = std::max(a.level, b.level);
    a = {};
    lift_readers(into);
  }

  /// Puts what depends on a unit above it again.
  void lift_readers(int lifted) {
    std::vector<int> pending{lifted};
    while (!pending.empty()) {
      const int below = pending.back(), least = units_[static_cast<size_t>(below)].level + 1;
      pending.pop_back();
      for (int m : units_[static_cast<size_t>(below)].members) {
        for (int id : node(m).out) {
          for (int reader : users_[static_cast<size_t>(id)]) {
            const int u = unit(reader);
            if (u == below || units_[static_cast<size_t>(u)].level >= least) continue;
            units_[static_cast<size_t>(u)].level = least;
            pending.push_back(u);
          }
        }
      }
    }
  }

  /// Kahn's algorithm; among ready units the one whose last member came first in the program.
  std::vector<int> sorted_units() const {
    std::map<int, std::set<int>> waits_for;
    std::map<int, std::vector<int>> unblocks;
    using Entry = std::pair<int, int>;  // last member, unit
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready;
    for (size_t u = 0; u < units_.size(); ++u) {
      if (units_[u].members.empty()) continue;
      std::set<int>& waits = waits_for[static_cast<int>(u)];
      for (int d : units_[u].depends) waits.insert(unit(d));
      for (int d : waits) unblocks[d].push_back(static_cast<int>(u));
      if (waits.empty()) ready.emplace(units_[u].members.back(), static_cast<int>(u));
    }
    std::vector<int> order;
    while (!ready.empty()) {
      const int u = ready.top().second;
      ready.pop();
      order.push_back(u);
      for (int next : unblocks[u]) {
        std::set<int>& waits = waits_for[next];
        waits.erase(u);
        if (waits.empty()) ready.emplace(units_[static_cast<size_t>(next)].members.back(), next);
      }
    }
    return order;
  }

  /// The record of a number known when captured ("full" without inputs), seen through views.
  const Node* uniform_source(int value) const {
    const int p = producer(g_.root(value));
    if (p < 0) return nullptr;
    const Node& n = node(p);
    return !n.fused && n.def()->traits.pointwise && n.in.empty() ? &n : nullptr;
  }

  bool is_result(int value) const { return result_[static_cast<size_t>(value)]; }

  bool used_outside(int value, const std::vector<int>& members) const {
    const auto& users = users_[static_cast<size_t>(value)];
    return is_result(value) || std::any_of(users.begin(), users.end(), [&](int u) {
             return !std::binary_search(members.begin(), members.end(), u);
           });
  }

  Node make_group(const std::vector<int>& members) const {
    auto program = std::make_shared<PointwiseProgram>();
    Node group;
    group.module_path = node(members.back()).module_path;
    std::map<int, int> input_register, made_by;  // value → register; value → instruction
    const auto inside = [&](int id) {
      const int p = producer(id);
      return p >= 0 && std::binary_search(members.begin(), members.end(), p);
    };
    for (int m : members) {
      for (int id : node(m).in) {
        if (inside(id) || uniform_source(id) || input_register.contains(id)) continue;
        input_register[id] = static_cast<int>(group.in.size());
        group.in.push_back(id);
        program->inputs.push_back(g_.meta(id).dtype);
      }
    }
    const auto add = [&](OpId op, std::vector<int> in, const Attrs& attrs, DType dtype) {
      program->instructions.push_back({op, std::move(in), attrs, dtype});
      return static_cast<int>(group.in.size() + program->instructions.size()) - 1;
    };
    for (int m : members) {
      const Node& n = node(m);
      std::vector<int> in;
      for (int id : n.in) {
        if (const auto it = input_register.find(id); it != input_register.end()) {
          in.push_back(it->second);
        } else if (const auto made = made_by.find(id); made != made_by.end()) {
          in.push_back(made->second);
        } else {
          const Node& number = *uniform_source(id);
          made_by[id] = add(number.op, {}, number.attrs, g_.meta(id).dtype);
          in.push_back(made_by[id]);
        }
      }
      const int id = n.out[0];
      made_by[id] = add(n.op, std::move(in), n.attrs, g_.meta(id).dtype);
      if (used_outside(id, members)) {
        program->outputs.push_back(made_by[id]);
        group.out.push_back(id);
      }
    }
    group.fused = std::move(program);
    return group;
  }

  Graph g_;
  std::vector<std::vector<int>> users_;
  std::vector<bool> result_;  // per value: an output of the step or the new value of a variable
  std::vector<int> unit_of_;
  std::vector<Unit> units_;
  std::vector<int> visited_;  // per unit: the last search that came by
  int search_ = 0;
};

}  // namespace

Graph fuse_pointwise(Graph graph, PassLog& log) {
  Graph fused = Fuser(std::move(graph)).run(log);
  return eliminate_dead_code(std::move(fused));  // numbers that became part of a program
}

}  // namespace lamina::graph
