// The computational graph of a formula at a point: values on their way forward, gradients on their way back.
#pragma once

#include <string>
#include <vector>

#include "lamina/inspect/expression.h"
#include "lamina/report/diagram.h"

namespace lamina::inspect {

struct GraphNode {
  std::string name;       // "x"; "2"; "%4" of what is computed
  std::string op;         // "add"; empty of a variable or a number
  std::string formula;    // "x + y", "relu(%4)"
  bool variable = false;  // else a number, where op is empty
  double value = 0;
  double gradient = 0;  // of the result with respect to it
};

/// An arrow: the value that goes to an operation, and the gradient that this operation sends back. Where a value is
/// used several times its gradient is the sum of theirs.
struct GraphEdge {
  int from = 0, to = 0;
  double value = 0, gradient = 0;
};

struct ExpressionGraph {
  std::string text;
  std::vector<GraphNode> nodes;  // the variables, then in the order of computation
  std::vector<GraphEdge> edges;
  int result = 0;  // its node
  double value() const { return nodes[static_cast<size_t>(result)].value; }
};

/// Records the expression with the engine, runs it forward node by node in f64, and differentiates it node by node.
/// Throws Error that names the operation whose value or derivative is not finite.
ExpressionGraph expression_graph(const Expression& expression, const std::vector<double>& at);

/// Values above the arrows, gradients below.
report::Diagram diagram(const ExpressionGraph& graph);

/// Six significant digits.
std::string short_number(double value);

}  // namespace lamina::inspect
