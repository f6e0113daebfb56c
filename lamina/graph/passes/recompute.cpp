// Makes values of the forward pass a second time where the backward pass reads them, instead of keeping them.
//
// The step is cut where most bytes are alive. A value that lives across the cut may be dropped there: nodes behind the
// cut that read it read a copy, made by running its producer again right before the first of them. Inputs of that
// producer are those kept, or copies themselves. (Chen et al. 2016, with the choice of what to keep left to trial:
// which values to drop follows from the memory and the work of the step that results.)
#include <algorithm>
#include <cstdio>
#include <map>

#include "lamina/graph/passes.h"

namespace lamina::graph {

namespace {

// More work than this share of the whole step is not worth the memory.
constexpr double kBudget = 0.3;
// Operations in the time of moving a byte: what processors have in common, roughly.
constexpr double kFlopsPerByte = 10;

int64_t bytes_of(const Meta& m) { return m.numel() * static_cast<int64_t>(size_of(m.dtype)); }

class Recomputer {
 public:
  explicit Recomputer(Graph g) : g_(std::move(g)), result_(g_.values.size()) {
    for (int id : g_.outputs) result_[static_cast<size_t>(g_.root(id))] = true;
    for (const StateValue& s : g_.state) result_[static_cast<size_t>(g_.root(s.after))] = true;
    for (const Node& n : g_.nodes) work_.push_back(work_of(n));
  }

  Graph run(PassLog& log) {
    Trial best = trial({});
    const int64_t before = best.peak;
    double whole = 0;
    for (double w : work_) whole += w;
    cut_ = best.peak_at;
    std::vector<bool> dropped(g_.values.size());
    int count = 0;
    for (int id : candidates()) {
      dropped[static_cast<size_t>(id)] = true;
      Trial next = trial(dropped);
      if (next.peak < best.peak && next.extra_work <= kBudget * whole) {
        best = std::move(next);
        ++count;
      } else {
        dropped[static_cast<size_t>(id)] = false;
      }
    }
    char text[160];
    std::snprintf(text, sizeof text,
                  "recompute: %d values are made again instead of kept: %.1f MiB at the peak instead of %.1f, about "
                  "%.0f %% more work",
                  count, static_cast<double>(best.peak) / 0x1p20, static_cast<double>(before) / 0x1p20,
                  100 * best.extra_work / std::max(whole, 1.0));
    log.decisions.emplace_back(text);
    return applied(best);
  }

 private:
  /// A node of the new order: one of the graph with other inputs, or a second run of it with outputs of its own.
  struct Entry {
    int node;
    bool again;
    std::vector<int> in, out;
  };
  struct Trial {
    std::vector<Entry> entries;
    std::vector<int> originals;  // of values made again, which are numbered from g_.values.size() on
    std::vector<int> roots;      // of those
    int64_t peak = 0;
    int peak_at = 0;  // entry
    double extra_work = 0;
  };

  static size_t at(int i) { return static_cast<size_t>(i); }

  double work_of(const Node& n) const {
    if (n.is_view()) return 0;
    const Metas in = g_.metas(n.in), out = g_.metas(n.out);
    double bytes = 0, flops = 0;
    for (const Metas* metas : {&in, &out}) {
      for (const Meta& m : *metas) bytes += static_cast<double>(bytes_of(m));
    }
    if (n.fused) {
      flops = static_cast<double>(n.fused->instructions.size()) * static_cast<double>(out[0].numel());
    } else if (n.def()->flops) {
      flops = n.def()->flops(in, out, n.attrs);
    }
    return std::max(flops / kFlopsPerByte, bytes);
  }

  bool repeatable(int node) const { return g_.nodes[at(node)].fused || !g_.nodes[at(node)].def()->traits.stateful; }

  /// The last node that reads each root.
  std::vector<int> last_reads() const {
    std::vector<int> last(g_.values.size(), -1);
    for (size_t i = 0; i < g_.nodes.size(); ++i) {
      if (g_.nodes[i].is_view()) continue;
      for (int id : g_.nodes[i].in) last[at(g_.root(id))] = static_cast<int>(i);
    }
    return last;
  }

  /// Values alive across the cut, the ones that are cheapest to make again for their size first.
  std::vector<int> candidates() const {
    const std::vector<int> last = last_reads();
    std::vector<int> list;
    for (size_t v = 0; v < g_.values.size(); ++v) {
      const int p = g_.values[v].node, id = static_cast<int>(v);
      if (g_.values[v].kind != ValueKind::computed || g_.root(id) != id || result_[v]) continue;
      if (p >= g_.invariant_nodes && p < cut_ && last[v] > cut_ && repeatable(p)) list.push_back(id);
    }
    const auto price = [&](int id) {
      return work_[at(g_.values[at(id)].node)] / static_cast<double>(bytes_of(g_.meta(id)) + 1);
    };
    std::stable_sort(list.begin(), list.end(), [&](int a, int b) { return price(a) < price(b); });
    return list;
  }

