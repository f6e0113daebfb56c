#include "lamina/learners/tree.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "lamina/core/error.h"
#include "lamina/core/parallel.h"
#include "lamina/core/philox.h"
#include "lamina/learners/linalg_internal.h"
#include "lamina/learners/text_internal.h"
#include "lamina/recipe/reader.h"

namespace lamina::learners {

namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();
/// Cells (rows times features) of a node from which the features are searched in parallel.
constexpr int64_t kParallel = 1 << 15;

enum class Criterion : uint8_t { gini, entropy, mse };

struct Split {
  double score = kNever;
  int64_t feature = -1;
  double threshold = 0;
};

/// The weights of classes, or weight and weighted sum of values, of some rows.
using Totals = std::vector<double>;

struct Node {
  int64_t feature = -1, left = -1, right = -1, rows = 0;
  double threshold = 0;
};

class Grower {
 public:
  Grower(const Examples& e, const TreeOptions& o, Criterion criterion)
      : options_(o), criterion_(criterion), columns_(view(e.x).transpose()), width_(e.width()) {
    outputs_ = e.has_classes() ? static_cast<int64_t>(e.classes.size()) : 2;
    weight_.assign(static_cast<size_t>(e.rows()), 1.0);
    if (e.weight.defined()) weight_ = e.weight.values();
    if (e.has_classes()) {
      class_ = e.y.ints();
    } else {
      value_ = e.y.values();
    }
    for (int64_t r = 0; r < e.rows(); ++r) {
      if (weight_[static_cast<size_t>(r)] > 0) order_.push_back(r);
    }
    if (order_.empty()) throw Error("tree", "all rows have the weight 0");
    if (!value_.empty()) {  // sums of differences from the mean lose fewer digits
      const Totals all = totals(0, count());
      centre_ = all[1] / all[0];
      for (double& v : value_) v -= centre_;
    }
    importance_.assign(static_cast<size_t>(width_), 0);
    tried_ = features_tried();
  }

  void grow() {
    struct Open {
      int64_t begin, end, depth, parent;
      bool left;
    };
    std::vector<Open> open{{0, count(), 0, -1, false}};
    while (!open.empty()) {
      const Open at = open.back();
      open.pop_back();
      const auto id = static_cast<int64_t>(nodes_.size());
      if (at.parent >= 0) {
        Node& parent = nodes_[static_cast<size_t>(at.parent)];
        (at.left ? parent.left : parent.right) = id;
      }
      nodes_.push_back({.rows = at.end - at.begin});
      const Totals all = totals(at.begin, at.end);
      add_value(all);
      if (is_leaf(at.begin, at.end, at.depth)) continue;
      const Split best = search(id, at.begin, at.end, all);
      if (best.feature < 0) continue;
      nodes_[static_cast<size_t>(id)].feature = best.feature;
      nodes_[static_cast<size_t>(id)].threshold = best.threshold;
      importance_[static_cast<size_t>(best.feature)] += std::max(0.0, best.score - score(all));
      const auto middle =
          std::stable_partition(order_.begin() + at.begin, order_.begin() + at.end,
                                [&](int64_t r) { return columns_(best.feature, r) <= best.threshold; }) -
          order_.begin();
      open.push_back({middle, at.end, at.depth + 1, id, false});
      open.push_back({at.begin, middle, at.depth + 1, id, true});
    }
  }

  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<double>& values() const { return out_; }
  const std::vector<double>& importance() const { return importance_; }
  int64_t outputs() const { return class_.empty() ? 1 : outputs_; }

 private:
  int64_t count() const { return static_cast<int64_t>(order_.size()); }

  int64_t features_tried() const {
    const std::string& text = options_.max_features;
    const double d = static_cast<double>(width_);
    if (text == "all") return width_;
    if (text == "sqrt") return std::max<int64_t>(1, static_cast<int64_t>(std::sqrt(d)));
    if (text == "log2") return std::max<int64_t>(1, static_cast<int64_t>(std::log2(d)));
    return std::min(width_, recipe::to_int(recipe::Setting::scalar(text, "tree"), "max_features"));
  }

  void add(Totals& t, int64_t row, double sign) const {
    const auto r = static_cast<size_t>(row);
    if (!class_.empty()) {
      t[static_cast<size_t>(class_[r])] += sign * weight_[r];
    } else {
      t[0] += sign * weight_[r];
      t[1] += sign * weight_[r] * value_[r];
    }
  }

  Totals totals(int64_t begin, int64_t end) const {
    Totals t(static_cast<size_t>(outputs_), 0.0);
    for (int64_t i = begin; i < end; ++i) add(t, order_[static_cast<size_t>(i)], 1);
    return t;
  }

  /// Minus the impurity times the weight, but for a constant of the node: the larger the better.
  double score(const Totals& t) const {
    if (criterion_ == Criterion::mse) return t[0] > 0 ? t[1] * t[1] / t[0] : 0;
    double all = 0, sum = 0;
    for (const double w : t) all += w;
    if (!(all > 0)) return 0;
    for (const double w : t) {
      if (w > 0) sum += criterion_ == Criterion::gini ? w * w / all : w * std::log(w / all);
    }
    return sum;
  }

