// Boxes and arrows: computational graphs, networks.
#pragma once

#include <string>
#include <vector>

namespace lamina::report {

struct DiagramNode {
  std::string label;         // "+", "Conv2d"
  std::string detail = {};   // a second, smaller line
  std::string tooltip = {};  // shown under the pointer
  int colour = 0;            // of the six that charts have
  bool round = false;        // an ellipse instead of a box
};

/// An arrow between two nodes, by their indices, with a text on either side.
struct DiagramEdge {
  int from = 0, to = 0;
  std::string above = {}, below = {};
};

/// A directed graph without cycles.
struct Diagram {
  std::string title;
  std::vector<DiagramNode> nodes;
  std::vector<DiagramEdge> edges;
  bool downwards = false;  // else from left to right
};

/// An SVG picture as large as it needs: nodes in layers, each behind those that it depends on, with few crossings
/// (Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures", 1981). Throws
/// Error for an edge to a node that there is not, and for a cycle.
std::string svg(const Diagram& diagram);

}  // namespace lamina::report
