// The order of the passes.
#include <algorithm>

#include "lamina/core/error.h"
#include "lamina/graph/capture.h"
#include "lamina/graph/passes.h"

namespace lamina::graph {

namespace {

struct Pass {
  const char* name;
  Graph (*run)(Graph, PassLog&);
};

constexpr Pass kPasses[] = {
    {"dce", [](Graph g, PassLog&) { return eliminate_dead_code(std::move(g)); }},
    {"cse", [](Graph g, PassLog&) { return merge_common_subexpressions(std::move(g)); }},
    {"simplify", [](Graph g, PassLog&) { return simplify(std::move(g)); }},
    {"layout", [](Graph g, PassLog&) { return choose_layouts(std::move(g)); }},
    {"fuse_pointwise", fuse_pointwise},
    {"fuse_epilogue", fuse_epilogue},
    {"hoist_invariants", [](Graph g, PassLog&) { return hoist_invariants(std::move(g)); }},
};

}  // namespace

std::vector<std::string> passes() {
  std::vector<std::string> names;
  for (const Pass& p : kPasses) names.emplace_back(p.name);
  return names;
}

Graph optimize(Graph graph, const std::vector<std::string>& disabled, PassLog& log) {
  const std::vector<std::string> known = passes();
  for (const std::string& name : disabled) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    NameList names;
    for (const std::string& k : known) names.add(k);
    throw Error("passes", "no pass is called \"" + name + "\"").hint("there are: " + names.str());
  }
  verify(graph);
  for (const Pass& p : kPasses) {
    if (std::find(disabled.begin(), disabled.end(), p.name) != disabled.end()) continue;
    graph = p.run(std::move(graph), log);
    verify(graph);
  }
  graph = separate_results(std::move(graph));
  verify(graph);
  return graph;
}

}  // namespace lamina::graph
