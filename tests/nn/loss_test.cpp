#include "lamina/nn/loss.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "../support/golden.h"
#include "lamina/core/error.h"
#include "lamina/engine/grad.h"
#include "lamina/ops/ops.h"

namespace lamina {
namespace {

using lamina::testing::close;
using lamina::testing::golden;
using lamina::testing::unpack;
using loss::Reduction;

const std::map<std::string, LossFn>& catalog() {
  static const std::vector<double> w{0.5, 1, 2, 0.25};
  static const std::map<std::string, LossFn> all{
      {"mse", loss::mse},
      {"mse/sum", loss::mse.with({.reduction = Reduction::sum})},
      {"mse/none", loss::mse.with({.reduction = Reduction::none})},
      {"mae", loss::mae},
      {"huber", loss::huber},
      {"huber/delta", loss::huber.with({.delta = 0.4})},
      {"smooth_l1", loss::smooth_l1},
      {"smooth_l1/beta", loss::smooth_l1.with({.beta = 0.4})},
      {"bce", loss::bce},
      {"bce_with_logits", loss::bce_with_logits},
      {"bce_with_logits/pos_weight", loss::bce_with_logits.with({.pos_weight = {0.5, 2, 3}})},
      {"cross_entropy", loss::cross_entropy},
      {"cross_entropy/sum", loss::cross_entropy.with({.reduction = Reduction::sum})},
      {"cross_entropy/none", loss::cross_entropy.with({.reduction = Reduction::none})},
      {"cross_entropy/class weights", loss::cross_entropy.with({.class_weights = w})},
      {"cross_entropy/ignored", loss::cross_entropy},
      {"cross_entropy/ignore index 1", loss::cross_entropy.with({.class_weights = w, .ignore_index = 1})},
      {"cross_entropy/smoothing", loss::cross_entropy.with({.label_smoothing = 0.1})},
      {"cross_entropy/everything", loss::cross_entropy.with({.class_weights = w, .label_smoothing = 0.2})},
      {"cross_entropy/images", loss::cross_entropy},
      {"cross_entropy/images, everything", loss::cross_entropy.with({.class_weights = w, .label_smoothing = 0.2})},
      {"cross_entropy/probabilities", loss::cross_entropy},
      {"cross_entropy/probabilities, everything",
       loss::cross_entropy.with({.class_weights = w, .label_smoothing = 0.2})},
      {"cross_entropy/image probabilities", loss::cross_entropy},
      {"nll", loss::nll},
      {"nll/everything", loss::nll.with({.class_weights = w})},
      {"kl_div", loss::kl_div},
      {"kl_div/all elements", loss::kl_div.with({.batch_mean = false})},
      {"kl_div/log target", loss::kl_div.with({.log_target = true})},
      {"hinge", loss::hinge},
      {"squared_hinge", loss::squared_hinge},
      {"multiclass_hinge", loss::multiclass_hinge},
      {"squared_multiclass_hinge", loss::squared_multiclass_hinge},
      {"cosine_embedding", loss::cosine_embedding},
      {"cosine_embedding/margin", loss::cosine_embedding.with({.margin = 0.2})},
      {"triplet", loss::triplet},
      {"focal", loss::focal},
      {"focal/gamma", loss::focal.with({.alpha = -1, .gamma = 1.5})},
  };
  return all;
}

class LossBattery : public ::testing::TestWithParam<std::string> {
 protected:
  const nlohmann::json& record() const { return golden("losses.json").at(GetParam()); }
  const LossFn& fn() const { return catalog().at(GetParam()); }
};

TEST_P(LossBattery, GivesTheValueAndGradientOfPyTorch) {
  const Tensor p = tracked(unpack(record().at("prediction"))), t = unpack(record().at("target"));
  const Tensor value = fn()(p, t);
  EXPECT_TRUE(close(value, unpack(record().at("value")), 1e-5));
  EXPECT_TRUE(close(grad(sum(value), {p})[0], unpack(record().at("grad")), 1e-5));
}

TEST_P(LossBattery, HasTheGradientsOfFiniteDifferences) {
  const Tensor t = unpack(record().at("target"), DType::f64);
  const GradientCheck check = check_gradients([&](const Tensors& in) { return fn()(in[0], t); },
                                              {unpack(record().at("prediction"), DType::f64)});
  EXPECT_TRUE(check.ok) << check.report;
}

std::vector<std::string> keys() {
  std::vector<std::string> all;
  for (const auto& [key, fn] : catalog()) all.push_back(key);
  return all;
}
std::string test_name(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::erase(name, ',');
  std::replace_if(name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(All, LossBattery, ::testing::ValuesIn(keys()), test_name);

/// Gives options to a table's entry by name, like a recipe, and notes which it asked for.
class TestOptions final : public FieldVisitor {
 public:
  std::map<std::string, std::string> words;
  std::set<std::string> asked;
  void field(std::string_view name, int64_t&) override { asked.emplace(name); }
  void field(std::string_view name, double&) override { asked.emplace(name); }
  void field(std::string_view name, bool&) override { asked.emplace(name); }
  void field(std::string_view name, std::string& value) override {
    asked.emplace(name);
    if (const auto it = words.find(std::string(name)); it != words.end()) value = it->second;
  }
  void field(std::string_view name, DType&) override { asked.emplace(name); }
  void field(std::string_view name, Dims&) override { asked.emplace(name); }
  void field(std::string_view name, std::vector<double>&) override { asked.emplace(name); }
  void field(std::string_view name, std::vector<std::string>&) override { asked.emplace(name); }
  void field(std::string_view name, StructList&) override { asked.emplace(name); }
};

TEST(LossTable, EveryEntryIsTheLossOfThatNameAndHasARecord) {
  for (const Entry<LossFn>& entry : loss_table()) {
    const std::string name(entry.name);
    ASSERT_TRUE(catalog().contains(name)) << "no test record for " << name;
    TestOptions options;
    const std::unique_ptr<LossFn> fn = entry.make(options);
    const auto& r = golden("losses.json").at(name);
    EXPECT_TRUE(close((*fn)(unpack(r.at("prediction")), unpack(r.at("target"))), unpack(r.at("value")), 1e-5)) << name;
    EXPECT_TRUE(options.asked.contains("reduction")) << name;
  }
  for (const auto& [key, value] : golden("losses.json").items()) EXPECT_TRUE(catalog().contains(key)) << key;
}

TEST(LossTable, AnUnknownReductionIsAnError) {
  TestOptions options;
  options.words["reduction"] = "average";
  EXPECT_THROW(find_entry(loss_table(), "mse", "loss").make(options), Error);
  EXPECT_THROW(find_entry(loss_table(), "cros_entropy", "loss"), Error);
}

TEST(Loss, TheNumbersOfTheCourse) {
  const Tensor p = log(Tensor::from({0.1, 0.7, 0.2}, {1, 3})), t = Tensor::from({1}, {1}, DType::i64);
  EXPECT_NEAR(loss::nll(p, t).item(), 0.36, 0.005);
  EXPECT_NEAR(loss::cross_entropy(p, t).item(), 0.36, 0.005);
}

TEST(Loss, CertainMistakesStayFinite) {
  const Tensor zero = tracked(Tensor::from({0, 1}, {2})), t = Tensor::from({1, 0}, {2});
  EXPECT_FLOAT_EQ(loss::bce(zero, t).item(), 100);
  EXPECT_EQ(sum(cast(isfinite(grad(loss::bce(zero, t), {zero})[0]), DType::f32)).item(), 2);
  const Tensor far = tracked(Tensor::from({-1e4, 1e4}, {2}));
  EXPECT_FLOAT_EQ(loss::bce_with_logits(far, t).item(), 1e4);
  EXPECT_EQ(sum(cast(isfinite(grad(loss::focal(far, t), {far})[0]), DType::f32)).item(), 2);
}

TEST(Loss, NothingToCountGivesZeroInsteadOfNaN) {
  const Tensor p = ones({2, 3}), t = Tensor::from({-100, -100}, {2}, DType::i64);
  EXPECT_EQ(loss::cross_entropy(p, t).item(), 0);
  EXPECT_EQ(loss::nll(p, t).item(), 0);
}

TEST(Loss, AColumnOfPredictionsFitsAVectorOfTargets) { EXPECT_EQ(loss::mse(ones({4, 1}), zeros({4})).item(), 1); }

TEST(Loss, ShapesThatDoNotFitAreErrors) {
  EXPECT_THROW(loss::mse(ones({4, 2}), ones({4})), Error);
  EXPECT_THROW(loss::mse(ones({4, 1}), ones({1, 4})), Error);
  EXPECT_THROW(loss::cross_entropy(ones({4, 2}), ones({4})), Error);                           // not integers
  EXPECT_THROW(loss::cross_entropy(ones({4, 2}), zeros({4, 1}, DType::i64)), Error);           // one axis too many
  EXPECT_THROW(loss::cross_entropy(ones({4}), zeros({}, DType::i64)), Error);                  // no classes
  EXPECT_THROW(loss::cross_entropy(ones({1, 2}), Tensor::from({2}, {1}, DType::i64)), Error);  // no such class
  EXPECT_THROW(loss::cross_entropy(ones({1, 2}), zeros({1}, DType::i64), {.class_weights = {1}}), Error);
  EXPECT_THROW(loss::cross_entropy(ones({1, 2}), zeros({1}, DType::i64), {.label_smoothing = 1}), Error);
  EXPECT_THROW(loss::multiclass_hinge(ones({4, 2}), ones({4})), Error);
  EXPECT_THROW(loss::triplet(ones({4, 2, 5}), zeros({4})), Error);
  EXPECT_THROW(loss::cosine_embedding(ones({4, 2, 5}), zeros({3})), Error);
  EXPECT_THROW(loss::huber(ones({1}), ones({1}), {.delta = 0}), Error);
}

}  // namespace
}  // namespace lamina
