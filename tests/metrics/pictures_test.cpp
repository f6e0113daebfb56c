#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "lamina/core/error.h"
#include "lamina/metrics/metrics.h"

namespace lamina::metrics {
namespace {

using json = nlohmann::json;

const json& golden() {
  static const json cases = json::parse(std::ifstream(LAMINA_SOURCE_DIR "/tests/golden/pictures.json"));
  return cases;
}

Tensor pictures(const json& c, const char* which) {
  return Tensor::from(c[which].get<std::vector<float>>(), Shape(c["shape"].get<std::vector<int64_t>>()));
}

/// `metric` fed with one picture at a time.
double one_by_one(const MetricPtr& metric, const Tensor& a, const Tensor& b) {
  const std::vector<float> x = a.floats(), y = b.floats();
  const auto size = static_cast<size_t>(a.numel() / a.size(0));
  Shape one = a.shape();
  one[0] = 1;
  for (size_t i = 0; i < x.size(); i += size) {
    const auto part = [&](const std::vector<float>& v) {
      return Tensor::from(
          std::vector<float>(v.begin() + static_cast<ptrdiff_t>(i), v.begin() + static_cast<ptrdiff_t>(i + size)), one);
    };
    metric->update(part(x), part(y));
  }
  return metric->value();
}

TEST(PictureMetrics, AgreeWithScikitImage) {
  for (const char* name : {"grey", "colour"}) {
    const json& c = golden()[name];
    const Tensor a = pictures(c, "a"), b = pictures(c, "b");
    for (const char* metric : {"psnr", "ssim"}) {
      const MetricPtr m = make_metric(metric, {});
      m->update(a, b);
      EXPECT_NEAR(m->value(), c[metric].get<double>(), 1e-5) << name << " " << metric;
      const MetricPtr other = make_metric(metric, {});
      EXPECT_NEAR(one_by_one(other, a, b), m->value(), 1e-12) << "batch by batch";
    }
  }
}

TEST(PictureMetrics, EqualPicturesHaveFiniteScores) {
  const Tensor a = pictures(golden()["grey"], "a");
  const MetricPtr p = psnr(), s = ssim();
  p->update(a, a);
  s->update(a, a);
  EXPECT_DOUBLE_EQ(p->value(), 100);
  EXPECT_NEAR(s->value(), 1, 1e-12);
}

TEST(PictureMetrics, ResetForgetsEverything) {
  const Tensor a = pictures(golden()["grey"], "a"), b = pictures(golden()["grey"], "b");
  for (const MetricPtr& m : {psnr(), ssim()}) {
    m->update(a, a);
    m->reset();
    EXPECT_THROW(m->value(), Error) << m->name();
    m->update(a, b);
    EXPECT_LT(m->value(), 50) << m->name();
    EXPECT_NEAR(m->value(), golden()["grey"][m->name()].get<double>(), 1e-5);
  }
}

TEST(PictureMetrics, WhatDoesNotFitIsAnError) {
  const auto of = [](Shape shape, float value = 0.5F) {
    return Tensor::from(std::vector<float>(static_cast<size_t>(shape.numel()), value), shape);
  };
  EXPECT_THROW(psnr()->update(of({1, 1, 4, 4}), of({1, 1, 4, 5})), Error);
  EXPECT_THROW(psnr()->update(of({4, 4}), of({4, 4})), Error);
  EXPECT_THROW(psnr()->update(of({1, 1, 4, 4}, NAN), of({1, 1, 4, 4})), Error);
  EXPECT_THROW(psnr()->value(), Error);
  EXPECT_NO_THROW(ssim()->update(of({1, 1, 11, 11}), of({1, 1, 11, 11})));
  try {
    ssim()->update(of({1, 1, 11, 10}), of({1, 1, 11, 10}));
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("11×11"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace lamina::metrics
