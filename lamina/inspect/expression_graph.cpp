#include "lamina/inspect/expression_graph.h"

#include <cmath>
#include <cstdio>
#include <map>

#include "lamina/core/error.h"
#include "lamina/engine/grad.h"
#include "lamina/engine/tape.h"
#include "lamina/graph/recorder.h"
#include "lamina/ops/create.h"
#include "lamina/ops/pointwise.h"

namespace lamina::inspect {

namespace {

/// How an op is written between its operands, and drawn.
const char* sign_of(std::string_view op) {
  if (op == "add") return "+";
  if (op == "sub") return "-";
  if (op == "mul") return "*";
  if (op == "div") return "/";
  if (op == "pow") return "^";
  return nullptr;
}

class GraphBuilder {
 public:
  GraphBuilder(const Expression& expression, const std::vector<double>& at) : expression_(expression), at_(at) {
    const Metas inputs(expression.variables().size(), Meta(DType::f64, {}));
    recorded_ = graph::record([&](const Tensors& in) { return Tensors{expression(in)}; }, inputs, {});
    values_.resize(recorded_.values.size());
    node_of_.assign(recorded_.values.size(), -1);
    result_.text = expression.text();
  }

  ExpressionGraph build() {
    add_variables();
    for (const graph::Node& n : recorded_.nodes) run(n);
    backward();
    return std::move(result_);
  }

 private:
  int add_node(GraphNode node, int value) {
    const int index = static_cast<int>(result_.nodes.size());
    node_of_[static_cast<size_t>(value)] = index;
    result_.nodes.push_back(std::move(node));
    return index;
  }

  void add_variables() {
    for (size_t i = 0; i < recorded_.inputs.size(); ++i) {
      const int id = recorded_.inputs[i];
      values_[static_cast<size_t>(id)] = full({}, at_[i], DType::f64);
      const std::string& name = expression_.variables()[i];
      add_node({.name = name, .op = "", .formula = name, .variable = true, .value = at_[i]}, id);
    }
  }

  const GraphNode& node_of(int value) const {
    return result_.nodes[static_cast<size_t>(node_of_[static_cast<size_t>(value)])];
  }

  std::string formula_of(const graph::Node& n) const {
    const std::string name = n.name();
    const char* sign = sign_of(name);
    if (sign && n.in.size() == 2) return node_of(n.in[0]).name + " " + sign + " " + node_of(n.in[1]).name;
    if (name == "neg") return "-" + node_of(n.in[0]).name;
    std::string text = name + "(";
    for (size_t i = 0; i < n.in.size(); ++i) text += (i ? ", " : "") + node_of(n.in[i]).name;
    return text + ")";
  }

  /// Computes one node of the recorded graph; numbers and views are no nodes of their own.
  void run(const graph::Node& n) {
    Tensors in;
    for (int id : n.in) {
      const Tensor& value = input(id);
      in.push_back(is_floating(value.dtype()) ? tracked(value) : value);
    }
    const Tensors out = dispatch(n.op, in, n.attrs);
    const auto id = static_cast<size_t>(n.out[0]);
    values_[id] = stop_gradient(out[0]);
    const double value = cast(out[0], DType::f64).item();
    if (n.in.empty()) {
      if (!std::isfinite(value)) throw Error("expression", "a number in it is not finite").detail(result_.text);
      add_node({.name = short_number(value), .op = "", .formula = short_number(value), .value = value}, n.out[0]);
      return;
    }
    GraphNode node{.name = "%" + std::to_string(++computed_), .op = n.name(), .formula = formula_of(n), .value = value};
    if (!std::isfinite(value)) {
      Error error("expression", "the value of " + node.formula + " is not finite: " + short_number(value));
      for (int i : n.in) error.detail(node_of(i).name + " is " + short_number(node_of(i).value));
      throw error.hint("choose another point with --at");
    }
    const int index = add_node(std::move(node), n.out[0]);
    for (size_t i = 0; i < n.in.size(); ++i) {
      const int from = node_of_[static_cast<size_t>(n.in[i])];
      result_.edges.push_back({from, index, node_of(n.in[i]).value, 0});
      calls_[result_.edges.size() - 1] = {out[0], in[i]};
    }
  }

  const Tensor& input(int id) {
    Tensor& value = values_[static_cast<size_t>(id)];
    if (value.defined()) return value;
    value = recorded_.values[static_cast<size_t>(id)].constant;  // the only other kind there is
    const std::string text = short_number(cast(value, DType::f64).item());
    add_node({.name = text, .op = "", .formula = text, .value = cast(value, DType::f64).item()}, id);
    return value;
  }

  void backward() {
    const int output = recorded_.outputs[0];
    input(output);
    result_.result = node_of_[static_cast<size_t>(output)];
    node(result_.result).gradient = 1;
    // Edges are in the order of computation: a node's gradient is complete when all behind it are done.
    for (size_t e = result_.edges.size(); e-- > 0;) {
      GraphEdge& edge = result_.edges[e];
      const GraphNode& to = node(edge.to);
      const auto& [out, in] = calls_.at(e);
      if (is_tracked(out) && is_tracked(in)) {
        const Tensor incoming = full({}, to.gradient, out.dtype());
        const Tensor gradient = pull_back({out}, {incoming}, {in}, false)[0];
        if (gradient.defined()) edge.gradient = gradient.item();
      }
      if (!std::isfinite(edge.gradient)) {
        throw Error("expression", "the derivative of " + to.formula + " is not finite where " + node(edge.from).name +
                                      " is " + short_number(edge.value))
            .hint("choose another point with --at");
      }
      node(edge.from).gradient += edge.gradient;
    }
  }

  GraphNode& node(int index) { return result_.nodes[static_cast<size_t>(index)]; }

  struct Call {
    Tensor out, in;
  };

  const Expression& expression_;
  const std::vector<double>& at_;
  graph::Graph recorded_;
  Tensors values_;
  std::vector<int> node_of_;  // of each recorded value
  std::map<size_t, Call> calls_;
  int computed_ = 0;
  ExpressionGraph result_;
};

}  // namespace

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value == 0 ? 0.0 : value);  // no "-0"
  return text;
}

ExpressionGraph expression_graph(const Expression& expression, const std::vector<double>& at) {
  const NoGrad on(true);
  return GraphBuilder(expression, at).build();
}

report::Diagram diagram(const ExpressionGraph& graph) {
  report::Diagram d{.title = graph.text, .nodes = {}, .edges = {}};
  for (const GraphNode& n : graph.nodes) {
    const char* sign = sign_of(n.op);
    const bool leaf = n.op.empty();
    d.nodes.push_back({.label = leaf   ? n.name
                                : sign ? sign
                                       : n.op,
                       .tooltip = n.formula + " = " + short_number(n.value) + ", gradient " + short_number(n.gradient),
                       .colour = leaf ? (n.variable ? 0 : 5) : 1,
                       .round = !leaf});
  }
  for (const GraphEdge& e : graph.edges) {
    const std::string value = short_number(e.value), gradient = short_number(e.gradient);
    // A value used twice by one operation has one arrow.
    if (!d.edges.empty() && d.edges.back().from == e.from && d.edges.back().to == e.to) {
      d.edges.back().below += ", " + gradient;
    } else {
      d.edges.push_back({e.from, e.to, value, gradient});
    }
  }
  d.nodes.push_back({.label = "result", .detail = short_number(graph.value()), .colour = 2});
  d.edges.push_back({graph.result, static_cast<int>(graph.nodes.size()), short_number(graph.value()), "1"});
  return d;
}

}  // namespace lamina::inspect