  void add_value(const Totals& t) {
    if (class_.empty()) {
      out_.push_back(centre_ + t[1] / t[0]);
      return;
    }
    const double all = std::accumulate(t.begin(), t.end(), 0.0);
    for (const double w : t) out_.push_back(w / all);
  }

  bool is_leaf(int64_t begin, int64_t end, int64_t depth) const {
    const int64_t n = end - begin;
    if (options_.depth > 0 && depth >= options_.depth) return true;
    if (n < options_.min_samples_split || n < 2 * options_.min_samples_leaf) return true;
    const auto first = static_cast<size_t>(order_[static_cast<size_t>(begin)]);
    for (int64_t i = begin + 1; i < end; ++i) {
      const auto r = static_cast<size_t>(order_[static_cast<size_t>(i)]);
      if (class_.empty() ? value_[r] != value_[first] : class_[r] != class_[first]) return false;
    }
    return true;
  }

  struct Item {
    double x;
    int64_t row;
  };

  /// The best place to split a feature, and whether the feature differs at all.
  Split search_feature(int64_t feature, int64_t begin, int64_t end, const Totals& all, bool& differs) const {
    const auto n = static_cast<size_t>(end - begin);
    std::vector<Item> items(n);
    for (size_t i = 0; i < n; ++i) {
      const int64_t r = order_[static_cast<size_t>(begin) + i];
      items[i] = {columns_(feature, r), r};
    }
    std::sort(items.begin(), items.end(),
              [](const Item& a, const Item& b) { return a.x < b.x || (a.x == b.x && a.row < b.row); });
    differs = items.front().x < items.back().x;
    Split best{.feature = feature};
    if (!differs) return best;
    Totals left(all.size(), 0.0), right = all;
    const auto least = static_cast<size_t>(options_.min_samples_leaf);
    for (size_t i = 0; i + 1 < n; ++i) {
      add(left, items[i].row, 1);
      add(right, items[i].row, -1);
      if (items[i].x == items[i + 1].x || i + 1 < least || n - i - 1 < least) continue;
      const double now = score(left) + score(right);
      if (now <= best.score) continue;
      best.score = now;
      best.threshold = items[i].x / 2 + items[i + 1].x / 2;
      if (!(best.threshold < items[i + 1].x)) best.threshold = items[i].x;
    }
    return best;
  }

  Split search(int64_t node, int64_t begin, int64_t end, const Totals& all) const {
    std::vector<int64_t> order(static_cast<size_t>(width_));
    std::iota(order.begin(), order.end(), 0);
    Split best;
    if (tried_ < width_) {  // of the others one comes in where a feature is the same in all rows of the node
      fill_permutation(static_cast<uint64_t>(options_.seed), static_cast<uint64_t>(node), width_, order.data());
      int64_t tried = 0;
      for (size_t i = 0; i < order.size() && tried < tried_; ++i) {
        bool differs = false;
        const Split s = search_feature(order[i], begin, end, all, differs);
        tried += differs;
        if (s.score > best.score) best = s;
      }
      return best;
    }
    std::vector<Split> found(order.size());
    const int64_t grain = (end - begin) * width_ >= kParallel ? 1 : width_;
    parallel_for(width_, grain, [&](int64_t from, int64_t to) {
      bool differs = false;
      for (int64_t f = from; f < to; ++f) found[static_cast<size_t>(f)] = search_feature(f, begin, end, all, differs);
    });
    for (const Split& s : found) {
      if (s.score > best.score) best = s;
    }
    return best;
  }

  const TreeOptions& options_;
  Criterion criterion_;
  Matrix columns_;  // [features, rows]
  int64_t width_, outputs_ = 0, tried_ = 0;
  std::vector<double> weight_, value_;
  std::vector<int64_t> class_, order_;  // order_: rows, those of a node together
  double centre_ = 0;
  std::vector<Node> nodes_;
  std::vector<double> out_, importance_;
};

Tensor ints_of(const std::vector<Node>& nodes, int64_t Node::* member) {
  std::vector<int64_t> list;
  for (const Node& n : nodes) list.push_back(n.*member);
  return Tensor::from(list, {static_cast<int64_t>(list.size())});
}

}  // namespace

DecisionTree::DecisionTree(const Options& o) : LearnerOf(o) {
  NameList names;
  for (const char* known : {"auto", "gini", "entropy", "mse"}) names.add(known);
  const std::string& c = o.criterion;
  if (c != "auto" && c != "gini" && c != "entropy" && c != "mse") {
    throw Error(kName, "there is no criterion \"" + c + "\"").hint("there are: " + names.str());
  }
  nn::require_at_least(o.depth, 0, kName, "depth");
  nn::require_at_least(o.min_samples_split, 2, kName, "min_samples_split");
  nn::require_at_least(o.min_samples_leaf, 1, kName, "min_samples_leaf");
  if (o.max_features != "all" && o.max_features != "sqrt" && o.max_features != "log2") {
    nn::require_at_least(recipe::to_int(recipe::Setting::scalar(o.max_features, kName), "max_features"), 1, kName,
                         "max_features");
  }
}

