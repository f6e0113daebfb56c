#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "lamina/core/error.h"
#include "lamina/metrics/metrics.h"

namespace lamina::metrics {
namespace {

using Ids = std::vector<int64_t>;

TEST(ClusterMetrics, AgreeWithScikitLearn) {
  const auto c = nlohmann::json::parse(std::ifstream(LAMINA_SOURCE_DIR "/tests/golden/pictures.json"))["clusters"];
  const Ids found = c["found"].get<Ids>(), truth = c["truth"].get<Ids>();
  EXPECT_DOUBLE_EQ(purity(found, truth), c["purity"].get<double>());
  EXPECT_NEAR(nmi(found, truth), c["nmi"].get<double>(), 1e-12);
}

TEST(ClusterMetrics, LimitsAndMistakes) {
  const Ids a = {0, 0, 1, 1}, renamed = {7, 7, 3, 3}, one = {5, 5, 5, 5};
  EXPECT_DOUBLE_EQ(purity(a, renamed), 1);
  EXPECT_DOUBLE_EQ(nmi(a, renamed), 1);
  EXPECT_DOUBLE_EQ(purity(one, a), 0.5);
  EXPECT_DOUBLE_EQ(nmi(one, a), 0);
  EXPECT_DOUBLE_EQ(nmi(one, one), 1);
  EXPECT_THROW(purity(a, Ids{1}), Error);
  EXPECT_THROW(nmi(Ids{}, Ids{}), Error);
}

}  // namespace
}  // namespace lamina::metrics
