#include "lamina/report/diagram.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lamina/report/layered_internal.h"
#include "lamina/report/report.h"
#include "tests/support/files.h"

namespace lamina::report {
namespace {

using testing::error_of;

TEST(Layout, NodesStandBehindWhatTheyDependOn) {
  const std::vector<Place> sizes(5, {40, 30});
  const std::vector<LayeredEdge> edges{{0, 2, 0}, {1, 2, 0}, {2, 4, 30}, {3, 4, 0}, {0, 4, 0}};
  const LayeredLayout layout = layered_layout(sizes, edges);
  for (const LayeredEdge& e : edges) {
    const Place from = layout.centres[static_cast<size_t>(e.from)], to = layout.centres[static_cast<size_t>(e.to)];
    EXPECT_GE(to.along - from.along, 40 + e.room);
  }
  // A source stands right before what it leads to, in the layer of the inner node.
  EXPECT_EQ(layout.centres[3].along, layout.centres[2].along);
  for (const auto& route : layout.routes) {
    for (const Place& p : route) {
      EXPECT_GE(p.along, 0);
      EXPECT_LE(p.across, layout.size.across);
    }
  }
}

TEST(Layout, NodesDoNotOverlap) {
  std::vector<Place> sizes;
  std::vector<LayeredEdge> edges;
  for (int i = 0; i < 40; ++i) {
    sizes.push_back({30, 20.0 + i});
    for (int from = std::max(0, i - 9); from < i - 3; from += 2) edges.push_back({from, i, 0});
  }
  const LayeredLayout layout = layered_layout(sizes, edges);
  for (size_t a = 0; a < sizes.size(); ++a) {
    for (size_t b = 0; b < a; ++b) {
      if (layout.centres[a].along != layout.centres[b].along) continue;
      EXPECT_GE(std::abs(layout.centres[a].across - layout.centres[b].across), (sizes[a].across + sizes[b].across) / 2);
    }
  }
}

TEST(Layout, CrossingsThatCanBeAvoidedAre) {
  // Three pairs, listed so that their arrows cross.
  const std::vector<Place> sizes(6, {40, 30});
  const std::vector<LayeredEdge> edges{{0, 5, 0}, {1, 4, 0}, {2, 3, 0}};
  const LayeredLayout layout = layered_layout(sizes, edges);
  for (const LayeredEdge& e : edges) {
    EXPECT_NEAR(layout.centres[static_cast<size_t>(e.from)].across, layout.centres[static_cast<size_t>(e.to)].across,
                1);
  }
}

TEST(Diagram, CyclesAndEdgesToNowhereAreErrors) {
  Diagram d{.title = "d", .nodes = {{"a"}, {"b"}}, .edges = {{0, 1}, {1, 0}}};
  EXPECT_CONTAINS(error_of([&] { svg(d); }), "cycle");
  d.edges = {{0, 2}};
  EXPECT_CONTAINS(error_of([&] { svg(d); }), "a node that there is not");
  EXPECT_FALSE(svg(Diagram{}).empty());
}

TEST(Diagram, AsAFileOfItsOwn) {
  Diagram d{.title = "a < b", .nodes = {{"<in>"}, {"out"}}, .edges = {{0, 1, "1 & 2", "-4"}}};
  const std::string file = svg_file(svg(d));
  EXPECT_TRUE(file.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" "));
  EXPECT_CONTAINS(file, "&lt;in&gt;");
  EXPECT_CONTAINS(file, "1 &amp; 2");
  EXPECT_CONTAINS(file, "aria-label=\"a &lt; b\"");
  EXPECT_CONTAINS(file, "prefers-color-scheme: dark");
  EXPECT_EQ(file.find("nan"), std::string::npos);
  EXPECT_CONTAINS(error_of([] { svg_file("<p>"); }), "no SVG");
}

}  // namespace
}  // namespace lamina::report