void DecisionTree::do_fit(const Examples& e) {
  const bool classes = e.has_classes();
  const std::string& c = options_.criterion;
  if (classes ? c == "mse" : c == "gini" || c == "entropy") {
    throw Error(kName, "the criterion " + c + " is for " + (classes ? "values" : "classes") + ", the target has " +
                           (classes ? "classes" : "values"));
  }
  Grower grower(e, options_, !classes ? Criterion::mse : c == "entropy" ? Criterion::entropy : Criterion::gini);
  grower.grow();
  const std::vector<Node>& nodes = grower.nodes();
  const auto n = static_cast<int64_t>(nodes.size());
  feature_ = ints_of(nodes, &Node::feature);
  left_ = ints_of(nodes, &Node::left);
  right_ = ints_of(nodes, &Node::right);
  rows_ = ints_of(nodes, &Node::rows);
  std::vector<double> thresholds, importance = grower.importance();
  for (const Node& node : nodes) thresholds.push_back(node.threshold);
  const double all = std::accumulate(importance.begin(), importance.end(), 0.0);
  for (double& v : importance) v = all > 0 ? v / all : 0;
  threshold_ = Tensor::from(std::span<const double>(thresholds), {n}, DType::f64);
  value_ = Tensor::from(std::span<const double>(grower.values()), {n, grower.outputs()}, DType::f64);
  importances_ = Tensor::from(std::span<const double>(importance), {e.width()}, DType::f64);
}

Tensor DecisionTree::do_predict(const Tensor& x) const {
  const int64_t n = x.size(0), d = x.size(1), outputs = value_.size(1);
  Tensor out = Tensor::empty({n, outputs}, DType::f64);
  const auto *feature = feature_.data<int64_t>(), *left = left_.data<int64_t>(), *right = right_.data<int64_t>();
  const double *threshold = threshold_.data<double>(), *value = value_.data<double>(), *rows = x.data<double>();
  double* to = out.mutable_data<double>();
  parallel_for(n, 1024, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      int64_t at = 0;
      while (feature[at] >= 0) at = rows[r * d + feature[at]] <= threshold[at] ? left[at] : right[at];
      std::copy_n(value + at * outputs, outputs, to + r * outputs);
    }
  });
  return out;
}

void DecisionTree::do_save(State& state) const {
  state["feature"] = feature_;
  state["left"] = left_;
  state["right"] = right_;
  state["rows"] = rows_;
  state["threshold"] = threshold_;
  state["value"] = value_;
  state["importances"] = importances_;
}

void DecisionTree::do_restore(const State& state) {
  feature_ = saved(state, "feature");
  left_ = saved(state, "left");
  right_ = saved(state, "right");
  rows_ = saved(state, "rows");
  threshold_ = saved(state, "threshold");
  value_ = saved(state, "value");
  importances_ = saved(state, "importances");
}

Summary DecisionTree::summary() const {
  Summary s;
  s.columns = {"where", "rows", class_names().empty() ? "value" : "class"};
  const std::vector<int64_t> feature = feature_.ints(), left = left_.ints(), right = right_.ints(), rows = rows_.ints();
  std::vector<std::string> rule(feature.size(), "all");
  std::vector<int64_t> depth(feature.size(), 0);
  int64_t leaves = 0, deepest = 0;
  for (size_t i = 0; i < feature.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    std::string value = short_number(value_.at({row, 0}));
    if (!class_names().empty()) {
      int64_t best = 0;
      for (int64_t k = 1; k < value_.size(1); ++k) best = value_.at({row, k}) > value_.at({row, best}) ? k : best;
      value = class_names()[static_cast<size_t>(best)] + " (" + short_number(100 * value_.at({row, best})) + " %)";
    }
    s.rows.push_back({std::string(static_cast<size_t>(2 * depth[i]), ' ') + rule[i], std::to_string(rows[i]), value});
    deepest = std::max(deepest, depth[i]);
    if (feature[i] < 0) {
      ++leaves;
      continue;
    }
    for (const int64_t child : {left[i], right[i]}) {
      depth[static_cast<size_t>(child)] = depth[i] + 1;
      rule[static_cast<size_t>(child)] =
          feature_name(feature[i]) + (child == left[i] ? " ≤ " : " > ") + short_number(threshold_.at({row}));
    }
  }
  s.facts = {{"leaves", static_cast<double>(leaves)}, {"depth", static_cast<double>(deepest)}};
  std::vector<int64_t> order(static_cast<size_t>(width()));
  std::iota(order.begin(), order.end(), 0);
  const std::vector<double> share = importances_.values();
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return share[static_cast<size_t>(a)] > share[static_cast<size_t>(b)]; });
  std::string text;
  for (size_t i = 0; i < order.size() && i < 5 && share[static_cast<size_t>(order[i])] > 0; ++i) {
    text += (i ? ", " : "") + feature_name(order[i]) + " " + short_number(share[static_cast<size_t>(order[i])]);
  }
  if (!text.empty()) s.notes.push_back("shares of the features in what the tree gains: " + text);
  return s;
}

}  // namespace lamina::learners
