#include "lamina/runtime/profiler.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lamina/graph/capture.h"
#include "lamina/ops/ops.h"

namespace lamina::runtime {
namespace {

TEST(Profiler, CountsTheStepsOfAPlanWhileItsScopeLives) {
  graph::Captured step([](const Tensors& in) { return Tensors{tanh(matmul(in[0], in[1]) * 2.0)}; }, {});
  const Tensors batch{ones({8, 4}), ones({4, 6})};
  step(batch);
  Profiler profiler;
  for (int i = 0; i < 3; ++i) {
    const StepTimerScope on(&profiler);
    step(batch);
  }
  step(batch);  // outside: not counted
  // At a machine of 1 kFLOP/s and no end of bandwidth: the product's 8·6·4·2 operations take 384 ms, more than they
  // took.
  const Machine machine{.cpu = "slow", .flops_per_second = 1e3, .bytes_per_second = 1e30};
  const std::string table = profiler.table(machine);
  EXPECT_NE(table.find("       3 "), std::string::npos) << table;
  EXPECT_NE(table.find("matmul"), std::string::npos) << table;
  EXPECT_EQ(table.find("       4 "), std::string::npos) << table;
  const auto trace = nlohmann::json::parse(profiler.chrome_trace());
  const auto& events = trace.at("traceEvents");
  EXPECT_EQ(events.size() % 3, 0u);
  ASSERT_GE(events.size(), 3u);
  EXPECT_EQ(events[0].at("ph"), "X");
  EXPECT_GE(events[0].at("dur").get<double>(), 0);
  double flops = 0;
  for (const auto& e : events) flops += e.at("args").at("flops").get<double>();
  EXPECT_GE(flops, 3 * 384);
}

TEST(Profiler, TellsTheShareOfTheMachinesLimit) {
  Profiler profiler;
  profiler.record({.name = "product", .flops = 4e6, .bytes = 1e6}, 1.0, 1.004);
  profiler.record({.name = "copy", .bytes = 8e6}, 1.004, 1.006);
  const Machine machine{.cpu = "one", .flops_per_second = 2e9, .bytes_per_second = 8e9};
  const std::string table = profiler.table(machine);
  // The product could take 2 ms of its 4, the copy 1 ms of its 2; the product comes first.
  EXPECT_NE(table.find("4.000     1.000       1.0       0.2     50%  product"), std::string::npos) << table;
  EXPECT_NE(table.find("0.000     8.000       0.0       4.0     50%  copy"), std::string::npos) << table;
  EXPECT_LT(table.find("product"), table.find("copy"));
}

}  // namespace
}  // namespace lamina::runtime
