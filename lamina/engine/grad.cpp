#include "lamina/engine/grad.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "lamina/core/error.h"
#include "lamina/engine/dispatch.h"
#include "lamina/engine/tape.h"

namespace lamina {

namespace {

/// `value` in every element, without memory for each: strides of zero.
Tensor constant(double value, const Meta& like) {
  auto impl = std::make_shared<TensorImpl>(*Tensor::from({value}, {}, like.dtype).impl());
  impl->meta.shape = like.shape;
  impl->meta.strides = Dims::filled(like.rank(), 0);
  return Tensor(std::move(impl));
}

/// The identity on the tape: a boundary at which a nested differentiation stops.
const OpDef alias_def{
    .name = "alias",
    .infer = [](std::span<const Meta> in, const Attrs&) { return Metas{in[0]}; },
    .gradient = Vjp{[](const VjpCtx& c) { return Tensors{c.grads[0]}; }},
    .traits = {.view = true, .saves = Saves::nothing},
};

Tensor copy_handle(const Tensor& x, bool leaf) {
  auto impl = std::make_shared<TensorImpl>(*x.impl());
  impl->node = nullptr;
  impl->output = 0;
  impl->leaf = leaf;
  return Tensor(std::move(impl));
}

/// A new tracked handle; one that stays linked to x where x itself is tracked and gradients are on.
Tensor tracked_alias(const Tensor& x) {
  if (!grad_enabled() || !is_tracked(x)) return tracked(x);
  Tensors out{copy_handle(x, false)};
  attach(alias_def, {x}, {}, out);
  return out[0];
}

class Backward {
 public:
  Backward(const Tensors& xs, bool differentiable, bool stop_at_targets)
      : differentiable_(differentiable), stop_at_targets_(stop_at_targets) {
    for (const Tensor& x : xs) {
      targets_.push_back(edge_of(x));
      const Edge& e = targets_.back();
      if (e.node) target_nodes_.insert(e.node.get());
      if (e.leaf) target_leaves_.insert(e.leaf.get());
    }
  }

  Tensors run(const Tensors& ys, const Tensors& gys) {
    for (size_t i = 0; i < ys.size(); ++i) {
      if (!gys[i].defined()) continue;
      const Edge e = edge_of(ys[i]);
      if (e.node) collect(e.node);
    }
    std::sort(nodes_.begin(), nodes_.end(), [](const auto& a, const auto& b) { return a->order < b->order; });
    for (const auto& n : nodes_) {
      if (leads_to_target(*n)) needed_.insert(n.get());
    }
    const NoGrad mode(differentiable_);
    for (size_t i = 0; i < ys.size(); ++i) {
      if (gys[i].defined()) accumulate(edge_of(ys[i]), gys[i]);
    }
    for (auto it = nodes_.rbegin(); it != nodes_.rend(); ++it) visit(**it);
    Tensors result;
    for (const Edge& e : targets_) result.push_back(gradient_at(e));
    return result;
  }

 private:
  void collect(const std::shared_ptr<TapeNode>& root) {
    std::vector<std::shared_ptr<TapeNode>> pending{root};
    while (!pending.empty()) {
      const std::shared_ptr<TapeNode> n = std::move(pending.back());
      pending.pop_back();
      if (!seen_.insert(n.get()).second) continue;
      nodes_.push_back(n);
      if (stop_at_targets_ && target_nodes_.contains(n.get())) continue;
      for (const Edge& e : n->edges) {
        if (e.node) pending.push_back(e.node);
      }
    }
  }

  bool is_wanted(const Edge& e) const {
    if (e.leaf) return target_leaves_.contains(e.leaf.get());
    return e.node && (target_nodes_.contains(e.node.get()) || needed_.contains(e.node.get()));
  }

  bool leads_to_target(const TapeNode& n) const {
    if (stop_at_targets_ && target_nodes_.contains(&n)) return false;
    return std::any_of(n.edges.begin(), n.edges.end(), [&](const Edge& e) { return is_wanted(e); });
  }

  void accumulate(const Edge& e, const Tensor& g) {
    Tensor* slot = nullptr;
    if (e.leaf) {
      slot = &leaf_grads_[e.leaf.get()];
    } else if (e.node) {
      Tensors& outputs = node_grads_[e.node.get()];
      outputs.resize(e.node->outputs.size());
      slot = &outputs[static_cast<size_t>(e.output)];
    }
    if (slot) *slot = slot->defined() ? dispatch1(OpId::add, {*slot, g}) : g;
  }

  Tensor gradient_at(const Edge& e) const {
    if (e.leaf) {
      const auto it = leaf_grads_.find(e.leaf.get());
      return it == leaf_grads_.end() ? Tensor() : it->second;
    }
    const auto it = node_grads_.find(e.node.get());
    return !e.node || it == node_grads_.end() ? Tensor() : it->second[static_cast<size_t>(e.output)];
  }

  void visit(TapeNode& n) {
    const auto it = node_grads_.find(&n);
    if (it == node_grads_.end() || !needed_.contains(&n)) return;
    std::vector<bool> needs;
    for (const Edge& e : n.edges) needs.push_back(is_wanted(e));
    const Tensors grads = it->second;
    if (!target_nodes_.contains(&n)) node_grads_.erase(it);  // frees what is no longer wanted
    const Tensors in_grads = gradients_of(n, grads, needs);
    for (size_t i = 0; i < n.edges.size(); ++i) {
      if (!needs[i] || i >= in_grads.size() || !in_grads[i].defined()) continue;
      if (in_grads[i].shape() != n.inputs[i].shape()) {
        throw Error(std::string(n.def->name), "its gradient for input " + std::to_string(i) + " has the wrong shape")
            .detail("input    " + n.inputs[i].meta().str())
            .detail("gradient " + in_grads[i].meta().str());
      }
      accumulate(n.edges[i], in_grads[i]);
    }
  }

