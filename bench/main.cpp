// lamina-bench: whole steps, alone or beside peers; see docs/benchmarks.md.
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

#include "bench/compare.h"
#include "bench/steps.h"
#include "lamina/core/error.h"
#include "lamina/core/parallel.h"

namespace {

using namespace lamina;

std::vector<std::string> chosen_peers(const std::string& names) {
  if (names == "none") return {};
  if (names == "all") return {"torch", "torch-compiled", "jax", "ort"};
  std::vector<std::string> list;
  std::string rest = names;
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    list.push_back(rest.substr(0, comma));
    rest = comma == std::string::npos ? "" : rest.substr(comma + 1);
  }
  return list;
}

int run(int argc, char** argv) {
  CLI::App app{
      "Measures Lamina: whole steps of typical networks, beside PyTorch and others where ./dev peers has "
      "installed them."};
  bench::CompareOptions compare;
  bench::StepOptions steps;
  std::vector<std::string> only;
  std::string peers = "torch,jax,ort";
  int threads = 0;
  const char* environment = std::getenv("LAMINA_PEERS");
  compare.environment = environment ? environment : "";
  compare.scripts = "bench/peers";
  app.add_option("--only", only, "workloads, by name; default: all")->delimiter(',');
  app.add_option("--peers", peers, "none, all, or a list of torch, torch-compiled, jax, ort")->capture_default_str();
  app.add_option("--seconds", compare.seconds, "measured per workload and program")->capture_default_str();
  app.add_option("--threads", threads, "default: all cores");
  app.add_option("--disable-pass", steps.disabled_passes, "passes to leave out (with --peers none)")->delimiter(',');
  app.add_option("--environment", compare.environment, "folder of the peers' Python environment")
      ->capture_default_str();
  app.add_option("--scripts", compare.scripts, "folder of the peers' scripts")->capture_default_str();
  app.add_flag("--json", compare.json, "one object: machine, rows");
  app.add_flag("--profile", steps.profile, "print where the time goes (with --peers none)");
  app.add_flag("--explain", steps.explain, "print each compiled step (with --peers none)");
  CLI11_PARSE(app, argc, argv);

  if (threads > 0) set_num_threads(threads);
  compare.only = only;
  compare.peers = chosen_peers(peers);
  if (compare.environment.empty() && !compare.peers.empty()) {
    std::cerr << "No peers are installed (./dev peers does that): Lamina alone.\n";
    compare.peers.clear();
  }
  steps.seconds = compare.seconds;
  if (steps.explain || steps.profile || !steps.disabled_passes.empty()) {
    bench::run_steps(only, steps);
  } else {
    bench::run_compare(compare);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const Error& e) {
    std::cerr << e.what() << "\n";
    return 2;
  }
}
