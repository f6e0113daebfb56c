#include "lamina/learners/networks.h"

#include <cmath>

#include "lamina/core/error.h"
#include "lamina/learners/gradient_fit_internal.h"
#include "lamina/learners/linalg_internal.h"
#include "lamina/models/mlp.h"
#include "lamina/models/options.h"
#include "lamina/nn/layers/output.h"
#include "lamina/ops/ops.h"

namespace lamina::learners {

namespace {

using Facts = std::vector<std::pair<std::string, double>>;

/// What `run` makes of the rows, some thousands at a time: [n, outputs] f64.
Tensor by_parts(const Tensor& x, const std::function<Tensor(const Tensor&)>& run) {
  constexpr int64_t kRows = 4096;
  Tensors parts;
  for (int64_t i = 0; i < x.size(0); i += kRows) {
    parts.push_back(cast(run(cast(slice(x, 0, i, std::min(i + kRows, x.size(0))), DType::f32)), DType::f64));
  }
  return parts.size() == 1 ? contiguous(parts[0]) : concat(parts, 0);
}

void save_module(nn::Module& module, State& state) {
  for (const nn::NamedVariable& n : module.state()) state["net." + n.name] = n.variable.value();
}

Facts facts_of(nn::Module& module, const Outcome& outcome) {
  return {{"parameters", static_cast<double>(module.parameter_count())},
          {"loss, per example", outcome.loss},
          {"steps", static_cast<double>(outcome.iterations)}};
}

}  // namespace

Mlp::Mlp(const Options& o) : LearnerOf(o) {
  check_solver(kName, o.solver, "adam sgd lbfgs gd");
  models::activation(o.activation);
  for (const int64_t units : o.hidden) nn::require_at_least(units, 1, kName, "hidden");
  if (!(o.alpha >= 0)) throw Error(kName, "expected alpha of at least 0");
  if (!(o.dropout >= 0 && o.dropout < 1)) throw Error(kName, "expected dropout from 0 to below 1");
}

nn::LayerPtr Mlp::made() const {
  Generator generator(options_.seed);
  const GeneratorScope random(generator);
  return std::make_unique<models::Mlp>(models::MlpOptions{.in = width(),
                                                          .hidden = options_.hidden,
                                                          .classes = classes() > 0 ? classes() : 1,
                                                          .activation = options_.activation,
                                                          .dropout = options_.dropout});
}

void Mlp::do_fit(const Examples& e) {
  net_ = made();
  const bool values = !e.has_classes();
  Tensor y = e.y;
  centre_ = 0, scale_ = 1;
  if (values) {
    const VectorView v = view_vector(e.y);
    centre_ = v.mean();
    const double deviation = std::sqrt((v.array() - centre_).square().mean());
    if (deviation > 0) scale_ = deviation;
    y = cast(reshape((e.y - centre_) * (1 / scale_), {e.rows(), 1}), DType::f32);
  }
  const std::vector<nn::NamedVariable> parameters = net_->named_parameters();
  const double share = options_.alpha / 2 / static_cast<double>(e.rows());
  const Objective objective{[&](const Tensor& x) { return (*net_)(x); },
                            values ? LossFn([](const Tensor& p, const Tensor& t) { return square(p - t) * 0.5; })
                                   : LossFn(loss::cross_entropy.with({.reduction = loss::Reduction::none})),
                            [&] {
                              Tensor sum_of_squares;
                              for (const nn::NamedVariable& n : parameters) {
                                if (n.variable.value().rank() < 2) continue;
                                const Tensor one = sum(square(n.variable.value()));
                                sum_of_squares = sum_of_squares.defined() ? sum_of_squares + one : one;
                              }
                              return sum_of_squares * share;
                            },
                            parameters};
  const Outcome outcome = descend(kName, objective, cast(e.x, DType::f32), y, e.weight,
                                  {.solver = options_.solver,
                                   .lr = options_.lr,
                                   .iterations = options_.iterations,
                                   .epochs = options_.epochs,
                                   .batch = options_.batch,
                                   .tolerance = options_.tolerance,
                                   .seed = options_.seed});
  facts_ = facts_of(*net_, outcome);
}

Tensor Mlp::do_predict(const Tensor& x) const {
  return by_parts(x, [&](const Tensor& part) {
    const Tensor out = (*net_)(part);
    return classes() > 0 ? softmax(out, 1) : out * scale_ + centre_;
  });
}

void Mlp::do_save(State& state) const {
  save_module(*net_, state);
  state["values"] = Tensor::from({centre_, scale_}, {2}, DType::f64);
}

void Mlp::do_restore(const State& state) {
  net_ = made();
  nn::load_state(*net_, part(state, "net"));
  centre_ = saved(state, "values").at({0});
  scale_ = saved(state, "values").at({1});
}

Summary Mlp::summary() const {
  Summary s;
  for (const int64_t units : options_.hidden) s.title += "-" + std::to_string(units);
  s.title = std::to_string(width()) + s.title + "-" + std::to_string(classes() > 0 ? classes() : 1);
  s.facts = facts_;
  return s;
}

HierarchicalSoftmax::HierarchicalSoftmax(const Options& o) : LearnerOf(o) {
  check_solver(kName, o.solver, "adam sgd");
  if (o.tree != "huffman" && o.tree != "balanced") {
    throw Error(kName, "expected the tree huffman or balanced, got \"" + o.tree + "\"");
  }
}

namespace {

std::unique_ptr<nn::HierarchicalSoftmax> tree_of(const HierarchicalSoftmaxOptions& o, int64_t width,
                                                 const std::vector<int64_t>& counts) {
  Generator generator(o.seed);
  const GeneratorScope random(generator);
  return std::make_unique<nn::HierarchicalSoftmax>(
      nn::HierarchicalSoftmaxOptions{.in = width, .classes = static_cast<int64_t>(counts.size()), .tree = o.tree},
      o.tree == "huffman" ? counts : std::vector<int64_t>{});
}

}  // namespace

void HierarchicalSoftmax::do_fit(const Examples& e) {
  counts_.assign(static_cast<size_t>(classes()), 0);
  for (const int64_t id : e.y.ints()) ++counts_[static_cast<size_t>(id)];
  std::unique_ptr<nn::HierarchicalSoftmax> net = tree_of(options_, width(), counts_);
  const Objective objective{[](const Tensor& x) { return x; },
                            [&](const Tensor& x, const Tensor& y) { return net->loss(x, y); },
                            {},
                            net->state()};  // with the buffers that the loss reads
  const Outcome outcome = descend(kName, objective, cast(e.x, DType::f32), e.y, {},
                                  {.solver = options_.solver,
                                   .lr = options_.lr,
                                   .epochs = options_.epochs,
                                   .batch = options_.batch,
                                   .seed = options_.seed});
  facts_ = facts_of(*net, outcome);
  facts_.emplace_back("nodes on the longest way", static_cast<double>(net->depth()));
  net_ = std::move(net);
}

Tensor HierarchicalSoftmax::do_predict(const Tensor& x) const {
  return by_parts(x, [&](const Tensor& part) { return exp((*net_)(part)); });
}

void HierarchicalSoftmax::do_save(State& state) const {
  save_module(*net_, state);
  state["counts"] = Tensor::from(counts_, {static_cast<int64_t>(counts_.size())});
}

void HierarchicalSoftmax::do_restore(const State& state) {
  counts_ = saved(state, "counts").ints();
  net_ = tree_of(options_, width(), counts_);
  nn::load_state(*net_, part(state, "net"));
}

Summary HierarchicalSoftmax::summary() const {
  Summary s;
  s.title = std::to_string(counts_.size()) + " classes, the leaves of a " + options_.tree + " tree";
  s.facts = facts_;
  return s;
}

}  // namespace lamina::learners