  Tensors gradients_of(TapeNode& n, const Tensors& grads, const std::vector<bool>& needs) const {
    if (const auto* rule = std::get_if<Vjp>(&n.def->gradient)) {
      const Tensors outputs = n.unpack_outputs();
      return rule->fn(VjpCtx{n.inputs, outputs, grads, n.attrs, needs});
    }
    if (std::holds_alternative<ByDecomposition>(n.def->gradient)) return through_decomposition(n, grads, needs);
    const auto* none = std::get_if<NonDiff>(&n.def->gradient);
    Error error(std::string(n.def->name), "is not differentiable: " + std::string(none ? none->reason : ""));
    for (const Tensor& t : n.inputs) error.detail("input " + t.meta().str());
    if (!n.module_path.empty()) error.in_module(n.module_path);
    throw error.hint("cut the path with stop_gradient(x) if no gradient is meant to flow here");
  }

  Tensors through_decomposition(TapeNode& n, const Tensors& grads, const std::vector<bool>& needs) const {
    Tensors inputs, wanted;
    Tensors outputs;
    {
      const NoGrad on(true);
      for (size_t i = 0; i < n.inputs.size(); ++i) {
        const Tensor& x = n.inputs[i];
        inputs.push_back(!needs[i] ? copy_handle(x, false) : differentiable_ ? tracked_alias(x) : tracked(x));
        if (needs[i]) wanted.push_back(inputs.back());
      }
      outputs = n.def->decompose(inputs, n.attrs);
    }
    const Tensors found = Backward(wanted, differentiable_, true).run(outputs, grads);
    Tensors result(inputs.size());
    for (size_t i = 0, k = 0; i < inputs.size(); ++i) {
      if (needs[i]) result[i] = found[k++];
    }
    return result;
  }

  bool differentiable_, stop_at_targets_;
  std::vector<Edge> targets_;
  std::unordered_set<const TapeNode*> target_nodes_, seen_, needed_;
  std::unordered_set<const TensorImpl*> target_leaves_;
  std::vector<std::shared_ptr<TapeNode>> nodes_;
  std::unordered_map<const TapeNode*, Tensors> node_grads_;
  std::unordered_map<const TensorImpl*, Tensor> leaf_grads_;
};

Tensor scalar_only(const Tensor& y, const char* function) {
  if (y.numel() != 1) {
    throw Error(function, "the function must return one element, it returned " + y.meta().str())
        .hint("reduce it with sum() or mean()");
  }
  return y;
}

}  // namespace

Tensor VjpCtx::grad(int output) const {
  const auto i = static_cast<size_t>(output);
  return grads[i].defined() ? grads[i] : constant(0, out[i].meta());
}

Tensor tracked(const Tensor& x) { return copy_handle(x, true); }

Tensor stop_gradient(const Tensor& x) { return copy_handle(x, false); }

Tensors pull_back(const Tensors& ys, const Tensors& gys, const Tensors& xs, bool differentiable) {
  return Backward(xs, differentiable, false).run(ys, gys);
}

Tensors grad(const Tensor& y, const Tensors& xs, const GradOptions& options) {
  for (const Tensor& x : xs) {
    if (!is_tracked(x)) {
      throw Error("grad", "asked for the gradient with respect to a tensor that nothing tracks")
          .detail("tensor " + x.meta().str())
          .hint("use a parameter, tracked(x), or the form grad(f, xs)");
    }
  }
  Tensor gy = options.grad_output;
  if (!gy.defined()) gy = constant(1, scalar_only(y, "grad").meta());
  if (gy.shape() != y.shape()) {
    throw Error("grad", "grad_output must have the shape of y")
        .detail("y           " + y.meta().str())
        .detail("grad_output " + gy.meta().str());
  }
  Tensors result = pull_back({y}, {gy}, xs, options.differentiable);
  for (size_t i = 0; i < xs.size(); ++i) {
    if (result[i].defined()) continue;
    if (!options.allow_unused) {
      throw Error("grad", "the result does not depend on x number " + std::to_string(i))
          .detail("x " + xs[i].meta().str())
          .hint("pass allow_unused for a gradient of zeros");
    }
    result[i] = constant(0, xs[i].meta());
  }
  return result;
}

namespace {

Tensors tracked_aliases(const Tensors& xs) {
  Tensors inner;
  for (const Tensor& x : xs) inner.push_back(tracked_alias(x));
  return inner;
}

}  // namespace

Tensors grad(const TensorFn& f, const Tensors& xs) {
  const bool differentiable = grad_enabled();
  const NoGrad on(true);
  const Tensors inner = tracked_aliases(xs);
  return grad(scalar_only(f(inner), "grad"), inner, {.differentiable = differentiable, .allow_unused = true});
}

Tensors vjp(const TensorFn& f, const Tensors& xs, const Tensor& v) {
  const bool differentiable = grad_enabled();
  const NoGrad on(true);
  const Tensors inner = tracked_aliases(xs);
  return grad(f(inner), inner, {.grad_output = v, .differentiable = differentiable, .allow_unused = true});
}

std::pair<Tensor, Tensors> value_and_grad(const std::function<Tensor()>& f, const std::vector<Variable>& parameters) {
  const NoGrad on(true);
  Tensors xs;
  for (const Variable& p : parameters) {
    if (!p.trainable())
      throw Error("value_and_grad", "a parameter that is not trainable was given").detail(p.value().meta().str());
    xs.push_back(p.value());
  }
  const Tensor y = scalar_only(f(), "value_and_grad");
  Tensors grads = grad(y, xs, {.allow_unused = true});
  return {stop_gradient(y), std::move(grads)};
}

}  // namespace lamina
