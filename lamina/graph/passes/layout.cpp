// Chooses where images lie with their channels last: convolutions say what they like, everything
// between them follows, and copies are made only where an op insists on row-major data.
#include <map>

#include "lamina/core/error.h"
#include "lamina/engine/backend.h"
#include "lamina/graph/passes.h"

namespace lamina::graph {

namespace {

bool bit(uint32_t mask, size_t i) { return i < 32 && (mask >> i & 1) != 0; }

class LayoutPass {
 public:
  explicit LayoutPass(Graph g) : g_(std::move(g)) { nodes_.swap(g_.nodes); }

  Graph run() {
    for (Node& n : nodes_) {
      if (n.is_view()) {
        place_view(n);
      } else {
        place(n);
      }
    }
    std::vector<int> order(g_.nodes.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
    return rebuild(g_, order);
  }

 private:
  Value& value(int id) { return g_.values[static_cast<size_t>(id)]; }

  void append(Node n) {
    for (int id : n.out) value(id).node = static_cast<int>(g_.nodes.size());
    g_.nodes.push_back(std::move(n));
  }

  /// The same values row-major (or channels-last), copied at most once.
  int copied(int id, bool channels_last) {
    const auto key = std::make_pair(id, channels_last);
    if (const auto it = copies_.find(key); it != copies_.end()) return it->second;
    const Meta& from = g_.meta(id);
    Meta meta(from.dtype, from.shape);
    if (channels_last) meta.strides = channels_last_strides(meta.shape);
    Node copy;
    copy.op = OpId::contiguous;
    copy.in = {id};
    copy.out = {g_.add_value(meta, -1)};
    copies_[key] = copy.out[0];
    append(copy);
    return copy.out[0];
  }

  void place_view(Node& n) {
    Metas out;
    try {
      out = n.def()->infer(g_.metas(n.in), n.attrs);
    } catch (const Error&) {  // a reshape that the new strides do not allow
      n.in[0] = copied(n.in[0], false);
      out = n.def()->infer(g_.metas(n.in), n.attrs);
    }
    value(n.out[0]).meta = out[0];
    value(n.out[0]).root = g_.root(n.in[0]);
    append(std::move(n));
  }

  void place(Node& n) {
    const Traits& traits = n.def()->traits;
    bool follows = false;  // some image it reads lies channels-last
    for (size_t i = 0; i < n.in.size(); ++i) {
      const Meta& m = g_.meta(n.in[i]);
      const bool image = bit(traits.channels_in, i);
      const bool like_output = traits.pointwise && m.shape == g_.meta(n.out[0]).shape;
      if (m.is_channels_last()) follows = follows || image || like_output;
      if (traits.strided || m.is_contiguous() || (image && m.is_channels_last())) continue;
      n.in[i] = copied(n.in[i], false);
    }
    if (traits.channels_out != 0) follows = wants_channels_last(n, follows);
    for (size_t i = 0; i < n.out.size(); ++i) {
      Meta& m = value(n.out[i]).meta;
      const bool image = bit(traits.channels_out, i) || traits.pointwise;
      m.strides = follows && image ? channels_last_strides(m.shape) : contiguous_strides(m.shape);
    }
    append(std::move(n));
  }

  bool wants_channels_last(const Node& n, bool follows) const {
    const Metas in = g_.metas(n.in), out = g_.metas(n.out);
    for (const Backend* backend : backends()) {
      const LayoutPreference preference = backend->preferred_layout({n.op, in, out, n.attrs});
      if (preference != LayoutPreference::indifferent) return preference == LayoutPreference::channels_last;
    }
    return follows;
  }

  Graph g_;
  std::vector<Node> nodes_;
  std::map<std::pair<int, bool>, int> copies_;
};

}  // namespace

Graph choose_layouts(Graph graph) { return LayoutPass(std::move(graph)).run(); }

}  // namespace lamina::graph
