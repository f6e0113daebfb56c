#include "lamina/report/report.h"

#include <gtest/gtest.h>

#include <cmath>

namespace lamina::report {
namespace {

TEST(Report, IsSelfContainedAndEscaped) {
  Report r;
  r.title = "digits <b>";
  r.headline = {{"accuracy", "98.9 %"}};
  r.charts = {{"Loss", "epoch", {{"train", {1, 2, 3}, {1, 0.5, NAN}}, {"one", {1}, {2}}}, true}};
  r.confusion = {{"a", "b"}, {{9, 1}, {0, 10}}};
  r.pictures = {{std::string("\x89PNG"), "3 not 8", "99 %"}};
  r.tables = {{"Layers", {"layer", "parameters"}, {{"fc", "10"}}}};
  r.recipe = "model: {name: x}";
  const std::string page = html(r);
  EXPECT_NE(page.find("digits &lt;b&gt;"), std::string::npos);
  EXPECT_EQ(page.find("http"), std::string::npos);
  EXPECT_NE(page.find("data:image/png;base64,iVBORw=="), std::string::npos);
  EXPECT_NE(page.find("prefers-color-scheme: dark"), std::string::npos);
  EXPECT_EQ(page.find("nan"), std::string::npos);
}

TEST(Chart, CopesWithEmptyFlatAndInfiniteSeries) {
  EXPECT_EQ(svg({"t", "x", {}, false}).find("nan"), std::string::npos);
  EXPECT_EQ(svg({"t", "x", {{"s", {1, 2}, {3, 3}}}, false}).find("nan"), std::string::npos);
  EXPECT_EQ(svg({"t", "x", {{"s", {1, 2}, {INFINITY, -1}}}, true}).find("inf"), std::string::npos);
}

TEST(Chart, TheFirstStepsDoNotFlattenTheCurves) {
  Series steps{"steps", {}, {}};
  steps.faint = true;
  for (int i = 0; i < 1000; ++i) {
    steps.x.push_back(i);
    steps.y.push_back(i < 10 ? 1000 : 1);
  }
  const std::string picture = svg({"Loss", "epoch", {steps, {"epochs", {0, 1000}, {2, 1}}}, false});
  EXPECT_EQ(picture.find(">1000</text><"), picture.rfind(">1000</text><")) << "only the axis of steps goes to 1000";
  EXPECT_NE(picture.find(">2</text>"), std::string::npos);
}

}  // namespace
}  // namespace lamina::report
