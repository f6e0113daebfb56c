// Where every value of a step lives.
#pragma once

#include <cstdint>
#include <vector>

#include "lamina/graph/graph.h"

namespace lamina::graph {

/// nowhere: a further output of an op that nobody reads; its kernel gets a null pointer.
enum class Place : uint8_t { nowhere, arena, input, state, constant, output };

struct Location {
  Place place = Place::nowhere;
  int64_t offset = 0;  // bytes, in the arena
  int slot = -1;       // number of the input, variable or output
};

struct MemoryPlan {
  std::vector<Location> locations;         // per value; of a view, that of its root
  std::vector<int64_t> workspace_offsets;  // per node, in the arena
  std::vector<int> copied_states;          // variables whose new value is copied in after the last node
  int64_t arena_bytes = 0;                 // the planned peak
};

/// Lifetimes over the order of the nodes; results written in place where that is safe; everything
/// else at the best fitting offset of one arena. `workspace_bytes` has one entry per node.
MemoryPlan plan_memory(const Graph& graph, const std::vector<int64_t>& workspace_bytes);

}  // namespace lamina::graph
