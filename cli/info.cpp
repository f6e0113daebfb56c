#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/network.h"
#include "lamina/core/error.h"
#include "lamina/engine/grad.h"
#include "lamina/graph/capture.h"
#include "lamina/io/safetensors.h"
#include "lamina/nn/summary.h"
#include "lamina/ops/create.h"
#include "lamina/ops/pointwise.h"
#include "lamina/ops/random.h"
#include "lamina/ops/reduce.h"
#include "lamina/tasks/run.h"

namespace lamina::cli {

namespace {

using Json = nlohmann::ordered_json;

struct Options {
  NetworkChoice network;
  int64_t batch = 1;
  bool json = false;
};

/// Planned bytes of values between layers: a forward pass, and a training step.
struct Memory {
  int64_t inference = 0, training = 0;
};

std::vector<Variable> variables_of(nn::Layer& net) {
  std::vector<Variable> all;
  for (const nn::NamedVariable& v : net.state()) all.push_back(v.variable);
  return all;
}

Memory planned_memory(Network& n, int64_t batch) {
  Shape shape = n.input;
  shape.insert(0, batch);
  const Tensor x = zeros(shape, n.dtype);
  Memory memory;
  graph::Captured forward([&](const Tensors& in) { return Tensors{(*n.net)(in[0])}; }, variables_of(*n.net));
  forward.prepare({x});
  memory.inference = forward.report().arena_bytes;
  Generator random(0);
  std::vector<Variable> state = variables_of(*n.net);
  state.push_back(random.state());
  graph::Captured step(
      [&](const Tensors& in) {
        const GeneratorScope scope(random);
        const nn::ModeScope mode(nn::Mode::train);
        auto [loss, grads] = value_and_grad([&] { return mean(square((*n.net)(in[0]))); }, n.net->parameters());
        Tensors out{loss};
        out.insert(out.end(), grads.begin(), grads.end());
        return out;
      },
      state);
  step.prepare({x});
  memory.training = step.report().arena_bytes;
  return memory;
}

Json to_json(const Network& n, const nn::Summary& s, const Memory& m, int64_t batch) {
  Json layers = Json::array();
  const auto list = [](const Shape& shape) { return std::vector<int64_t>(shape.begin(), shape.end()); };
  for (const nn::SummaryRow& row : s.rows) {
    if (!row.leaf) continue;
    layers.push_back({{"path", row.path},
                      {"kind", row.kind},
                      {"options", Json::parse(row.options)},
                      {"output", list(row.output)},
                      {"parameters", row.parameters},
                      {"flops", row.flops}});
  }
  return {{"network", n.title},
          {"input", list(n.input)},
          {"parameters", s.parameters},
          {"trainable", s.trainable},
          {"flops", s.flops},
          {"state_bytes", s.state_bytes},
          {"batch", batch},
          {"inference_bytes", m.inference},
          {"training_bytes", m.training},
          {"layers", layers}};
}

Json described(Network& n, int64_t batch) {
  Shape one = n.input;
  one.insert(0, 1);
  return to_json(n, nn::summary(*n.net, one, n.dtype), planned_memory(n, batch), batch);
}

void print(Network n, const Options& o) {
  if (o.json) {
    std::cout << described(n, o.batch).dump(2) << '\n';
    return;
  }
  Shape batch = n.input;
  batch.insert(0, 1);
  const nn::Summary s = nn::summary(*n.net, batch, n.dtype);
  const Memory memory = planned_memory(n, o.batch);
  std::cout << n.title << ": inputs " << n.input.str() << " " << name_of(n.dtype) << "\n\n";
  TextTable table({"layer", "kind", "output", "parameters", "operations"});
  for (const nn::SummaryRow& row : s.rows) {
    if (row.leaf && row.kind != "Identity")
      table.add({row.path, row.kind, row.output.str(), with_commas(row.parameters), amount_text(row.flops)});
  }
  std::cout << table.str() << "\nparameters   " << with_commas(s.parameters) << " (" << with_commas(s.trainable)
            << " trainable), " << bytes_text(static_cast<double>(s.state_bytes)) << "\noperations   "
            << amount_text(s.flops) << " floating-point (a multiply-add is two), forward, one example\nmemory       "
            << bytes_text(static_cast<double>(memory.inference)) << " to infer, "
            << bytes_text(static_cast<double>(memory.training)) << " to train besides parameters, batch " << o.batch
            << "\n";
}

/// The run that a file of weights lies in (<run>/checkpoints/<name>/model.safetensors); empty where it lies in none.
std::string run_of(const std::string& path) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::canonical(path, error).parent_path();
  const std::string run = folder.parent_path().parent_path().string();
  const bool weights = std::filesystem::path(path).filename() == "model.safetensors";
  return !error && weights && folder.parent_path().filename() == "checkpoints" && tasks::is_run(run) ? run : "";
}

/// The tensors of a file; of weights in a run also the network.
void print_file(const Options& o) {
  const std::string& path = o.network.what;
  const std::string run = run_of(path);
  const std::vector<io::TensorInfo> tensors = io::list_safetensors(path);
  TextTable table({"tensor", "dtype", "shape", "elements"});
  Json list = Json::array();
  int64_t elements = 0;
  double bytes = 0;
  for (const io::TensorInfo& t : tensors) {
    table.add({t.name, std::string(name_of(t.dtype)), t.shape.str(), with_commas(t.shape.numel())});
    list.push_back({{"name", t.name},
                    {"dtype", std::string(name_of(t.dtype))},
                    {"shape", std::vector<int64_t>(t.shape.begin(), t.shape.end())}});
    elements += t.shape.numel();
    bytes += static_cast<double>(t.shape.numel()) * static_cast<double>(size_of(t.dtype));
  }
  if (o.json) {
    Json all{{"file", path}, {"elements", elements}, {"bytes", static_cast<int64_t>(bytes)}, {"tensors", list}};
    if (!run.empty()) {
      Network n = network_of_run(run);
      all.update(described(n, o.batch));
    }
    std::cout << all.dump(2) << '\n';
    return;
  }
  std::cout << path << "\n\n"
            << table.str() << "\n"
            << tensors.size() << " tensors, " << with_commas(elements) << " elements, " << bytes_text(bytes) << "\n";
  if (run.empty()) return;
  std::cout << '\n';
  print(network_of_run(run), o);
}

void info(const Options& o) {
  if (o.batch < 1) throw Error("--batch", "expected 1 or more, got " + std::to_string(o.batch));
  if (o.network.model.empty() && std::filesystem::path(o.network.what).extension() == ".safetensors") {
    return print_file(o);
  }
  print(open_network(o.network, "a run, a recipe or a .safetensors file"), o);
}

}  // namespace

void add_info(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("info", "Layers, shapes, parameters, operations and memory of a network");
  auto o = std::make_shared<Options>();
  add_network_options(*verb, o->network, "A run directory, a recipe (.yaml) or a .safetensors file");
  verb->add_option("--batch", o->batch, "Examples at once, for the memory (default 1)")->type_name("N");
  verb->add_flag("--json", o->json, "One JSON object");
  verb->footer(
      "Examples:\n  lamina info runs/digits-1\n  lamina info recipes/digits.yaml --set model.filters=[16,32]\n"
      "  lamina info --model lenet5 --batch 64\n  lamina info --model resnet_cifar --set model.depth=56");
  verb->callback([o] { info(*o); });
}

}  // namespace lamina::cli
