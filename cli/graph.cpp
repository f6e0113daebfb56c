#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/network.h"
#include "lamina/core/error.h"
#include "lamina/inspect/curvature.h"
#include "lamina/inspect/expression_graph.h"
#include "lamina/inspect/network_graph.h"
#include "lamina/io/files.h"
#include "lamina/ops/movement.h"
#include "lamina/report/report.h"

namespace lamina::cli {

namespace {

using Json = nlohmann::ordered_json;
using inspect::short_number;

struct Options {
  NetworkChoice network;
  std::string expression, at, file;
  bool second = false, json = false;
};

void write_picture(const std::string& file, const report::Diagram& diagram) {
  io::write_file_atomically(file, report::svg_file(report::svg(diagram)));
}

std::string joined(const std::vector<double>& values) {
  std::string text;
  for (double v : values) text += (text.empty() ? "" : ", ") + short_number(v);
  return text;
}

/// "x 2, y 3".
std::string joined(const std::vector<std::string>& names, const std::vector<double>& values) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) text += (i ? ", " : "") + names[i] + " " + short_number(values[i]);
  return text;
}

inspect::Curvature curvature_of(const inspect::Expression& e, const std::vector<double>& at) {
  const auto f = [&](const Tensor& x) {
    Tensors values;
    for (size_t i = 0; i < at.size(); ++i) values.push_back(select(x, 0, static_cast<int64_t>(i)));
    return e(values);
  };
  return inspect::curvature(f, at);
}

void print_second(const inspect::Expression& e, const inspect::Curvature& c) {
  const std::vector<std::string>& names = e.variables();
  std::vector<std::string> head{"Hessian"};
  head.insert(head.end(), names.begin(), names.end());
  TextTable table(head);
  for (size_t i = 0; i < names.size(); ++i) {
    std::vector<std::string> row{names[i]};
    for (double v : c.hessian[i]) row.push_back(short_number(v));
    table.add(row);
  }
  std::cout << '\n' << table.str() << "\nprincipal curvatures (eigenvalues)\n";
  for (size_t i = 0; i < c.eigenvalues.size(); ++i) {
    std::cout << "  " << short_number(c.eigenvalues[i]) << " along (" << joined(c.directions[i]) << ")\n";
  }
  std::cout << "curvature along the gradient  " << short_number(c.along_gradient) << '\n'
            << "curvature of the graph        " << short_number(c.graph) << '\n'
            << "near the point                " << text_of(c.convexity) << '\n'
            << "the point is                  " << text_of(c.stationary) << '\n';
}

Json to_json(const inspect::Curvature& c) {
  return {{"gradient", c.gradient},
          {"hessian", c.hessian},
          {"eigenvalues", c.eigenvalues},
          {"directions", c.directions},
          {"along_gradient", c.along_gradient},
          {"graph", c.graph},
          {"convexity", text_of(c.convexity)},
          {"stationary", text_of(c.stationary)}};
}

Json to_json(const inspect::ExpressionGraph& g) {
  Json nodes = Json::array(), edges = Json::array(), gradient = Json::object();
  for (const inspect::GraphNode& n : g.nodes) {
    nodes.push_back(
        {{"name", n.name}, {"op", n.op}, {"formula", n.formula}, {"value", n.value}, {"gradient", n.gradient}});
    if (n.variable) gradient[n.name] = n.gradient;
  }
  for (const inspect::GraphEdge& e : g.edges) {
    edges.push_back({{"from", g.nodes[static_cast<size_t>(e.from)].name},
                     {"to", g.nodes[static_cast<size_t>(e.to)].name},
                     {"value", e.value},
                     {"gradient", e.gradient}});
  }
  return {{"expression", g.text}, {"value", g.value()}, {"gradient", gradient}, {"nodes", nodes}, {"edges", edges}};
}

