#include "lamina/inspect/network_graph.h"

#include <algorithm>
#include <map>
#include <set>

#include "lamina/engine/tape.h"
#include "lamina/graph/recorder.h"
#include "lamina/nn/summary.h"

namespace lamina::inspect {

namespace {

/// 61706 → "61.7 k".
std::string amount(int64_t n) {
  char text[32];
  const auto value = static_cast<double>(n);
  if (n < 1000) return std::to_string(n);
  std::snprintf(text, sizeof text, n < 1000000 ? "%.1f k" : "%.2f M", n < 1000000 ? value / 1e3 : value / 1e6);
  return text;
}

std::string shape_text(Shape shape) {
  if (!shape.empty()) shape.erase(0);
  return shape.str();
}

/// Ops that one module calls one after the other are one node: recorded order is an order of computation, so that this
/// makes no cycle.
class NetworkDrawing {
 public:
  NetworkDrawing(const nn::Layer& network, const std::string& title, const Shape& input, DType dtype)
      : rows_(nn::summary(network, input, dtype).rows) {
    d_.title = title;
    d_.downwards = true;
    record(network, input, dtype);
  }

  report::Diagram draw() {
    owner_.assign(recorded_.values.size(), -1);
    owner_[static_cast<size_t>(recorded_.inputs[0])] = 0;
    d_.nodes.push_back({.label = "input", .colour = 2});
    for (const graph::Node& n : recorded_.nodes) add(n);
    d_.nodes.push_back({.label = "output", .colour = 2});
    connect(recorded_.outputs[0], static_cast<int>(d_.nodes.size()) - 1);
    return std::move(d_);
  }

 private:
  void record(const nn::Layer& network, const Shape& input, DType dtype) {
    const nn::LayerPtr traced = nn::copy_layer(network);
    traced->set_name("");
    std::vector<Variable> state;
    for (const nn::NamedVariable& v : traced->state()) state.push_back(v.variable);
    const NoGrad off;
    const nn::ModeScope mode(nn::Mode::eval);
    recorded_ =
        graph::record([&](const Tensors& in) { return Tensors{(*traced)(in[0])}; }, {Meta(dtype, input)}, state);
  }

  const nn::SummaryRow* leaf(const std::string& path) const {
    const auto found =
        std::find_if(rows_.begin(), rows_.end(), [&](const nn::SummaryRow& r) { return r.leaf && r.path == path; });
    return found == rows_.end() ? nullptr : &*found;
  }

  /// Does the op depend on the input at all? What is made of parameters alone belongs to whoever uses it.
  bool flows(const graph::Node& n) const {
    return std::any_of(n.in.begin(), n.in.end(), [&](int id) { return owner_[static_cast<size_t>(id)] >= 0; });
  }

  void add(const graph::Node& n) {
    if (!flows(n)) return;
    const nn::SummaryRow* layer = leaf(n.module_path);
    const bool same = run_ >= 0 && n.module_path == path_;
    // Between layers a change of view is nothing to draw: the value stays with its maker.
    if (!layer && n.is_view() && !same) {
      for (int id : n.out) owner_[static_cast<size_t>(id)] = owner_[static_cast<size_t>(first_flowing(n))];
      return;
    }
    if (!same) start(n, layer);
    if (!layer && !n.is_view()) {
      std::string& label = d_.nodes.back().label;
      label += (label.empty() ? "" : ", ") + n.name();
    }
    for (int id : n.in) {
      if (owner_[static_cast<size_t>(id)] >= 0) connect(id, run_);
    }
    for (int id : n.out) owner_[static_cast<size_t>(id)] = run_;
  }

  int first_flowing(const graph::Node& n) const {
    return *std::find_if(n.in.begin(), n.in.end(), [&](int id) { return owner_[static_cast<size_t>(id)] >= 0; });
  }

  void start(const graph::Node& n, const nn::SummaryRow* layer) {
    run_ = static_cast<int>(d_.nodes.size());
    path_ = n.module_path;
    if (!layer) {
      d_.nodes.push_back({.label = "", .tooltip = n.module_path, .colour = 1, .round = true});
      return;
    }
    const std::string count = layer->parameters > 0 ? amount(layer->parameters) + " parameters" : "";
    const std::string gap = count.empty() || layer->path.empty() ? "" : " · ";
    d_.nodes.push_back({.label = layer->kind,
                        .detail = layer->path + gap + count,
                        .tooltip = layer->options == "{}" ? "" : layer->options,
                        .colour = layer->parameters > 0 ? 0 : 5});
  }

  void connect(int value, int to) {
    const int from = owner_[static_cast<size_t>(value)];
    if (from == to || from < 0 || !drawn_.insert({from, to}).second) return;
    d_.edges.push_back({from, to, shape_text(recorded_.meta(value).shape), ""});
  }

  std::vector<nn::SummaryRow> rows_;
  graph::Graph recorded_;
  std::vector<int> owner_;  // of each value: the node that makes it, −1 where the input plays no part
  std::set<std::pair<int, int>> drawn_;
  int run_ = -1;  // the last node, and the module that it is of
  std::string path_;
  report::Diagram d_;
};

}  // namespace

report::Diagram network_diagram(const nn::Layer& network, const std::string& title, const Shape& input, DType dtype) {
  return NetworkDrawing(network, title, input, dtype).draw();
}

}  // namespace lamina::inspect
