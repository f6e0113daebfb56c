#include "lamina/nn/layers/output.h"

#include <algorithm>
#include <cmath>
#include <queue>

#include "lamina/core/error.h"
#include "lamina/nn/init.h"
#include "lamina/nn/layers/check.h"
#include "lamina/nn/layers/linear.h"
#include "lamina/nn/loss.h"
#include "lamina/ops/create.h"
#include "lamina/ops/index.h"
#include "lamina/ops/matmul.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/pointwise.h"
#include "lamina/ops/random.h"
#include "lamina/ops/reduce.h"
#include "lamina/ops/softmax.h"

namespace lamina::nn {

namespace {

void check_rows(const Tensor& x, int64_t in, const char* kind) {
  check_rank(x, 2, 2, kind, "[n, in]");
  check_extent(x, 1, in, kind, "inputs on the last axis", {});
}

void check_target(const Tensor& x, const Tensor& target, const char* kind) {
  if (target.rank() == 1 && target.size(0) == x.size(0) && is_integral(target.dtype())) return;
  throw Error(kind, "expected integer targets [n]")
      .detail("input  " + x.meta().str())
      .detail("target " + target.meta().str());
}

/// Scores of chosen rows of a weight: x [n, in], rows [n, k] → [n, k].
Tensor scores_of(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& rows) {
  return squeeze(matmul(embedding(weight, rows), unsqueeze(x, 2)), 2) +
         reshape(embedding(unsqueeze(bias, 1), rows), rows.shape());
}

// ---- trees -------------------------------------------------------------------------------------

/// A node below another: leaves are the classes 0 … classes − 1, inner nodes follow in the order of their making.
struct Tree {
  std::vector<int64_t> parent;
  std::vector<int> side;  // 1 or −1

