// Places for the nodes of a directed graph without cycles.
#pragma once

#include <vector>

namespace lamina::report {

/// In the direction of the arrows, and at right angles to it; pixels.
struct Place {
  double along = 0, across = 0;
};

struct LayeredEdge {
  int from = 0, to = 0;
  double room = 0;  // along, for what is written beside it
};

struct LayeredLayout {
  std::vector<Place> centres;              // of the nodes
  std::vector<std::vector<Place>> routes;  // of the edges: from border to border, bending in each layer between
  Place size;
};

/// `sizes` of the nodes, which are `gap` apart in their layers. Throws Error for a cycle, and for an edge to a node
/// that there is not.
LayeredLayout layered_layout(const std::vector<Place>& sizes, const std::vector<LayeredEdge>& edges, double gap = 26);

}  // namespace lamina::report
