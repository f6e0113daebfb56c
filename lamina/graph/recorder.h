// Runs a function with stand-ins for its inputs and state, and notes every op it calls.
#pragma once

#include <functional>
#include <unordered_map>

#include "lamina/engine/dispatch.h"
#include "lamina/graph/graph.h"

namespace lamina::graph {

/// The graph of fn for inputs of these metas. The variables' values are as before when it returns,
/// and when it throws.
Graph record(const std::function<Tensors(const Tensors&)>& fn, const Metas& inputs, const std::vector<Variable>& state);

}  // namespace lamina::graph
