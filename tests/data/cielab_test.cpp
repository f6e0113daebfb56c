#include "lamina/data/cielab.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "lamina/core/error.h"

namespace lamina::data::image {
namespace {

/// [n][3] → [3, 1, n].
Tensor planes(const nlohmann::json& colours) {
  std::vector<float> values;
  for (size_t c = 0; c < 3; ++c) {
    for (const auto& colour : colours) values.push_back(colour[c].get<float>());
  }
  return Tensor::from(values, {3, 1, static_cast<int64_t>(colours.size())});
}

TEST(Cielab, AgreesWithScikitImageBothWays) {
  const auto golden = nlohmann::json::parse(std::ifstream(LAMINA_SOURCE_DIR "/tests/golden/pictures.json"))["lab"];
  const Tensor rgb = planes(golden["rgb"]), lab = planes(golden["lab"]);
  const std::vector<float> made = lab_from_rgb(rgb).floats(), wanted = lab.floats();
  ASSERT_EQ(made.size(), wanted.size());
  for (size_t i = 0; i < made.size(); ++i) EXPECT_NEAR(made[i], wanted[i], 1e-4) << i;
  const std::vector<float> back = rgb_from_lab(lab).floats(), colours = planes(golden["back"]).floats();
  for (size_t i = 0; i < back.size(); ++i) EXPECT_NEAR(back[i], colours[i], 2e-5) << i;
}

TEST(Cielab, ColoursThatNoScreenShowsAreCut) {
  const std::vector<float> rgb = rgb_from_lab(Tensor::from(std::vector<float>{50, 120, -200}, {3, 1, 1})).floats();
  for (const float v : rgb) EXPECT_TRUE(v >= 0 && v <= 1) << v;
  EXPECT_THROW(lab_from_rgb(Tensor::from(std::vector<float>{1}, {1, 1, 1})), Error);
}

}  // namespace
}  // namespace lamina::data::image