  /// The order of the step without keeping what is dropped (empty: nothing), with its memory and work.
  Trial trial(const std::vector<bool>& dropped) const {
    Trial t;
    std::map<int, int> copies;  // value → the one made again
    const std::vector<int> last = dropped.empty() ? std::vector<int>() : last_reads();
    for (size_t i = 0; i < g_.nodes.size(); ++i) {
      const Node& n = g_.nodes[i];
      Entry e{static_cast<int>(i), false, n.in, n.out};
      if (!dropped.empty() && static_cast<int>(i) > cut_) {
        for (int& id : e.in) id = late(id, dropped, last, copies, t);
      }
      t.entries.push_back(std::move(e));
    }
    measure(t);
    return t;
  }

  /// What a node behind the cut reads in place of a value.
  int late(int id, const std::vector<bool>& dropped, const std::vector<int>& last, std::map<int, int>& copies,
           Trial& t) const {
    if (const auto it = copies.find(id); it != copies.end()) return it->second;
    const int p = g_.values[at(id)].node;
    if (p < g_.invariant_nodes || p > cut_) return id;  // given, or made behind the cut
    const Node& n = g_.nodes[at(p)];
    // What died before the cut is made again, too, rather than kept for this.
    const bool kept = !n.is_view() && !dropped[at(id)] && (last[at(id)] > cut_ || result_[at(id)] || !repeatable(p));
    if (kept) return id;
    Entry e{p, true, n.in, {}};
    bool same = n.is_view();
    for (int& in : e.in) {
      const int now = late(in, dropped, last, copies, t);
      same = same && now == in;
      in = now;
    }
    if (same) return id;  // a view of something kept
    for (int out : n.out) {
      const int copy = static_cast<int>(g_.values.size() + t.originals.size());
      t.originals.push_back(out);
      t.roots.push_back(n.is_view() ? root(e.in[0], t) : copy);
      e.out.push_back(copy);
      // Other results of the node may have been kept; then they are read where they are.
      if (out == id || n.is_view() || dropped[at(out)] || last[at(out)] <= cut_) copies[out] = copy;
    }
    t.extra_work += work_[at(p)];
    t.entries.push_back(std::move(e));
    return copies.at(id);
  }

  int root(int id, const Trial& t) const {
    return at(id) < g_.values.size() ? g_.root(id) : t.roots[at(id) - g_.values.size()];
  }

  /// Bytes alive over the entries; results and what is given have memory of their own.
  void measure(Trial& t) const {
    const size_t values = g_.values.size() + t.originals.size();
    std::vector<int> last(values, -1);
    for (size_t i = 0; i < t.entries.size(); ++i) {
      const Entry& e = t.entries[i];
      if (g_.nodes[at(e.node)].is_view()) continue;
      for (int id : e.in) last[at(root(id, t))] = static_cast<int>(i);
    }
    std::vector<int64_t> change(t.entries.size() + 1);
    for (size_t i = 0; i < t.entries.size(); ++i) {
      const Entry& e = t.entries[i];
      if (g_.nodes[at(e.node)].is_view() || e.node < g_.invariant_nodes) continue;
      for (int id : e.out) {
        const bool original = at(id) < g_.values.size();
        if (original && result_[at(id)]) continue;
        const int64_t bytes = bytes_of(g_.meta(original ? id : t.originals[at(id) - g_.values.size()]));
        change[i] += bytes;
        change[static_cast<size_t>(std::max(last[at(id)], static_cast<int>(i))) + 1] -= bytes;
      }
    }
    int64_t alive = 0;
    for (size_t i = 0; i < t.entries.size(); ++i) {
      alive += change[i];
      if (alive <= t.peak) continue;
      t.peak = alive;
      t.peak_at = static_cast<int>(i);
    }
  }

  Graph applied(const Trial& t) const {
    Graph g = g_;
    for (int original : t.originals) g.add_value(g_.meta(original), -1);
    std::vector<int> order;
    for (const Entry& e : t.entries) {
      if (e.again) {
        Node again = g_.nodes[at(e.node)];
        again.in = e.in;
        again.out = e.out;
        order.push_back(static_cast<int>(g.nodes.size()));
        g.nodes.push_back(std::move(again));
      } else {
        g.nodes[at(e.node)].in = e.in;
        order.push_back(e.node);
      }
    }
    Graph rebuilt = rebuild(g, order);
    rebuilt.invariant_nodes = g_.invariant_nodes;
    return rebuilt;
  }

  Graph g_;
  std::vector<bool> result_;  // per root: an output of the step or the new value of a variable
  std::vector<double> work_;  // per node
  int cut_ = 0;               // node
};

}  // namespace

Graph recompute(Graph graph, PassLog& log) { return Recomputer(std::move(graph)).run(log); }

}  // namespace lamina::graph
