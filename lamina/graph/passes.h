// Optimisation passes: each takes a graph and returns one that computes the same.
#pragma once

#include <string>
#include <vector>

#include "lamina/graph/capture.h"
#include "lamina/graph/graph.h"

namespace lamina::graph {

/// What passes tell the report.
struct PassLog {
  int fused_groups = 0;
  std::vector<std::string> decisions;
  std::vector<std::string> refusals;
};

/// Drops nodes whose results nobody uses.
Graph eliminate_dead_code(Graph graph);
/// Computes equal expressions once.
Graph merge_common_subexpressions(Graph graph);
/// Drops views that change nothing.
Graph simplify(Graph graph);
/// Lays images out as convolutions like them, copying only where an op insists on row-major data.
Graph choose_layouts(Graph graph);
/// Joins pointwise nodes of one shape into groups that run as one kernel.
Graph fuse_pointwise(Graph graph, PassLog& log);
/// Lets convolutions and matrix products apply the pointwise group that alone reads their result.
Graph fuse_epilogue(Graph graph, PassLog& log);
/// Moves to the front what depends on constants and unchanging variables only: it runs once, and again when those
/// change.
Graph hoist_invariants(Graph graph);
/// Makes values of the forward pass again where the backward pass reads them, instead of keeping them: less memory at
/// the peak, at most 30 % more work as far as can be told, the same bits.
Graph recompute(Graph graph, PassLog& log);
/// Gives every output and every new value of a variable memory of its own, by copying where needed.
Graph separate_results(Graph graph);

/// All of them in order, except the disabled ones, and recompute() where `options` ask for it; verifies after each.
Graph optimize(Graph graph, const CaptureOptions& options, PassLog& log);

/// Rebuilds a graph from the nodes kept, in the order given; values are numbered anew.
Graph rebuild(const Graph& graph, const std::vector<int>& node_order);

/// Per value, the nodes that read it directly.
std::vector<std::vector<int>> users_of(const Graph& graph);

}  // namespace lamina::graph
