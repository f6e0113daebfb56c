// Chooses where images lie with their channels last: convolutions say what they like, everything
// between them follows, and copies are made only where an op insists on row-major data.
#include <algorithm>
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

  /// The same values row-major, copied at most once.
  int copied(int id) {
    if (const auto it = copies_.find(id); it != copies_.end()) return it->second;
    const Meta meta(g_.meta(id).dtype, g_.meta(id).shape);
    Node copy;
    copy.op = OpId::contiguous;
    copy.in = {id};
    copy.out = {g_.add_value(meta, -1)};
    copies_[id] = copy.out[0];
    append(copy);
    return copy.out[0];
  }

  void place_view(Node& n) {
    Metas out;
    try {
      out = n.def()->infer(g_.metas(n.in), n.attrs);
    } catch (const Error&) {  // a reshape that the new strides do not allow
      n.in[0] = copied(n.in[0]);
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
      n.in[i] = copied(n.in[i]);
    }
    if (traits.channels_out != 0) follows = wants_channels_last(n, follows);
    for (size_t i = 0; i < n.out.size(); ++i) {
      Meta& m = value(n.out[i]).meta;
      const bool image = bit(traits.channels_out, i) || traits.pointwise;
      m.strides = follows && image ? channels_last_strides(m.shape) : contiguous_strides(m.shape);
    }
    if (follows && !n.def()->traits.pointwise && !has_kernel(n)) make_row_major(n);
    append(std::move(n));
  }

  bool has_kernel(const Node& n) const {
    const Metas in = g_.metas(n.in), out = g_.metas(n.out);
    return std::any_of(backends().begin(), backends().end(), [&](const Backend* b) {
      const KernelChoice choice = b->prepare({n.op, in, out, n.attrs});
      return std::holds_alternative<std::unique_ptr<Kernel>>(choice);
    });
  }

  void make_row_major(Node& n) {
    for (int& id : n.in) {
      if (!g_.meta(id).is_contiguous()) id = copied(id);
    }
    for (int id : n.out) value(id).meta.strides = contiguous_strides(g_.meta(id).shape);
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
  std::map<int, int> copies_;
};

}  // namespace

Graph choose_layouts(Graph graph) { return LayoutPass(std::move(graph)).run(); }

}  // namespace lamina::graph
