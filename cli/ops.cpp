#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "lamina/engine/op.h"

namespace lamina::cli {

namespace {

std::string gradient_of(const OpDef& def) {
  if (std::holds_alternative<Vjp>(def.gradient)) return "in ops";
  if (std::holds_alternative<ByDecomposition>(def.gradient)) return "by decomposition";
  if (std::holds_alternative<ZeroGrad>(def.gradient)) return "zero";
  return "none: " + std::string(std::get<NonDiff>(def.gradient).reason);
}

std::string traits_of(const Traits& t) {
  std::string text;
  const auto add = [&text](bool set, const char* word) {
    if (set) text += (text.empty() ? "" : " ") + std::string(word);
  };
  add(t.pointwise, "pointwise");
  add(t.view, "view");
  add(t.strided, "strided");
  add(t.commutative, "commutative");
  add(t.stateful, "stateful");
  return text;
}

std::string onnx_of(const OnnxName& onnx) {
  return onnx.op_type.empty() ? "" : std::string(onnx.op_type) + " (" + std::to_string(onnx.opset) + ")";
}

void print(bool json) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  TextTable table({"op", "gradient", "traits", "decomposes", "ONNX (opset)"});
  for (int i = 0; i < static_cast<int>(OpId::count); ++i) {
    const OpDef& def = op_def(static_cast<OpId>(i));
    table.add({std::string(def.name), gradient_of(def), traits_of(def.traits), def.decompose ? "yes" : "",
               onnx_of(def.onnx)});
    list.push_back({{"name", def.name},
                    {"gradient", gradient_of(def)},
                    {"traits", traits_of(def.traits)},
                    {"decomposes", def.decompose != nullptr},
                    {"onnx", def.onnx.op_type}});
  }
  std::cout << (json ? list.dump(2) + "\n" : table.str());
}

}  // namespace

void add_ops(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("ops", "All operations: gradient, traits, ONNX name");
  auto json = std::make_shared<bool>(false);
  verb->add_flag("--json", *json, "A JSON list");
  verb->callback([json] { print(*json); });
}

}  // namespace lamina::cli
