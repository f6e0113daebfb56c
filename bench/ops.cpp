#include "bench/ops.h"

#include <chrono>
#include <cstdio>
#include <functional>
#include <iostream>

#include "bench/workloads.h"
#include "lamina/core/error.h"
#include "lamina/engine/grad.h"
#include "lamina/graph/capture.h"
#include "lamina/ops/ops.h"
#include "lamina/runtime/machine.h"
#include "lamina/runtime/profiler.h"

namespace lamina::bench {

namespace {

struct Case {
  const char* name;
  std::vector<Shape> in;  // f32, normal
  std::function<Tensor(const Tensors&)> run;
  bool gradient = true;  // time the gradients of all inputs, too
};

Case convolution(const char* name, const Shape& x, const Shape& weight, const ConvOptions& options) {
  return {name, {x, weight}, [options](const Tensors& in) { return conv(in[0], in[1], {}, options); }};
}

Case product(const char* name, int64_t m, int64_t k, int64_t n) {
  return {name, {{m, k}, {k, n}}, [](const Tensors& in) { return matmul(in[0], in[1]); }};
}

Case unary(const char* name, Tensor (*f)(const Tensor&)) {
  return {name, {{1 << 20}}, [f](const Tensors& in) { return f(in[0]); }};
}

std::vector<Case> products_and_convolutions() {
  return {
      product("matmul-64", 64, 64, 64),
      product("matmul-1024", 1024, 1024, 1024),
      product("matmul-100-rows", 100, 784, 1000),
      product("matmul-1-row", 1, 1024, 4096),
      {"linear", {{64, 784}, {300, 784}, {300}}, [](const Tensors& in) { return linear(in[0], in[1], in[2]); }},
      {"einsum", {{8, 64, 128}, {8, 128, 64}}, [](const Tensors& in) { return einsum("bij,bjk->bik", in[0], in[1]); }},
      convolution("conv-3x3", {16, 64, 56, 56}, {64, 64, 3, 3}, {.padding = {1}}),
      convolution("conv-1x1", {16, 256, 56, 56}, {64, 256, 1, 1}, {}),
      convolution("conv-first", {16, 3, 224, 224}, {64, 3, 7, 7}, {.stride = {2}, .padding = {3}}),
      convolution("conv-grouped", {16, 96, 27, 27}, {256, 48, 5, 5}, {.padding = {2}, .groups = 2}),
      convolution("conv-depthwise", {16, 64, 56, 56}, {64, 1, 3, 3}, {.padding = {1}, .groups = 64}),
      convolution("conv-few-channels", {64, 1, 28, 28}, {6, 1, 5, 5}, {.padding = {2}}),
      convolution("conv-1d", {50, 300, 56}, {100, 300, 3}, {}),
      {"conv-transpose", {{32, 64, 16, 16}, {64, 32, 4, 4}}, [](const Tensors& in) {
         return conv_transpose(in[0], in[1], {}, {.stride = {2}, .padding = {1}});
       }}};
}

std::vector<Case> layers() {
  const Shape image{16, 64, 56, 56}, channels{64};
  return {
      {"max-pool", {image}, [](const Tensors& in) { return max_pool(in[0], {.kernel = {3}, .stride = {2}}); }},
      {"avg-pool", {image}, [](const Tensors& in) { return avg_pool(in[0]); }},
      {"batch-norm",
       {image, channels, channels},
       [](const Tensors& in) { return batch_norm_train(in[0], in[1], in[2]).y; }},
      {"layer-norm", {{1024, 512}, {512}, {512}}, [](const Tensors& in) { return layer_norm(in[0], in[1], in[2]); }},
      {"local-response-norm", {image}, [](const Tensors& in) { return local_response_norm(in[0], 5); }},
      {"softmax", {{700, 10000}}, [](const Tensors& in) { return softmax(in[0]); }},
      {"cross-entropy", {{700, 10000}}, [](const Tensors& in) { return cross_entropy_rows(in[0], ids({700}, 10000)); }},
      {"embedding", {{10000, 200}}, [](const Tensors& in) { return embedding(in[0], ids({700}, 10000)); }},
      {"lstm", {{35, 20, 800}, {800, 200}, {20, 200}, {20, 200}}, [](const Tensors& in) {
         return lstm(in[0], in[1], {in[2], in[3]}).y;
       }}};
}

std::vector<Case> elements_and_movement() {
  const Shape matrix{1024, 1024};
  return {unary("exp", exp),
          unary("log", log),
          unary("tanh", tanh),
          unary("sigmoid", sigmoid),
          unary("relu", relu),
          unary("sqrt", sqrt),
          unary("sin", sin),
          unary("erf", erf),
          unary("gelu", [](const Tensor& x) { return gelu(x); }),
          {"add", {matrix, matrix}, [](const Tensors& in) { return in[0] + in[1]; }},
          {"div", {matrix, matrix}, [](const Tensors& in) { return in[0] / in[1]; }},
          {"add-row", {matrix, {1024}}, [](const Tensors& in) { return in[0] + in[1]; }},
          {"sum", {matrix}, [](const Tensors& in) { return sum(in[0]); }},
          {"sum-rows", {matrix}, [](const Tensors& in) { return sum(in[0], {1}); }},
          {"sum-columns", {matrix}, [](const Tensors& in) { return sum(in[0], {0}); }},
          {"amax", {matrix}, [](const Tensors& in) { return amax(in[0], {1}); }},
          {"cumsum", {matrix}, [](const Tensors& in) { return cumsum(in[0]); }},
          {"sort", {matrix}, [](const Tensors& in) { return sort(in[0]).first; }},
          {"transpose", {matrix}, [](const Tensors& in) { return contiguous(transpose(in[0])); }},
          {"concat", {matrix, matrix}, [](const Tensors& in) { return concat({in[0], in[1]}, 1); }},
          {"pad", {matrix}, [](const Tensors& in) { return pad(in[0], {1, 1}, {1, 1}); }},
          {"random-normal", {}, [](const Tensors&) { return random_normal({1 << 20}); }, false}};
}

const std::vector<Case>& cases() {
  static const std::vector<Case> list = [] {
    std::vector<Case> all;
    for (auto group : {products_and_convolutions, layers, elements_and_movement}) {
      for (Case& c : group()) all.push_back(std::move(c));
    }
    return all;
  }();
  return list;
}

const Case& find_case(const std::string& name) {
  NameList names;
  for (const Case& c : cases()) {
    if (c.name == name) return c;
    names.add(c.name);
  }
  throw Error("bench ops", "there is no case \"" + name + "\"").hint("there are: " + names.str());
}

void run_case(const Case& c, double seconds, const runtime::Machine& machine) {
  Generator generator(1);
  Tensors in;
  for (const Shape& s : c.in) in.push_back(normal(s));
  graph::Captured step(
      [&](const Tensors& inputs) {
        const GeneratorScope random(generator);
        if (!c.gradient) return Tensors{c.run(inputs)};
        Tensors xs;
        for (const Tensor& t : inputs) xs.push_back(tracked(t));
        const Tensor y = c.run(xs);
        Tensors results{y};
        for (const Tensor& g : pull_back({y}, {ones(y.shape())}, xs, false)) results.push_back(g);
        return results;
      },
      {generator.state()});
  for (int i = 0; i < 3; ++i) step(in);
  runtime::Profiler profiler;
  const StepTimerScope on(&profiler);
  const auto start = std::chrono::steady_clock::now();
  while (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < seconds) step(in);
  std::cout << "\n" << c.name << "\n" << profiler.table(machine) << std::flush;
}

}  // namespace

std::vector<std::string> op_cases() {
  std::vector<std::string> names;
  for (const Case& c : cases()) names.emplace_back(c.name);
  return names;
}

void run_ops(const std::vector<std::string>& only, double seconds) {
  std::vector<const Case*> chosen;
  for (const std::string& name : only) chosen.push_back(&find_case(name));
  for (const Case& c : cases()) {
    if (only.empty()) chosen.push_back(&c);
  }
  const runtime::Machine machine = runtime::measure_machine();
  std::cout << machine.text() << "\n";
  for (const Case* c : chosen) run_case(*c, seconds, machine);
}

}  // namespace lamina::bench