  explicit Tree(int64_t classes) : parent(static_cast<size_t>(2 * classes - 1), -1), side(parent.size(), 0) {}
  void join(int64_t left, int64_t right, int64_t node) {
    for (const auto& [child, s] : {std::pair{left, 1}, {right, -1}}) {
      parent[static_cast<size_t>(child)] = node;
      side[static_cast<size_t>(child)] = s;
    }
  }
};

/// Of the leaves [begin, end), halved again and again; returns its root.
int64_t balanced(Tree& tree, int64_t begin, int64_t end, int64_t& next) {
  if (end - begin == 1) return begin;
  const int64_t middle = begin + (end - begin + 1) / 2;
  const int64_t left = balanced(tree, begin, middle, next), right = balanced(tree, middle, end, next);
  tree.join(left, right, next);
  return next++;
}

/// The two rarest nodes become one, until one is left. (Huffman 1952)
void huffman(Tree& tree, const std::vector<int64_t>& counts) {
  using Entry = std::pair<int64_t, int64_t>;  // count, node
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> open;
  for (size_t i = 0; i < counts.size(); ++i) open.emplace(counts[i], static_cast<int64_t>(i));
  auto next = static_cast<int64_t>(counts.size());
  while (open.size() > 1) {
    const Entry a = open.top();
    open.pop();
    const Entry b = open.top();
    open.pop();
    tree.join(a.second, b.second, next);
    open.emplace(a.first + b.first, next++);
  }
}

}  // namespace

HierarchicalSoftmax::HierarchicalSoftmax(HierarchicalSoftmaxOptions options, const std::vector<int64_t>& counts)
    : options_(std::move(options)) {
  const char* kind = "HierarchicalSoftmax";
  require_at_least(options_.in, 1, kind, "in");
  require_at_least(options_.classes, 2, kind, "classes");
  const int64_t classes = options_.classes;
  Tree tree(classes);
  if (options_.tree == "huffman") {
    const bool fits = static_cast<int64_t>(counts.size()) == classes &&
                      std::all_of(counts.begin(), counts.end(), [](int64_t c) { return c >= 0; });
    if (!fits) {
      throw Error(kind, "the tree \"huffman\" needs a count for each of " + std::to_string(classes) + " classes, got " +
                            std::to_string(counts.size()))
          .hint("use the tree \"balanced\" where counts are not known");
    }
    huffman(tree, counts);
  } else if (options_.tree == "balanced") {
    int64_t next = classes;
    balanced(tree, 0, classes, next);
  } else {
    throw Error(kind, "tree must be one of balanced, huffman, got \"" + options_.tree + "\"");
  }
  std::vector<std::vector<std::pair<int64_t, int>>> ways;
  size_t depth = 0;
  for (int64_t leaf = 0; leaf < classes; ++leaf) {
    std::vector<std::pair<int64_t, int>> way;
    for (int64_t node = leaf; tree.parent[static_cast<size_t>(node)] >= 0;
         node = tree.parent[static_cast<size_t>(node)]) {
      way.emplace_back(tree.parent[static_cast<size_t>(node)] - classes, tree.side[static_cast<size_t>(node)]);
    }
    std::reverse(way.begin(), way.end());
    depth = std::max(depth, way.size());
    ways.push_back(std::move(way));
  }
  std::vector<int64_t> paths;
  std::vector<float> signs;
  for (const auto& way : ways) {
    for (size_t d = 0; d < depth; ++d) {
      paths.push_back(d < way.size() ? way[d].first : 0);
      signs.push_back(d < way.size() ? static_cast<float>(way[d].second) : 0);
    }
  }
  const Shape shape{classes, static_cast<int64_t>(depth)};
  paths_ = Buffer(Tensor::from(std::span<const int64_t>(paths), shape));
  signs_ = Buffer(Tensor::from(std::span<const float>(signs), shape));
  weight_ = Param(init::by_name("default", {classes - 1, options_.in}));
  bias_ = Param(init::zeros({classes - 1}));
}

Tensor HierarchicalSoftmax::loss(const Tensor& x, const Tensor& target) {
  check_rows(x, options_.in, "HierarchicalSoftmax");
  check_target(x, target, "HierarchicalSoftmax");
  const Tensor signs = index_select(signs_, 0, target);  // [n, depth]
  const Tensor scores = scores_of(x, weight_, bias_, index_select(paths_, 0, target));
  return mean(sum(softplus(-(scores * signs)) * abs(signs), {1}));
}

Tensor HierarchicalSoftmax::forward(const Tensor& x) {
  check_rows(x, options_.in, "HierarchicalSoftmax");
  const Tensor scores = index_select(linear(x, weight_, bias_), 1, flatten(paths_.value()));
  const Tensor ways = reshape(scores, {x.size(0), options_.classes, depth()}) * signs_.value();
  return -sum(softplus(-ways) * abs(signs_.value()), {2});
}

// ---- adaptive ----------------------------------------------------------------------------------

AdaptiveSoftmax::AdaptiveSoftmax(AdaptiveSoftmaxOptions options) : options_(options) {
  const char* kind = "AdaptiveSoftmax";
  require_at_least(options_.in, 1, kind, "in");
  int64_t before = 0;
  bool rises = !options_.cutoffs.empty() && options_.div_value > 0;
  for (const int64_t c : options_.cutoffs) {
    rises = rises && c > before;
    before = c;
  }
  const int64_t classes = options_.classes, clusters = options_.cutoffs.rank();
  if (!rises || before >= classes) {
    throw Error(kind, "cutoffs must rise from 1 to below " + std::to_string(classes) +
                          " classes, and div_value be positive, got " + options_.cutoffs.str() + " and " +
                          std::to_string(options_.div_value));
  }
  head_ = Linear{{.in = options_.in, .out = options_.cutoffs[0] + clusters, .bias = options_.head_bias}};
  for (int i = 0; i < clusters; ++i) {
    const auto width = static_cast<int64_t>(static_cast<double>(options_.in) / std::pow(options_.div_value, i + 1));
    const int64_t end = i + 1 < clusters ? options_.cutoffs[i + 1] : classes, hidden = std::max<int64_t>(width, 1);
    tail_.add(Sequential{Linear{{.in = options_.in, .out = hidden, .bias = false}},
                         Linear{{.in = hidden, .out = end - options_.cutoffs[i], .bias = false}}});
  }
}

Tensor AdaptiveSoftmax::forward(const Tensor& x) {
  check_rows(x, options_.in, "AdaptiveSoftmax");
  const Tensor head = log_softmax(head_(x), 1);
  const int64_t frequent = options_.cutoffs[0];
  Tensors parts{slice(head, 1, 0, frequent)};
  for (size_t i = 0; i < tail_.size(); ++i) {
    const int64_t cluster = frequent + static_cast<int64_t>(i);
    parts.push_back(log_softmax(tail_[i](x), 1) + slice(head, 1, cluster, cluster + 1));
  }
  return concat(parts, 1);
}

// ---- sampled -----------------------------------------------------------------------------------

SampledSoftmax::SampledSoftmax(SampledSoftmaxOptions options) : options_(options) {
  require_at_least(options_.in, 1, "SampledSoftmax", "in");
  require_at_least(options_.classes, 2, "SampledSoftmax", "classes");
  require_at_least(options_.samples, 1, "SampledSoftmax", "samples");
  weight_ = Param(init::by_name("default", {options_.classes, options_.in}));
  bias_ = Param(init::zeros({options_.classes}));
}

Tensor SampledSoftmax::forward(const Tensor& x) {
  check_rows(x, options_.in, "SampledSoftmax");
  return linear(x, weight_, bias_);
}

Tensor SampledSoftmax::loss(const Tensor& x, const Tensor& target) {
  check_rows(x, options_.in, "SampledSoftmax");
  check_target(x, target, "SampledSoftmax");
  if (!is_training()) return lamina::loss::cross_entropy(forward(x), target);
  const double range = std::log(static_cast<double>(options_.classes) + 1);
  // P(k) = log((k + 2)/(k + 1))/log(classes + 1), by the inverse of its distribution. Each draw stands for
  // 1/(samples·P).
  const Tensor u = random_uniform({options_.samples});
  const Tensor drawn =
      minimum(cast(exp(u * range), DType::i64) - 1.0, full({1}, static_cast<double>(options_.classes - 1), DType::i64));
  const auto log_expected = [&](const Tensor& ids) {
    const Tensor k = cast(ids, DType::f32);
    return log(log1p(reciprocal(k + 1.0)) * (static_cast<double>(options_.samples) / range));
  };
  const Tensor ids = unsqueeze(cast(target, DType::i64), 1);
  const Tensor own = scores_of(x, weight_, bias_, ids);
  Tensor others =
      linear(x, index_select(weight_, 0, drawn), index_select(bias_, 0, drawn)) - unsqueeze(log_expected(drawn), 0);
  others = where(eq(ids, unsqueeze(drawn, 0)), -1e30, others);  // the target among the others
  return -mean(slice(log_softmax(concat({own, others}, 1), 1), 1, 0, 1));
}

}  // namespace lamina::nn
