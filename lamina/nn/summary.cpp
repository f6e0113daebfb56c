#include "lamina/nn/summary.h"

#include <algorithm>
#include <cstdio>
#include <unordered_map>
#include <utility>

#include "lamina/engine/module_path.h"
#include "lamina/engine/tape.h"
#include "lamina/graph/recorder.h"

namespace lamina::nn {

namespace {

/// One row per module, in the order of listing, with its own parameters.
class RowMaker final : public ModuleVisitor {
 public:
  void add(const std::string& path, Module& module) {
    const size_t index = rows.size();
    rows.push_back({.path = path, .kind = module.kind(), .options = module.describe()});
    const size_t outer = std::exchange(current_, index);
    module.visit(*this);
    current_ = outer;
  }
  void field(std::string_view, Param& p) override {
    if (!p.defined()) return;
    rows[current_].parameters += p.value().numel();
    if (p.variable().trainable()) rows[current_].trainable += p.value().numel();
  }
  void field(std::string_view, Buffer&) override {}
  void field(std::string_view name, Module& child) override {
    rows[current_].leaf = false;
    const std::string& path = rows[current_].path;
    add(path.empty() ? std::string(name) : path + "." + std::string(name), child);
  }
  std::vector<SummaryRow> rows;

 private:
  size_t current_ = 0;
};

struct Call {
  Shape input, output;
  size_t bytes = 0;
};

class CallLog final : public CallObserver {
 public:
  void called(const Layer&, const Tensor& x, const Tensor& y) override {
    calls[current_module_path()] = {x.shape(), y.shape(), y.bytes()};
  }
  std::unordered_map<std::string, Call> calls;
};

std::unordered_map<std::string, double> flops_by_path(const graph::Graph& g) {
  std::unordered_map<std::string, double> flops;
  for (const graph::Node& node : g.nodes) {
    if (node.is_view()) continue;
    const Metas in = g.metas(node.in), out = g.metas(node.out);
    const OpDef& def = *node.def();
    flops[node.module_path] += def.flops ? def.flops(in, out, node.attrs) : static_cast<double>(out[0].numel());
  }
  return flops;
}

std::string grouped(int64_t number) {
  std::string digits = std::to_string(number);
  for (auto i = static_cast<int64_t>(digits.size()) - 3; i > 0; i -= 3) digits.insert(static_cast<size_t>(i), ",");
  return digits;
}

std::string scaled(double value, const char* unit) {
  const char* prefixes[] = {"", "k", "M", "G", "T"};
  int i = 0;
  for (; value >= 1000 && i < 4; ++i) value /= 1000;
  char text[48];
  std::snprintf(text, sizeof text, i ? "%.2f %s%s" : "%.0f %s%s", value, prefixes[i], unit);
  return text;
}

/// Characters, not bytes, of UTF-8 text.
size_t width(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string table(const std::vector<std::vector<std::string>>& lines) {
  std::vector<size_t> widths(lines[0].size());
  for (const auto& line : lines) {
    for (size_t c = 0; c < line.size(); ++c) widths[c] = std::max(widths[c], width(line[c]));
  }
  std::string text;
  for (const auto& line : lines) {
    for (size_t c = 0; c < line.size(); ++c) {
      const std::string padding(widths[c] - width(line[c]), ' ');
      const bool number = c + 2 >= line.size();  // the last two columns
      text += (c ? "  " : "") + (number ? padding + line[c] : line[c] + padding);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

}  // namespace

Summary summary(const Layer& layer, const Shape& input, DType dtype) {
  const LayerPtr traced = copy_layer(layer);
  traced->set_name("");
  std::vector<Variable> state;
  Summary s;
  for (const NamedVariable& v : traced->state()) {
    state.push_back(v.variable);
    s.state_bytes += static_cast<int64_t>(v.variable.value().bytes());
  }
  RowMaker maker;
  maker.add("", *traced);
  s.rows = std::move(maker.rows);

  const NoGrad off;
  const ModeScope mode(Mode::eval);
  CallLog log;
  const graph::Graph g =
      graph::record([&](const Tensors& in) { return Tensors{(*traced)(in[0])}; }, {Meta(dtype, input)}, state);
  const std::unordered_map<std::string, double> flops = flops_by_path(g);
  for (const auto& [path, count] : flops) s.flops += count;
  for (SummaryRow& row : s.rows) {
    if (const auto f = flops.find(row.path); f != flops.end()) row.flops = f->second;
    if (const auto c = log.calls.find(row.path); c != log.calls.end()) {
      row.input = c->second.input;
      row.output = c->second.output;
      if (row.leaf) s.activation_bytes += static_cast<int64_t>(c->second.bytes);
    }
  }
  for (const NamedVariable& p : traced->named_parameters()) {
    const int64_t n = p.variable.value().numel();
    s.parameters += n;
    if (p.variable.trainable()) s.trainable += n;
  }
  return s;
}

std::string Summary::str() const {
  std::vector<std::vector<std::string>> lines{{"layer", "kind", "output", "parameters", "flops"}};
  for (const SummaryRow& row : rows) {
    if (row.path.empty() && rows.size() > 1 && row.parameters == 0) continue;
    lines.push_back({row.path.empty() ? "(network)" : row.path, row.kind, row.output.empty() ? "" : row.output.str(),
                     row.parameters ? grouped(row.parameters) : "", row.flops > 0 ? scaled(row.flops, "") : ""});
  }
  return table(lines) + "parameters " + grouped(parameters) +
         (trainable == parameters ? "" : ", of these trainable " + grouped(trainable)) + "; state " +
         scaled(static_cast<double>(state_bytes), "B") + ", activations " +
         scaled(static_cast<double>(activation_bytes), "B") + ", forward pass " + scaled(flops, "flop") + "\n";
}

}  // namespace lamina::nn
