#include "lamina/optim/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>

#include "../support/golden.h"
#include "lamina/core/error.h"

namespace lamina::optim {
namespace {

using lamina::testing::golden;

constexpr double kEpochs = 30;

double stalling(double epoch) { return 1 / (1 + std::min(epoch, 6.0)) + 1e-6 * std::max(0.0, 20 - epoch); }

struct Record {
  std::function<SchedulePtr()> make;
  std::function<double(double)> observed = nullptr;
};

template <class T>
std::function<SchedulePtr()> of(T schedule) {
  return [schedule] { return std::make_shared<T>(schedule); };
}

/// The schedules of tools/golden/schedules.py.
const std::map<std::string, Record>& catalog() {
  static const std::map<std::string, Record> all{
      {"constant", {of(Constant{{.factor = 0.5}})}},
      {"step", {of(Step{{.every = 4, .gamma = 0.5}})}},
      {"multi_step", {of(MultiStep{{.milestones = {10, 3, 20}, .gamma = 0.2}})}},
      {"exponential", {of(Exponential{{.gamma = 0.9}})}},
      {"inverse_time", {of(InverseTime{{.decay = 0.3}})}},
      {"polynomial", {of(Polynomial{{.power = 2, .epochs = 20}})}},
      {"cosine", {of(Cosine{{.end = 0.1}})}},
      {"cosine/restarts", {of(Cosine{{.epochs = 4, .end = 0.05, .restarts = true, .stretch = 2}})}},
      {"cosine/even restarts", {of(Cosine{{.epochs = 7, .restarts = true}})}},
      {"one_cycle", {of(OneCycle{})}},
      {"one_cycle/linear", {of(OneCycle{{.rise = 0.5, .start = 0.1, .end = 1e-3, .linear = true}})}},
      {"warmup", {of(Warmup{{.epochs = 5, .start = 0.1}, std::make_shared<Cosine>()})}},
      {"sequence",
       {of(Sequence{{{std::make_shared<Constant>(ConstantOptions{.factor = 0.5}), 8},
                     {std::make_shared<Exponential>(ExponentialOptions{.gamma = 0.9})}}})}},
      {"product",
       {of(Product{{std::make_shared<Step>(StepOptions{.every = 10, .gamma = 0.5}),
                    std::make_shared<Exponential>(ExponentialOptions{.gamma = 0.9})}})}},
      {"reduce_on_plateau",
       {of(ReduceOnPlateau{{.gamma = 0.5, .patience = 3, .cooldown = 2, .least = 0.01}}), stalling}},
      {"reduce_on_plateau/maximize",
       {of(ReduceOnPlateau{{.gamma = 0.1, .patience = 2, .threshold = 0.01, .relative = false, .maximize = true}}),
        [](double e) { return -stalling(e); }}},
  };
  return all;
}

TEST(Schedule, GivesTheRatesOfPyTorch) {
  for (const auto& [key, record] : catalog()) {
    const auto expected = golden("schedules.json").at(key).get<std::vector<double>>();
    const SchedulePtr schedule = record.make();
    for (size_t e = 0; e < expected.size(); ++e) {
      const double epoch = static_cast<double>(e);
      EXPECT_NEAR(schedule->factor({.epoch = epoch, .epochs = kEpochs, .step = 1}), expected[e], 1e-6)
          << key << " " << e;
      if (record.observed) schedule->observe(record.observed(epoch));
    }
  }
  for (const auto& [key, value] : golden("schedules.json").items()) EXPECT_TRUE(catalog().contains(key)) << key;
}

/// Keeps all defaults but `warmup`.
class WithWarmup final : public FieldVisitor {
 public:
  double warmup = 0;
  bool asked = false;
  void field(std::string_view, int64_t&) override {}
  void field(std::string_view name, double& value) override {
    if (name != "warmup") return;
    value = warmup;
    asked = true;
  }
  void field(std::string_view, bool&) override {}
  void field(std::string_view, std::string&) override {}
  void field(std::string_view, DType&) override {}
  void field(std::string_view, Dims&) override {}
  void field(std::string_view, std::vector<double>&) override {}
  void field(std::string_view, std::vector<std::string>&) override {}
  void field(std::string_view, StructList&) override {}
};

TEST(ScheduleTable, EveryEntryHasARecordAndWarmsUp) {
  for (const Entry<Schedule>& entry : schedule_table()) {
    EXPECT_TRUE(catalog().contains(std::string(entry.name))) << "no test record for " << entry.name;
    WithWarmup plain, warm;
    warm.warmup = 0.1;
    const auto cold = entry.make(plain), slow = entry.make(warm);
    EXPECT_TRUE(plain.asked);
    EXPECT_EQ(slow->factor({.epoch = 0, .epochs = 100}), 0) << entry.name;
    EXPECT_NEAR(slow->factor({.epoch = 5, .epochs = 100}), cold->factor({.epoch = 0, .epochs = 90}) / 2, 1e-12);
    EXPECT_EQ(slow->factor({.epoch = 30, .epochs = 100}), cold->factor({.epoch = 20, .epochs = 90})) << entry.name;
  }
}

TEST(Schedule, TheNumbersOfTheCourse) {
  const InverseTime schedule{{.decay = 1}};
  const double expected[] = {0.1, 0.067, 0.05, 0.04};
  for (int e = 1; e <= 4; ++e) {
    EXPECT_NEAR(0.2 * schedule.factor({.epoch = static_cast<double>(e)}), expected[e - 1], 5e-4);
  }
}

TEST(Schedule, OneCycleDoesNotDependOnTheLengthOfAStep) {
  const OneCycle schedule;
  for (double step : {0.0, 0.001, 0.1}) {
    EXPECT_NEAR(schedule.factor({.epoch = 0, .epochs = 10, .step = step}), 0.04, 1e-12);
    EXPECT_NEAR(schedule.factor({.epoch = 3 - step, .epochs = 10, .step = step}), 1, 1e-12);
    EXPECT_NEAR(schedule.factor({.epoch = 10 - step, .epochs = 10, .step = step}), 4e-6, 1e-12);
  }
}

TEST(Schedule, FactorsStayFiniteAfterTheEnd) {
  for (const auto& [key, record] : catalog()) {
    const double late = record.make()->factor({.epoch = 100, .epochs = kEpochs, .step = 0.1});
    EXPECT_TRUE(std::isfinite(late) && late >= 0) << key;
  }
}

TEST(Plateau, GoesOnFromItsSavedState) {
  for (const auto& [key, record] : catalog()) {
    if (!record.observed) continue;
    const SchedulePtr whole = record.make(), first = record.make(), second = record.make();
    for (int e = 0; e < 30; ++e) whole->observe(record.observed(e));
    for (int e = 0; e < 13; ++e) first->observe(record.observed(e));
    second->load_state(first->state());
    for (int e = 13; e < 30; ++e) second->observe(record.observed(e));
    EXPECT_EQ(second->state(), whole->state()) << key;
  }
}

TEST(Plateau, StateOfCompositionsIsThatOfTheirParts) {
  const auto make = [] {
    const auto plateau = [] { return std::make_shared<ReduceOnPlateau>(PlateauOptions{.patience = 0}); };
    return Product{{std::make_shared<Warmup>(WarmupOptions{.epochs = 1}, plateau()),
                    std::make_shared<Sequence>(std::vector<Sequence::Part>{{plateau()}})}};
  };
  Product a = make(), b = make();
  a.observe(1);
  a.observe(2);
  b.load_state(a.state());
  EXPECT_NEAR(b.factor({.epoch = 2, .epochs = 3}), 0.01, 1e-12);
  EXPECT_THROW(b.load_state({4, 1}), Error);
  EXPECT_THROW(b.load_state({}), Error);
}

TEST(Schedule, MistakesAreErrors) {
  EXPECT_THROW((Step{{.every = 0}}), Error);
  EXPECT_THROW((Exponential{{.gamma = 0}}), Error);
  EXPECT_THROW((OneCycle{{.rise = 1}}), Error);
  EXPECT_THROW((Cosine{{.stretch = 0.5}}), Error);
  EXPECT_THROW((Warmup{{.epochs = 1, .fraction = 0.1}}), Error);
  EXPECT_THROW((Warmup{{.fraction = 1}}), Error);
  EXPECT_THROW((ReduceOnPlateau{{.gamma = 1}}), Error);
  EXPECT_THROW(Sequence{{}}, Error);
  EXPECT_THROW((Product{{nullptr}}), Error);
}

}  // namespace
}  // namespace lamina::optim
