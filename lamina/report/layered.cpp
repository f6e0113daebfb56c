// In four steps: layers by the longest path, bends where an edge passes layers, an order in each layer with few
// crossings, and places near those of the neighbours.
#include <algorithm>
#include <numeric>

#include "lamina/core/error.h"
#include "lamina/report/layered_internal.h"

namespace lamina::report {

namespace {

constexpr double kLayerGap = 44, kBendSize = 12, kMargin = 16;
constexpr int kSweeps = 24;

class Layering {
 public:
  Layering(const std::vector<Place>& sizes, const std::vector<LayeredEdge>& edges, double gap)
      : edges_(edges), sizes_(sizes), gap_(gap) {
    for (const LayeredEdge& e : edges) {
      const auto known = [&](int node) { return node >= 0 && static_cast<size_t>(node) < sizes.size(); };
      if (!known(e.from) || !known(e.to)) throw Error("diagram", "an edge leads to a node that there is not");
    }
    nodes_ = sizes.size();
    find_layers();
    add_bends();
    order();
    place_across();
    place_along();
  }

  LayeredLayout layout() const {
    LayeredLayout result;
    result.centres.assign(places_.begin(), places_.begin() + static_cast<std::ptrdiff_t>(nodes_));
    for (size_t e = 0; e < edges_.size(); ++e) result.routes.push_back(route(e));
    result.size = size_;
    return result;
  }

 private:
  using Nodes = std::vector<size_t>;

  /// A node stands behind all that lead to it; a source right before the first node that it leads to.
  void find_layers() {
    std::vector<int> waiting(nodes_, 0);
    std::vector<Nodes> next(nodes_);
    for (const LayeredEdge& e : edges_) {
      next[static_cast<size_t>(e.from)].push_back(static_cast<size_t>(e.to));
      ++waiting[static_cast<size_t>(e.to)];
    }
    const std::vector<int> entering = waiting;
    layer_.assign(nodes_, 0);
    Nodes ready;
    for (size_t n = 0; n < nodes_; ++n) {
      if (waiting[n] == 0) ready.push_back(n);
    }
    for (size_t i = 0; i < ready.size(); ++i) {
      for (size_t n : next[ready[i]]) {
        layer_[n] = std::max(layer_[n], layer_[ready[i]] + 1);
        if (--waiting[n] == 0) ready.push_back(n);
      }
    }
    if (ready.size() != nodes_) throw Error("diagram", "the graph has a cycle");
    for (size_t n = 0; n < nodes_; ++n) {
      if (entering[n] > 0 || next[n].empty()) continue;
      size_t nearest = layer_[next[n][0]];
      for (size_t to : next[n]) nearest = std::min(nearest, layer_[to]);
      layer_[n] = nearest - 1;
    }
  }

  void add_bends() {
    for (const LayeredEdge& e : edges_) {
      Nodes chain{static_cast<size_t>(e.from)};
      const auto to = static_cast<size_t>(e.to);
      for (size_t l = layer_[chain[0]] + 1; l < layer_[to]; ++l) {
        chain.push_back(sizes_.size());
        sizes_.push_back({0, kBendSize});
        layer_.push_back(l);
      }
      chain.push_back(to);
      chains_.push_back(std::move(chain));
    }
    before_.resize(sizes_.size());
    behind_.resize(sizes_.size());
    for (const Nodes& chain : chains_) {
      for (size_t i = 1; i < chain.size(); ++i) {
        before_[chain[i]].push_back(chain[i - 1]);
        behind_[chain[i - 1]].push_back(chain[i]);
      }
    }
    layers_.resize(layer_.empty() ? 0 : 1 + *std::max_element(layer_.begin(), layer_.end()));
    for (size_t n = 0; n < sizes_.size(); ++n) layers_[layer_[n]].push_back(n);
  }

  std::vector<size_t> ranks() const {
    std::vector<size_t> rank(sizes_.size());
    for (const Nodes& layer : layers_) {
      for (size_t i = 0; i < layer.size(); ++i) rank[layer[i]] = i;
    }
    return rank;
  }

  size_t crossings() const {
    const std::vector<size_t> rank = ranks();
    size_t count = 0;
    for (const Nodes& layer : layers_) {
      std::vector<std::pair<size_t, size_t>> lines;
      for (size_t n : layer) {
        for (size_t to : behind_[n]) lines.emplace_back(rank[n], rank[to]);
      }
      for (size_t a = 0; a < lines.size(); ++a) {
        for (size_t b = a + 1; b < lines.size(); ++b)
          count += lines[a].first < lines[b].first && lines[a].second > lines[b].second;
      }
    }
    return count;
  }

  /// Sorts each layer by the mean rank of its neighbours, forth and back, and keeps the best of all orders.
  void order() {
    std::vector<Nodes> best = layers_;
    size_t fewest = crossings();
    for (int sweep = 0; sweep < kSweeps && fewest > 0; ++sweep) {
      const bool forth = sweep % 2 == 0;
      for (size_t i = 1; i < layers_.size(); ++i) {
        Nodes& layer = layers_[forth ? i : layers_.size() - 1 - i];
        const std::vector<size_t> rank = ranks();
        const auto mean = [&](size_t n) {
          const Nodes& near = (forth ? before_ : behind_)[n];
          if (near.empty()) return static_cast<double>(rank[n]);
          double sum = 0;
          for (size_t other : near) sum += static_cast<double>(rank[other]);
          return sum / static_cast<double>(near.size());
        };
        std::stable_sort(layer.begin(), layer.end(), [&](size_t a, size_t b) { return mean(a) < mean(b); });
      }
      if (const size_t count = crossings(); count < fewest) {
        fewest = count;
        best = layers_;
      }
    }
    layers_ = std::move(best);
  }

