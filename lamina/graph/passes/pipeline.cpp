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

void check_passes(const std::vector<std::string>& names, const std::string& where) {
  NameList known;
  for (const Pass& p : kPasses) known.add(p.name);
  for (const std::string& name : names) {
    if (std::any_of(std::begin(kPasses), std::end(kPasses), [&](const Pass& p) { return name == p.name; })) continue;
    const std::string nearest = known.nearest(name);
    throw Error(where, "no pass is called \"" + name + "\"")
        .hint((nearest.empty() ? "" : "did you mean \"" + nearest + "\"? ") + "there are: " + known.str());
  }
}

Graph optimize(Graph graph, const CaptureOptions& options, PassLog& log) {
  const std::vector<std::string>& disabled = options.disabled_passes;
  check_passes(disabled, "passes");
  verify(graph);
  for (const Pass& p : kPasses) {
    if (std::find(disabled.begin(), disabled.end(), p.name) != disabled.end()) continue;
    graph = p.run(std::move(graph), log);
    verify(graph);
  }
  if (options.recompute) {
    graph = recompute(std::move(graph), log);
    verify(graph);
  }
  graph = separate_results(std::move(graph));
  verify(graph);
  return graph;
}

}  // namespace lamina::graph