void show_expression(const Options& o) {
  if (!o.network.what.empty() || !o.network.model.empty()) {
    throw Error("lamina graph", "expected either --expr or a network, got both");
  }
  const inspect::Expression e = inspect::Expression::parse(o.expression);
  const std::vector<double> at = inspect::parse_point(e, o.at);
  const inspect::ExpressionGraph g = inspect::expression_graph(e, at);
  if (o.second && at.empty()) throw Error("--second", "the expression has no variables");
  if (o.json) {
    Json all = to_json(g);
    if (o.second) all["second"] = to_json(curvature_of(e, at));
    std::cout << all.dump(2) << '\n';
  } else {
    std::cout << e.text() << (at.empty() ? "" : " at " + joined(e.variables(), at)) << "\n\n";
    TextTable table({"value", "operation", "forward", "gradient"});
    std::vector<double> gradient;
    for (const inspect::GraphNode& n : g.nodes) {
      table.add({n.name, n.op.empty() ? "" : n.formula, short_number(n.value), short_number(n.gradient)});
      if (n.variable) gradient.push_back(n.gradient);
    }
    std::cout << table.str() << "\nresult    " << short_number(g.value()) << '\n';
    if (!at.empty()) std::cout << "gradient  " << joined(e.variables(), gradient) << '\n';
    if (o.second) print_second(e, curvature_of(e, at));
  }
  if (o.file.empty()) return;
  write_picture(o.file, inspect::diagram(g));
  if (!o.json) std::cout << "\ndrawn in  " << o.file << '\n';
}

std::string default_file(const Options& o, const Network& n) {
  std::error_code error;
  return std::filesystem::is_directory(o.network.what, error) ? o.network.what + "/graph.svg" : n.title + ".svg";
}

void show_network(const Options& o) {
  if (o.second || !o.at.empty()) throw Error(o.second ? "--second" : "--at", "goes with --expr");
  Network n = open_network(o.network, "a run, a recipe or --expr FORMULA");
  Shape one = n.input;
  one.insert(0, 1);
  const report::Diagram d = inspect::network_diagram(*n.net, n.title, one, n.dtype);
  const std::string file = o.file.empty() ? default_file(o, n) : o.file;
  write_picture(file, d);
  if (o.json) {
    std::cout << Json{{"network", n.title}, {"nodes", d.nodes.size()}, {"edges", d.edges.size()}, {"file", file}}.dump(
                     2)
              << '\n';
  } else {
    std::cout << n.title << ": " << d.nodes.size() << " nodes, " << d.edges.size() << " edges\ndrawn in  " << file
              << '\n';
  }
}

}  // namespace

void add_graph(CLI::App& app) {
  CLI::App* verb =
      app.add_subcommand("graph", "Draws a network, or the computational graph of a formula with gradients");
  auto o = std::make_shared<Options>();
  add_network_options(*verb, o->network, "A run directory or a recipe (.yaml)");
  verb->add_option("--expr", o->expression, "A formula instead: + - * / ^, brackets and functions such as exp, sigmoid")
      ->type_name("FORMULA");
  verb->add_option("--at", o->at, "With --expr: values of its variables")->type_name("x=2,y=3");
  verb->add_flag("--second", o->second,
                 "With --expr: second derivatives, curvature, convexity, and what kind of point it is");
  verb->add_option("-o,--output", o->file, "Where the picture goes (default for a network: NAME.svg or RUN/graph.svg)")
      ->type_name("FILE");
  verb->add_flag("--json", o->json, "One JSON object");
  verb->footer(
      "Examples:\n  lamina graph --expr \"(x+y)*z\" --at x=2,y=3,z=-4 -o graph.svg\n"
      "  lamina graph --expr \"x^2 - y^2\" --at x=0,y=0 --second\n  lamina graph recipes/mnist-lenet5.yaml -o "
      "lenet5.svg\n"
      "  lamina graph --model resnet18");
  verb->callback([o] { o->expression.empty() ? show_network(*o) : show_expression(*o); });
}

}  // namespace lamina::cli
