// Chooses the layout of images: convolutions say in blocks of how many channels they run fastest,
// everything between them follows, and copies are made only where an op insists on row-major data.
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

  /// The same values dense, in blocks of channels or row-major (0), copied at most once.
  int copied(int id, int64_t block) {
    if (g_.meta(id).channel_block == block && (g_.meta(id).is_contiguous() || g_.meta(id).is_dense_blocked()))
      return id;
    const auto key = std::make_pair(id, block);
    if (const auto it = copies_.find(key); it != copies_.end()) return it->second;
    Node copy;
    copy.op = OpId::contiguous;
    copy.in = {id};
    copy.out = {g_.add_value(blocked_meta(g_.meta(id).dtype, g_.meta(id).shape, block), -1)};
    copies_[key] = copy.out[0];
    append(copy);
    return copy.out[0];
  }

  void place_view(Node& n) {
    Metas out;
    try {
      out = n.def()->infer(g_.metas(n.in), n.attrs);
    } catch (const Error&) {  // the new layout does not allow it
      n.in[0] = copied(n.in[0], 0);
      out = n.def()->infer(g_.metas(n.in), n.attrs);
    }
    value(n.out[0]).meta = out[0];
    value(n.out[0]).root = g_.root(n.in[0]);
    append(std::move(n));
  }

  void place(Node& n) {
    const Traits& traits = n.def()->traits;
    const int64_t block = wanted_block(n);
    for (size_t i = 0; i < n.in.size(); ++i) {
      const int64_t own = g_.meta(n.in[i]).channel_block;
      if (traits.pointwise) {
        // Any strides will do, but blocks of one size only.
        if (own != 0 && own != block) n.in[i] = copied(n.in[i], 0);
      } else if (bit(traits.channels_in, i)) {
        if (!traits.strided || own != 0) n.in[i] = copied(n.in[i], own);
      } else if (!traits.strided || own != 0) {
        n.in[i] = copied(n.in[i], 0);
      }
    }
    for (size_t i = 0; i < n.out.size(); ++i) {
      Meta& m = value(n.out[i]).meta;
      const bool image = bit(traits.channels_out, i) || traits.pointwise;
      m = blocked_meta(m.dtype, m.shape, image ? block : 0);
    }
    if (any_blocked(n) && !has_kernel(n)) make_uniform(n, block);
    append(std::move(n));
  }

  /// All images in blocks of one size, or all row-major.
  void make_uniform(Node& n, int64_t block) {
    const uint32_t images = n.def()->traits.channels_in;
    const auto divides = [&](int id) { return g_.meta(id).rank() > 2 && g_.meta(id).shape[1] % block == 0; };
    bool all = block > 0;
    for (size_t i = 0; i < n.in.size(); ++i) all = all && (!bit(images, i) || divides(n.in[i]));
    if (all) {
      Metas in;
      for (size_t i = 0; i < n.in.size(); ++i) {
        const Meta& m = g_.meta(n.in[i]);
        in.push_back(bit(images, i) ? blocked_meta(m.dtype, m.shape, block) : m);
      }
      all = has_kernel(n, in, g_.metas(n.out));
    }
    if (!all) return make_row_major(n);
    for (size_t i = 0; i < n.in.size(); ++i) {
      if (bit(images, i)) n.in[i] = copied(n.in[i], block);
    }
  }

  /// Of the op's images: what a backend wishes, else what its inputs have.
  int64_t wanted_block(const Node& n) const {
    const Traits& traits = n.def()->traits;
    const Shape& shape = g_.meta(n.out[0]).shape;
    if (traits.channels_out != 0) {
      const Metas in = g_.metas(n.in), out = g_.metas(n.out);
      for (const Backend* backend : backends()) {
        if (const auto block = backend->preferred_channel_block({n.op, in, out, n.attrs})) return *block;
      }
    }
    for (size_t i = 0; i < n.in.size(); ++i) {
      const Meta& m = g_.meta(n.in[i]);
      const bool leads = traits.pointwise ? m.shape == shape : bit(traits.channels_in, i) && traits.channels_out != 0;
      if (leads && m.channel_block != 0 && shape[1] % m.channel_block == 0) return m.channel_block;
    }
    return 0;
  }

  bool any_blocked(const Node& n) const {
    const auto blocked = [&](int id) { return g_.meta(id).channel_block != 0; };
    return std::any_of(n.in.begin(), n.in.end(), blocked) || std::any_of(n.out.begin(), n.out.end(), blocked);
  }

  bool has_kernel(const Node& n) const { return has_kernel(n, g_.metas(n.in), g_.metas(n.out)); }

  static bool has_kernel(const Node& n, const Metas& in, const Metas& out) {
    return std::any_of(backends().begin(), backends().end(), [&](const Backend* b) {
      const KernelChoice choice = b->prepare({n.op, in, out, n.attrs});
      return std::holds_alternative<std::unique_ptr<Kernel>>(choice);
    });
  }

  void make_row_major(Node& n) {
    for (int& id : n.in) {
      if (g_.meta(id).channel_block != 0) id = copied(id, 0);
    }
    for (int id : n.out) value(id).meta = Meta(g_.meta(id).dtype, g_.meta(id).shape);
  }

  Graph g_;
  std::vector<Node> nodes_;
  std::map<std::pair<int, int64_t>, int> copies_;
};

}  // namespace

Graph choose_layouts(Graph graph) { return LayoutPass(std::move(graph)).run(); }

}  // namespace lamina::graph
