#include "lamina/tasks/report.h"

#include <iostream>

#include "cli/cli.h"
#include "lamina/tasks/run.h"

namespace lamina::cli {

void add_report(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("report", "Writes the HTML report of a run (again)");
  auto run = std::make_shared<std::string>();
  verb->add_option("run", *run, "A run directory")->required();
  add_threads(*verb);
  verb->footer(
      "Example:\n  lamina report runs/digits-1       writes runs/digits-1/report.html, one file, no network needed");
  verb->callback([run] { std::cout << tasks::write_report(tasks::open_run(*run)) << '\n'; });
}

}  // namespace lamina::cli
