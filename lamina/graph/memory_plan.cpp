#include "lamina/graph/memory_plan.h"

#include <algorithm>

namespace lamina::graph {

namespace {

constexpr int64_t kAlignment = 64;

int64_t rounded(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

/// A stretch of the arena that is needed from one node to another.
struct Block {
  int64_t bytes = 0;
  int first = 0, last = 0;
  int64_t offset = 0;
};

class Planner {
 public:
  Planner(const Graph& g, const std::vector<int64_t>& workspace_bytes)
      : g_(g), workspace_bytes_(workspace_bytes), last_read_(g.values.size(), -1), block_of_(g.values.size(), -1) {
    plan_.locations.resize(g.values.size());
    plan_.workspace_offsets.assign(g.nodes.size(), 0);
  }

  MemoryPlan run() {
    find_last_reads();
    place_sources();
    place_states();
    make_blocks();
    assign_offsets();
    for (size_t i = 0; i < g_.values.size(); ++i) {
      const int root = g_.root(static_cast<int>(i));
      if (root != static_cast<int>(i)) plan_.locations[i] = plan_.locations[static_cast<size_t>(root)];
    }
    return std::move(plan_);
  }

 private:
  Location& location(int value) { return plan_.locations[static_cast<size_t>(value)]; }
  const Value& value(int id) const { return g_.values[static_cast<size_t>(id)]; }

  void find_last_reads() {
    for (size_t i = 0; i < g_.nodes.size(); ++i) {
      if (g_.nodes[i].is_view()) continue;  // a view reads nothing; its readers do
      for (int id : g_.nodes[i].in) last_read_[static_cast<size_t>(g_.root(id))] = static_cast<int>(i);
    }
  }

  void place_sources() {
    for (size_t i = 0; i < g_.values.size(); ++i) {
      const Value& v = g_.values[i];
      if (v.kind == ValueKind::input) plan_.locations[i] = {Place::input, 0, v.slot};
      if (v.kind == ValueKind::state) plan_.locations[i] = {Place::state, 0, v.slot};
      if (v.kind == ValueKind::constant) plan_.locations[i] = {Place::constant, 0, -1};
    }
    for (size_t i = 0; i < g_.outputs.size(); ++i) location(g_.outputs[i]) = {Place::output, 0, static_cast<int>(i)};
  }

  /// The node reads `source` element by element, and not again once it writes `result`: it may write over it.
  bool reads_in_step(const Node& n, int source, int result) const {
    if (!n.is_pointwise() && !n.overwrites) return false;
    const PointwiseProgram* program = n.fused ? n.fused.get() : n.epilogue.get();
    const size_t first = n.epilogue ? n.op_inputs() : 0;  // of the inputs read element by element
    const Meta& out = g_.meta(result);
    for (size_t i = 0; i < n.in.size(); ++i) {
      if (g_.root(n.in[i]) != source) continue;
      const Meta& m = g_.meta(n.in[i]);
      if (i < first || m.offset != 0 || m.shape != out.shape || m.strides != out.strides ||
          m.channel_block != out.channel_block)
        return false;
      const size_t reg = i - first + (n.epilogue ? 1 : 0);
      if (program && last_reader(*program, static_cast<int>(reg)) > maker_of(n, *program, result)) return false;
    }
    return true;
  }

  static int last_reader(const PointwiseProgram& p, int reg) {
    int last = -1;
    for (size_t i = 0; i < p.instructions.size(); ++i) {
      const auto& in = p.instructions[i].in;
      if (std::find(in.begin(), in.end(), reg) != in.end()) last = static_cast<int>(i);
    }
    return last;
  }

  /// The instruction of a program that makes one of a node's results.
  static int maker_of(const Node& n, const PointwiseProgram& p, int result) {
    const auto k = std::find(n.out.begin(), n.out.end(), result) - n.out.begin();
    return p.outputs[static_cast<size_t>(k)] - static_cast<int>(p.inputs.size());
  }

  /// A variable's new value goes straight to the variable's memory where nobody reads the old one later.
  void place_states() {
    for (size_t i = 0; i < g_.state.size(); ++i) {
      const StateValue& s = g_.state[i];
      if (s.after == s.before) continue;
      const int producer = value(s.after).node;
      const int last = last_read_[static_cast<size_t>(s.before)];
      const bool safe = last < producer ||
                        (last == producer && reads_in_step(g_.nodes[static_cast<size_t>(producer)], s.before, s.after));
      if (safe) {
        location(s.after) = {Place::state, 0, static_cast<int>(i)};
      } else {
        plan_.copied_states.push_back(static_cast<int>(i));
        last_read_[static_cast<size_t>(s.after)] = static_cast<int>(g_.nodes.size());
      }
    }
  }

  void make_blocks() {
    for (size_t i = 0; i < g_.nodes.size(); ++i) {
      const Node& n = g_.nodes[i];
      if (n.is_view()) continue;
      for (int id : n.out) {
        if (id != n.out[0] && !n.fused && !n.epilogue && last_read_[static_cast<size_t>(id)] < 0)
          continue;  // nobody wants it
        if (location(id).place == Place::nowhere)
          block_of_[static_cast<size_t>(id)] = block_for(n, static_cast<int>(i), id);
      }
      if (workspace_bytes_[i] > 0) {
        workspace_blocks_.emplace_back(static_cast<int>(i), static_cast<int>(blocks_.size()));
        blocks_.push_back({rounded(workspace_bytes_[i]), static_cast<int>(i), static_cast<int>(i), 0});
      }
    }
  }

  /// Results of invariant nodes stay until the next call.
  bool persists(int index, int last) const { return index < g_.invariant_nodes && last >= g_.invariant_nodes; }

  int block_for(const Node& n, int index, int id) {
    const int64_t bytes = rounded(g_.meta(id).numel() * static_cast<int64_t>(size_of(g_.meta(id).dtype)));
    const int last = std::max(index, last_read_[static_cast<size_t>(id)]);
    if (persists(index, last)) {
      blocks_.push_back({bytes, 0, static_cast<int>(g_.nodes.size()), 0});
      return static_cast<int>(blocks_.size()) - 1;
    }
    for (int in : n.in) {
      const int root = g_.root(in), block = block_of_[static_cast<size_t>(root)];
      if (block < 0 || blocks_[static_cast<size_t>(block)].last != index || !reads_in_step(n, root, id)) continue;
      if (blocks_[static_cast<size_t>(block)].bytes != bytes || g_.meta(root).dtype != g_.meta(id).dtype) continue;
      blocks_[static_cast<size_t>(block)].last = last;
      if (last == index) continue;  // an output that nobody reads must not share with another
      return block;
    }
    blocks_.push_back({bytes, index, last, 0});
    return static_cast<int>(blocks_.size()) - 1;
  }

  /// Large blocks first, each at the smallest gap among those alive at the same time.
  void assign_offsets() {
    std::vector<int> by_size(blocks_.size());
    for (size_t i = 0; i < by_size.size(); ++i) by_size[i] = static_cast<int>(i);
    std::stable_sort(by_size.begin(), by_size.end(), [&](int a, int b) {
      return blocks_[static_cast<size_t>(a)].bytes > blocks_[static_cast<size_t>(b)].bytes;
    });
    std::vector<const Block*> placed;
    for (int index : by_size) {
      Block& b = blocks_[static_cast<size_t>(index)];
      b.offset = best_gap(b, placed);
      placed.insert(std::upper_bound(placed.begin(), placed.end(), &b,
                                     [](const Block* x, const Block* y) { return x->offset < y->offset; }),
                    &b);
      plan_.arena_bytes = std::max(plan_.arena_bytes, b.offset + b.bytes);
    }
    for (size_t i = 0; i < block_of_.size(); ++i) {
      if (block_of_[i] >= 0) plan_.locations[i] = {Place::arena, blocks_[static_cast<size_t>(block_of_[i])].offset, -1};
    }
    for (const auto& [node, block] : workspace_blocks_) {
      plan_.workspace_offsets[static_cast<size_t>(node)] = blocks_[static_cast<size_t>(block)].offset;
    }
  }

  static int64_t best_gap(const Block& b, const std::vector<const Block*>& placed) {
    int64_t end = 0, best = -1, best_size = 0;
    for (const Block* other : placed) {
      if (other->last < b.first || other->first > b.last) continue;
      const int64_t gap = other->offset - end;
      if (gap >= b.bytes && (best < 0 || gap < best_size)) {
        best = end;
        best_size = gap;
      }
      end = std::max(end, other->offset + other->bytes);
    }
    return best >= 0 ? best : end;
  }

  const Graph& g_;
  const std::vector<int64_t>& workspace_bytes_;
  std::vector<int> last_read_;  // per root value: the last node that reads it
  std::vector<int> block_of_;   // per value
  std::vector<Block> blocks_;
  std::vector<std::pair<int, int>> workspace_blocks_;  // node, block
  MemoryPlan plan_;
};

}  // namespace

MemoryPlan plan_memory(const Graph& graph, const std::vector<int64_t>& workspace_bytes) {
  return Planner(graph, workspace_bytes).run();
}

}  // namespace lamina::graph
