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
  const std::string table = profiler.table();
  EXPECT_NE(table.find("       3 "), std::string::npos) << table;
  EXPECT_NE(table.find("matmul"), std::string::npos) << table;
  EXPECT_EQ(table.find("       4 "), std::string::npos) << table;
  const auto trace = nlohmann::json::parse(profiler.chrome_trace());
  const auto& events = trace.at("traceEvents");
  EXPECT_EQ(events.size() % 3, 0u);
  ASSERT_GE(events.size(), 3u);
  EXPECT_EQ(events[0].at("ph"), "X");
  EXPECT_GE(events[0].at("dur").get<double>(), 0);
}

}  // namespace
}  // namespace lamina::runtime
