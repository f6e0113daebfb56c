// lamina-bench: whole steps, alone or beside peers; single ops; what comes before the first step. See
// docs/benchmarks.md.
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

#include "bench/compare.h"
#include "bench/ops.h"
#include "bench/start.h"
#include "bench/steps.h"
#include "bench/workloads.h"
#include "lamina/core/error.h"
#include "lamina/core/parallel.h"

namespace {

using namespace lamina;

constexpr const char* kExamples = R"(Examples:
  ./dev bench                                   all workloads beside all peers that ./dev peers installed
  ./dev bench --only lenet5,resnet50 --peers torch
  ./dev bench --only mlp-sgd --peers torch --compile     PyTorch also compiled, which takes up to a minute a network
  ./dev bench --peers none --json               Lamina alone, as data
  ./dev bench --only resnet20 --profile         where the time of Lamina's step goes
  ./dev bench --only mlp-adam --disable-pass fuse_pointwise
  ./dev bench ops --only matmul-1024,conv-3x3    single ops and their gradients; without --only all of them
  ./dev bench start                             process start to first step; compile time of the examples
A step is forward, loss, backward and update (training), or forward (inference). The first steps of every peer must
agree with ours before anything is timed. limit: the share of what the machine could do at best, measured at the start.
Of each peer the best of its settings counts: 1 or all threads, row-major or channels-last pictures, eager or compiled.
Memory is what the process came to hold beyond what it holds once the framework is loaded.)";

struct Options {
  std::string program, first_step;
  bench::CompareOptions compare;
  bench::StepOptions steps;
  std::vector<std::string> only, peers{"all"};
  double op_seconds = 0.3;
  int threads = 0;
  bool list = false;
};

std::vector<std::string> chosen_peers(const Options& o) {
  if (o.peers.size() == 1 && o.peers[0] == "none") return {};
  if (o.peers.size() == 1 && o.peers[0] == "all") return bench::peer_names();
  return o.peers;
}

void run_workloads(Options& o) {
  if (o.threads != 0) set_num_threads(o.threads);
  if (o.list) {
    for (const bench::Workload& w : bench::workloads()) std::printf("%-22s %s\n", w.name.c_str(), w.text.c_str());
    return;
  }
  o.compare.only = o.only;
  o.compare.peers = chosen_peers(o);
  o.steps.seconds = o.compare.seconds;
  if (o.steps.explain || o.steps.profile || !o.steps.disabled_passes.empty() || o.steps.recompute)
    return bench::run_steps(o.only, o.steps);
  if (o.compare.environment.empty() && !o.compare.peers.empty()) {
    std::cerr << "No peers are installed (./dev peers does that): Lamina alone.\n";
    o.compare.peers.clear();
  }
  bench::run_compare(o.compare);
}

void add_subcommands(CLI::App& app, Options& o) {
  CLI::App* ops = app.add_subcommand("ops", "Single ops and their gradients: time, and share of the machine's limit");
  ops->add_option("--only", o.only, "Cases, by name; default: all")->delimiter(',')->type_name("NAME,…");
  ops->add_option("--seconds", o.op_seconds, "Measured per case")->capture_default_str();
  ops->add_option("--threads", o.threads, "Default: all cores");
  ops->add_flag("--list", o.list, "Print the cases and end");
  CLI::App* start = app.add_subcommand("start", "Process start to first step; compile time of the examples");
  start->add_option("--only", o.only, "Workloads, by name; default: xor, lenet5, resnet50")
      ->delimiter(',')
      ->type_name("NAME,…");
  start->add_option("--first-step", o.first_step, "Take one step of this workload and end")->type_name("NAME");
}

void run_ops(const Options& o) {
  if (o.threads != 0) set_num_threads(o.threads);
  if (!o.list) return bench::run_ops(o.only, o.op_seconds);
  for (const std::string& name : bench::op_cases()) std::printf("%s\n", name.c_str());
}

void run_start(const Options& o) {
  o.first_step.empty() ? bench::run_start(o.program, o.only) : bench::run_first_step(o.first_step);
}

void add_workload_options(CLI::App& app, Options& o) {
  app.add_option("--only", o.only, "Workloads, by name; default: all")->delimiter(',')->type_name("NAME,…");
  app.add_option("--peers", o.peers, "none, all, or some of torch, jax, ort, mnn; default: all")
      ->delimiter(',')
      ->type_name("NAME,…");
  app.add_flag("--compile", o.compare.compile, "Try PyTorch compiled, too");
  app.add_flag("--list", o.list, "Print the workloads and end");
  app.add_flag("--json", o.compare.json, "Print one object: machine, rows");
  app.add_option("--seconds", o.compare.seconds, "Measured per workload and program")->capture_default_str();
  app.add_option("--threads", o.threads, "Default: all cores");
  app.add_flag("--profile", o.steps.profile, "Lamina alone: print where the time of a step goes");
  app.add_flag("--explain", o.steps.explain, "Lamina alone: print the compiled step, its layouts, fusions, refusals");
  app.add_option("--disable-pass", o.steps.disabled_passes, "Lamina alone, without these passes")->delimiter(',');
  app.add_flag("--recompute", o.steps.recompute, "Lamina alone, with values made again instead of kept");
  app.add_option("--environment", o.compare.environment, "Folder of the peers' Python environment")
      ->capture_default_str();
  app.add_option("--scripts", o.compare.scripts, "Folder of the peers' scripts")->capture_default_str();
}

int run(int argc, char** argv) {
  CLI::App app{"Measures Lamina: whole steps of typical networks, beside PyTorch and others.", "./dev bench"};
  Options o;
  const char* environment = std::getenv("LAMINA_PEERS");
  o.compare.environment = environment ? environment : "";
  o.compare.scripts = "bench/peers";
  o.program = argv[0];
  add_workload_options(app, o);
  add_subcommands(app, o);
  app.footer(kExamples);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  if (app.got_subcommand("ops")) {
    run_ops(o);
  } else if (app.got_subcommand("start")) {
    run_start(o);
  } else {
    run_workloads(o);
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
