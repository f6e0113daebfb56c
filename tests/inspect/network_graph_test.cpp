#include "lamina/inspect/network_graph.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "lamina/nn/layers.h"
#include "lamina/ops/ops.h"
#include "tests/support/files.h"

namespace lamina::inspect {
namespace {

/// Two branches that meet: x → a → +, x → +.
class Residual final : public nn::Layer {
 public:
  Tensor forward(const Tensor& x) override { return relu(a_(x) + x); }
  LAMINA_FIELDS(a_)

 private:
  nn::Linear a_{{.in = 4, .out = 4}};
};

bool has_edge(const report::Diagram& d, const std::string& from, const std::string& to, const std::string& text) {
  return std::any_of(d.edges.begin(), d.edges.end(), [&](const report::DiagramEdge& e) {
    return d.nodes[static_cast<size_t>(e.from)].label == from && d.nodes[static_cast<size_t>(e.to)].label == to &&
           e.above == text;
  });
}

TEST(NetworkGraph, LayersAndWhatIsBetweenThem) {
  const nn::Sequential net{nn::Conv2d{{.in = 1, .out = 6, .kernel = 5}}, nn::Relu{}, nn::Flatten{},
                           nn::Linear{{.in = 96, .out = 4}}, Residual{}};
  const report::Diagram d = network_diagram(net, "net", {1, 1, 8, 8}, DType::f32);
  EXPECT_TRUE(has_edge(d, "input", "Conv2d", "[1, 8, 8]"));
  EXPECT_TRUE(has_edge(d, "Conv2d", "Relu", "[6, 4, 4]"));
  EXPECT_TRUE(has_edge(d, "Flatten", "Linear", "[96]"));
  EXPECT_TRUE(has_edge(d, "Linear", "Linear", "[4]"));
  EXPECT_TRUE(has_edge(d, "Linear", "add, relu", "[4]"));
  EXPECT_TRUE(has_edge(d, "add, relu", "output", "[4]"));
  EXPECT_EQ(d.edges.size(), 8U);
  EXPECT_EQ(d.nodes[1].detail, "0 · 156 parameters");
  EXPECT_CONTAINS(d.nodes[1].tooltip, "\"kernel\"");
  report::svg(d);  // it has no cycle
}

/// The same layer twice in one pass: two boxes, no cycle.
class Twice final : public nn::Layer {
 public:
  Tensor forward(const Tensor& x) override { return a_(tanh(a_(x))); }
  LAMINA_FIELDS(a_)

 private:
  nn::Linear a_{{.in = 4, .out = 4}};
};

TEST(NetworkGraph, ALayerThatIsUsedTwice) {
  const report::Diagram d = network_diagram(Twice{}, "twice", {1, 4}, DType::f32);
  EXPECT_EQ(std::count_if(d.nodes.begin(), d.nodes.end(), [](const auto& n) { return n.label == "Linear"; }), 2);
  EXPECT_FALSE(report::svg(d).empty());
}

}  // namespace
}  // namespace lamina::inspect
