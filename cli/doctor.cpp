#include "lamina/runtime/doctor.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/cli.h"

namespace lamina::cli {

namespace {

void print(const std::vector<runtime::Finding>& findings) {
  std::string group;
  for (const runtime::Finding& f : findings) {
    if (f.group != group) std::cout << (group.empty() ? "" : "\n") << f.group << '\n';
    group = f.group;
    std::cout << "  " << f.name << std::string(f.name.size() < 24 ? 24 - f.name.size() : 1, ' ') << f.value << '\n';
    if (!f.advice.empty()) std::cout << "  " << std::string(24, ' ') << "→ " << f.advice << '\n';
  }
}

void print_json(const std::vector<runtime::Finding>& findings) {
  nlohmann::ordered_json all = nlohmann::ordered_json::object();
  static const char* const kStates[] = {"ok", "missing", "problem"};
  for (const runtime::Finding& f : findings) {
    nlohmann::ordered_json one{{"value", f.value}, {"state", kStates[static_cast<int>(f.state)]}};
    if (!f.advice.empty()) one["advice"] = f.advice;
    all[f.group][f.name] = one;
  }
  std::cout << all.dump(2) << '\n';
}

}  // namespace

void add_doctor(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("doctor", "What this machine and this build offer, and what is missing and why");
  auto json = std::make_shared<bool>(false);
  verb->add_flag("--json", *json, "One JSON object");
  add_threads(*verb);
  verb->callback([json] { *json ? print_json(runtime::examine()) : print(runtime::examine()); });
}

}  // namespace lamina::cli
