#include "lamina/metrics/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "lamina/core/error.h"

namespace lamina::metrics {
namespace {

using nlohmann::json;

const json& golden() {
  static const json cases = json::parse(std::ifstream(LAMINA_SOURCE_DIR "/tests/metrics/golden.json"));
  return cases;
}

/// A JSON list, or list of lists, as a tensor.
Tensor tensor(const json& j, DType dtype) {
  std::vector<double> values;
  Shape shape{static_cast<int64_t>(j.size())};
  if (j[0].is_array()) shape.push_back(static_cast<int64_t>(j[0].size()));
  for (const json& row : j) {
    if (row.is_array()) {
      for (const json& v : row) values.push_back(v.get<double>());
    } else {
      values.push_back(row.get<double>());
    }
  }
  return Tensor::from(values, shape, dtype);
}

/// Rows begin … end − 1.
Tensor rows(const Tensor& t, int64_t begin, int64_t end) {
  Shape shape = t.shape();
  shape[0] = end - begin;
  const int64_t width = t.numel() / t.size(0);
  const std::vector<double> all = t.values();
  return Tensor::from(std::span(all).subspan(static_cast<size_t>(begin * width), static_cast<size_t>(shape.numel())),
                      shape, t.dtype());
}

void expect_golden(const json& expected, const Tensor& predictions, const Tensor& targets, const std::string& label) {
  for (const auto& [key, value] : expected.items()) {
    const std::string name = key.substr(0, key.find('.'));
    for (int64_t batch : {predictions.size(0), int64_t{7}}) {
      const MetricPtr metric = make_metric(name, {});
      for (int64_t i = 0; i < predictions.size(0); i += batch) {
        const int64_t end = std::min(i + batch, predictions.size(0));
        metric->update(rows(predictions, i, end), rows(targets, i, end));
      }
      if (!value.is_array()) {
        EXPECT_NEAR(metric->value(), value.get<double>(), 1e-7) << label << " " << key << " in batches of " << batch;
        EXPECT_EQ(metric->values().at(name), metric->value());
        continue;
      }
      for (size_t c = 0; c < value.size(); ++c) {
        EXPECT_NEAR(metric->values().at(name + "." + std::to_string(c)), value[c].get<double>(), 1e-7)
            << label << " " << key;
      }
    }
  }
}

TEST(Metrics, AgreeWithScikitLearnOnClasses) {
  const json& c = golden()["multiclass"];
  expect_golden(c["expected"], tensor(c["logits"], DType::f32), tensor(c["targets"], DType::i64), "multiclass");
}

TEST(Metrics, AgreeWithScikitLearnOnOneLogit) {
  const json& c = golden()["binary"];
  const Tensor logits = tensor(c["logits"], DType::f32);
  const Tensor column = Tensor::from(logits.values(), {logits.size(0), 1}, DType::f32);
  for (const Tensor& z : {logits, column}) {
    for (DType d : {DType::i64, DType::f32, DType::boolean, DType::u8}) {
      expect_golden(c["expected"], z, tensor(c["targets"], d), "binary " + std::string(name_of(d)));
    }
  }
  expect_golden(c["expected"], column,
                Tensor::from(tensor(c["targets"], DType::f32).values(), column.shape(), DType::f32), "column");
}

TEST(Metrics, AgreeWithScikitLearnOnTags) {
  const json& c = golden()["tags"];
  expect_golden(c["expected"], tensor(c["logits"], DType::f32), tensor(c["targets"], DType::f32), "tags");
}

TEST(Metrics, AgreeWithScikitLearnOnValues) {
  const json& c = golden()["regression"];
  expect_golden(c["expected"], tensor(c["predictions"], DType::f64), tensor(c["targets"], DType::f64), "regression");
}

TEST(Metrics, ConfusionMatrixAgreesWithScikitLearn) {
  for (const char* key : {"multiclass", "binary"}) {
    const json& c = golden()[key];
    const MetricPtr metric = confusion_matrix();
    metric->update(tensor(c["logits"], DType::f32), tensor(c["targets"], DType::i64));
    EXPECT_EQ(metric->table().values(), tensor(c["confusion"], DType::i64).values());
    EXPECT_NEAR(metric->value(), c["expected"]["accuracy"].get<double>(), 1e-7);
    EXPECT_TRUE(metric->values().empty());
  }
}

TEST(Metrics, ResetForgetsEverything) {
  const Tensor wrong = Tensor::from({2, 1}, {1, 2}), right = Tensor::from({1, 2}, {1, 2});
  const Tensor target = Tensor::from({1}, {1}, DType::i64);
  for (const std::string& name : metric_names()) {
    if (name == "psnr" || name == "ssim") continue;  // of pictures: pictures_test.cpp
    const MetricPtr metric = make_metric(name, {});
    const bool of_values = name == "mae" || name == "mse" || name == "rmse" || name == "r2";
    const Tensor wanted = of_values       ? Tensor::from({1, 2}, {1, 2})
                          : name == "map" ? Tensor::from({0, 1}, {1, 2})  // tags
                                          : target;
    const auto feed = [&](const Tensor& p) { metric->update(p, wanted); };
    feed(wrong);
    metric->reset();
    EXPECT_THROW(metric->value(), Error) << name;
    feed(right);
    if (name == "roc_auc") continue;  // one class only
    const double after = metric->value();
    const MetricPtr fresh = make_metric(name, {});
    fresh->update(right, wanted);
    EXPECT_EQ(after, fresh->value()) << name;
  }
}

TEST(Metrics, CountEveryPlaceOfSequencesAndLeaveOutNegativeTargets) {
  // Two examples of three places, two classes: logits [2, 2, 3].
  const Tensor logits = Tensor::from({5, 0, 5, 0, 5, 0, 0, 0, 0, 5, 5, 5}, {2, 2, 3});
  const Tensor targets = Tensor::from({0, 1, 1, 1, -100, 0}, {2, 3}, DType::i64);
  const MetricPtr metric = accuracy();
  metric->update(logits, targets);
  EXPECT_DOUBLE_EQ(metric->value(), 3.0 / 5);
}

TEST(Metrics, R2OfConstantTargetsIsDefined) {
  const MetricPtr metric = r2();
  metric->update(Tensor::from({3, 3}, {2}), Tensor::from({3, 3}, {2}));
  EXPECT_EQ(metric->value(), 1);
  metric->reset();
  metric->update(Tensor::from({3, 4}, {2}), Tensor::from({3, 3}, {2}));
  EXPECT_EQ(metric->value(), 0);
}

TEST(Metrics, NamesOfClassesLabelValues) {
  const MetricPtr metric = f1(Average::macro, {"no", "yes"});
  metric->update(Tensor::from({-1, 2}, {2}), Tensor::from({0, 1}, {2}, DType::i64));
  EXPECT_EQ(metric->values().at("f1.yes"), 1);
  const Tensor three = Tensor::from({1, 2, 3}, {1, 3});
  EXPECT_THROW(f1(Average::macro, {"no", "yes"})->update(three, Tensor::from({1}, {1}, DType::i64)), Error);
}

TEST(Metrics, RefuseWhatDoesNotFit) {
  const Tensor logits = Tensor::from({1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_THROW(accuracy()->update(logits, Tensor::from({0}, {1}, DType::i64)), Error);
  EXPECT_THROW(accuracy()->update(logits, Tensor::from({0, 3}, {2}, DType::i64)), Error);
  EXPECT_THROW(accuracy()->update(logits, Tensor::from({0, 0.5}, {2})), Error);
  EXPECT_THROW(accuracy()->update(Tensor::from({1, NAN}, {2}), Tensor::from({0, 1}, {2})), Error);
  EXPECT_THROW(accuracy()->update(Tensor::from({1, 2}, {2}), Tensor::from({0, 7}, {2})), Error);
  EXPECT_THROW(mae()->update(logits, Tensor::from({0, 3}, {2})), Error);
  EXPECT_THROW(confusion_matrix()->update(logits, Tensor::from({0, 1, 0, 0, 0, 1}, {2, 3})), Error);
  EXPECT_THROW(top_k(0), Error);
}

TEST(Metrics, UnknownNamesGetTheNearestOne) {
  EXPECT_EQ(make_metric("top3", {})->name(), "top3");
  for (const std::string& name : metric_names()) EXPECT_EQ(make_metric(name, {})->name(), name);
  try {
    make_metric("acuracy", {});
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("did you mean \"accuracy\"?"), std::string::npos) << e.what();
  }
  EXPECT_THROW(make_metric("top", {}), Error);
  EXPECT_THROW(make_metric("topx", {}), Error);
  EXPECT_THROW(make_metric("top0", {}), Error);
}

}  // namespace
}  // namespace lamina::metrics