  /// Moves the nodes of a layer as near as possible (least squares) to where they would like to be, in their order and
  /// without overlap: isotonic regression, by pooling neighbours that are in each other's way.
  void settle(const Nodes& layer, const std::vector<double>& wishes) {
    struct Pool {
      double sum, weight;
      size_t members;
      double mean() const { return sum / weight; }
    };
    std::vector<double> offsets(layer.size(), 0);
    std::vector<Pool> pools;
    for (size_t i = 0; i < layer.size(); ++i) {
      if (i > 0) offsets[i] = offsets[i - 1] + (sizes_[layer[i - 1]].across + sizes_[layer[i]].across) / 2 + gap_;
      const double weight = layer[i] < nodes_ ? 1 : 4;  // long edges are to be straight
      pools.push_back({weight * (wishes[i] - offsets[i]), weight, 1});
      while (pools.size() > 1 && pools[pools.size() - 2].mean() > pools.back().mean()) {
        Pool& into = pools[pools.size() - 2];
        into = {into.sum + pools.back().sum, into.weight + pools.back().weight, into.members + pools.back().members};
        pools.pop_back();
      }
    }
    size_t i = 0;
    for (const Pool& pool : pools) {
      for (size_t k = 0; k < pool.members; ++k, ++i) places_[layer[i]].across = pool.mean() + offsets[i];
    }
  }

  void place_across() {
    places_.resize(sizes_.size());
    for (const Nodes& layer : layers_) settle(layer, std::vector<double>(layer.size(), 0));
    for (int sweep = 0; sweep < kSweeps; ++sweep) {
      const bool forth = sweep % 2 == 0;
      for (size_t i = 1; i < layers_.size(); ++i) {
        const Nodes& layer = layers_[forth ? i : layers_.size() - 1 - i];
        std::vector<double> wishes;
        for (size_t n : layer) {
          const Nodes& near = (forth ? before_ : behind_)[n];
          double sum = 0;
          for (size_t other : near) sum += places_[other].across;
          wishes.push_back(near.empty() ? places_[n].across : sum / static_cast<double>(near.size()));
        }
        settle(layer, wishes);
      }
    }
    double low = 0, high = 0;
    for (size_t n = 0; n < sizes_.size(); ++n) {
      low = std::min(low, places_[n].across - sizes_[n].across / 2);
      high = std::max(high, places_[n].across + sizes_[n].across / 2);
    }
    for (Place& p : places_) p.across += kMargin - low;
    size_.across = high - low + 2 * kMargin;
  }

  void place_along() {
    std::vector<double> depth(layers_.size(), 0), room(layers_.size(), 0);
    for (size_t n = 0; n < sizes_.size(); ++n) depth[layer_[n]] = std::max(depth[layer_[n]], sizes_[n].along);
    for (size_t e = 0; e < edges_.size(); ++e) {
      double& r = room[layer_[chains_[e][0]]];
      r = std::max(r, edges_[e].room);
    }
    double at = kMargin;
    for (size_t l = 0; l < layers_.size(); ++l) {
      for (size_t n : layers_[l]) places_[n].along = at + depth[l] / 2;
      at += depth[l] + (l + 1 < layers_.size() ? kLayerGap + room[l] : 0);
    }
    size_.along = at + kMargin;
  }

  /// Where the i-th of n edges touches the side of a node.
  double port(size_t node, const Nodes& others, size_t other) const {
    std::vector<double> near;
    for (size_t o : others) near.push_back(places_[o].across);
    std::sort(near.begin(), near.end());
    const auto i =
        static_cast<double>(std::lower_bound(near.begin(), near.end(), places_[other].across) - near.begin());
    const double step = std::min(14.0, 0.6 * sizes_[node].across / static_cast<double>(near.size()));
    return places_[node].across + (i - static_cast<double>(near.size() - 1) / 2) * step;
  }

  std::vector<Place> route(size_t edge) const {
    const Nodes& chain = chains_[edge];
    std::vector<Place> points;
    for (size_t n : chain) points.push_back(places_[n]);
    const size_t from = chain.front(), to = chain.back();
    points.front() = {places_[from].along + sizes_[from].along / 2, port(from, behind_[from], chain[1])};
    points.back() = {places_[to].along - sizes_[to].along / 2, port(to, before_[to], chain[chain.size() - 2])};
    return points;
  }

  const std::vector<LayeredEdge>& edges_;
  std::vector<Place> sizes_, places_;  // of nodes, then of bends
  double gap_;
  size_t nodes_ = 0;
  std::vector<size_t> layer_;
  std::vector<Nodes> layers_, chains_, before_, behind_;
  Place size_;
};

}  // namespace

LayeredLayout layered_layout(const std::vector<Place>& sizes, const std::vector<LayeredEdge>& edges, double gap) {
  return Layering(sizes, edges, gap).layout();
}

}  // namespace lamina::report
