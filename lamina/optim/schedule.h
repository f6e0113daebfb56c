// Learning-rate schedules: factors of the optimizer's own rate, as functions of time.
//
//     optimizer.set_lr(base_lr * schedule.factor({.epoch = 2.5, .epochs = 10, .step = 1.0 / batches}));
//
// Time is a real number of epochs, so that a schedule may change the rate within an epoch and does not depend on the
// size of a batch. Values at whole epochs are those of PyTorch's schedulers of the same name.
#pragma once

#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lamina/core/registry.h"

namespace lamina::optim {

/// A moment of a run, at the start of a step.
struct Moment {
  double epoch = 0;   // done so far: the first step has 0
  double epochs = 1;  // of the whole run
  double step = 0;    // length of one step in epochs; 0: infinitely short
};

class Schedule {
 public:
  virtual ~Schedule() = default;
  /// Learning rate divided by the optimizer's own.
  virtual double factor(const Moment& moment) const = 0;
  /// Told before a run whether the watched value should grow (accuracy) or shrink (a loss).
  virtual void watch(bool higher_is_better) { (void)higher_is_better; }
  /// Told after each epoch what the watched value (validation loss, accuracy, …) is.
  virtual void observe(double value) { (void)value; }
  /// What a resumed run needs, and back. Empty for schedules that are functions of time alone.
  virtual std::vector<double> state() const { return {}; }
  virtual void load_state(const std::vector<double>& state) { (void)state; }
};

using SchedulePtr = std::shared_ptr<Schedule>;

struct ConstantOptions {
  double factor = 1;
  LAMINA_OPTIONS(factor)
};
/// Always the same.
class Constant final : public Schedule {
 public:
  explicit Constant(ConstantOptions options = {});
  double factor(const Moment&) const override { return options_.factor; }

 private:
  ConstantOptions options_;
};

struct StepOptions {
  double every = 10;  // epochs
  double gamma = 0.1;
  LAMINA_OPTIONS(every, gamma)
};
/// gamma^⌊epoch/every⌋.
class Step final : public Schedule {
 public:
  explicit Step(StepOptions options = {});
  double factor(const Moment& moment) const override;

 private:
  StepOptions options_;
};

struct MultiStepOptions {
  std::vector<double> milestones = {};  // epochs
  double gamma = 0.1;
  LAMINA_OPTIONS(milestones, gamma)
};
/// gamma^(number of milestones reached).
class MultiStep final : public Schedule {
 public:
  explicit MultiStep(MultiStepOptions options);
  double factor(const Moment& moment) const override;

 private:
  MultiStepOptions options_;
};

struct ExponentialOptions {
  double gamma = 0.95;
  LAMINA_OPTIONS(gamma)
};
/// gamma^epoch.
class Exponential final : public Schedule {
 public:
  explicit Exponential(ExponentialOptions options = {});
  double factor(const Moment& moment) const override;

 private:
  ExponentialOptions options_;
};

struct InverseTimeOptions {
  double decay = 1;
  LAMINA_OPTIONS(decay)
};
/// 1/(1 + decay·epoch).
class InverseTime final : public Schedule {
 public:
  explicit InverseTime(InverseTimeOptions options = {});
  double factor(const Moment& moment) const override;

 private:
  InverseTimeOptions options_;
};

struct PolynomialOptions {
  double power = 1;
  double epochs = 0;  // until the end is reached; 0: those of the run
  double end = 0;     // factor there
  LAMINA_OPTIONS(power, epochs, end)
};
/// end + (1 − end)·(1 − epoch/epochs)^power.
class Polynomial final : public Schedule {
 public:
  explicit Polynomial(PolynomialOptions options = {});
  double factor(const Moment& moment) const override;

 private:
  PolynomialOptions options_;
};

struct CosineOptions {
  double epochs = 0;      // of the (first) fall; 0: those of the run
  double end = 0;         // factor at its end
  bool restarts = false;  // start again after each fall
  double stretch = 1;     // each fall is so many times as long as the one before
  LAMINA_OPTIONS(epochs, end, restarts, stretch)
};
/// end + (1 − end)·(1 + cos(π·epoch/epochs))/2, constant afterwards unless it restarts. (Loshchilov and Hutter 2017)
class Cosine final : public Schedule {
 public:
  explicit Cosine(CosineOptions options = {});
  double factor(const Moment& moment) const override;

 private:
  CosineOptions options_;
};

struct OneCycleOptions {
  double rise = 0.3;    // fraction of the run
  double start = 0.04;  // factor at the start (PyTorch's 1/div_factor)
  double end = 4e-6;    // factor at the end (1/(div_factor·final_div_factor))
  bool linear = false;  // straight lines instead of half cosines
  LAMINA_OPTIONS(rise, start, end, linear)
};
/// Up from start to 1 and down to end; the optimizer's rate is the highest. (Smith and Topin 2018)
class OneCycle final : public Schedule {
 public:
  explicit OneCycle(OneCycleOptions options = {});
  double factor(const Moment& moment) const override;

 private:
  OneCycleOptions options_;
};

struct WarmupOptions {
  double epochs = 0;    // of the rise
  double fraction = 0;  // or its part of the run, in [0, 1)
  double start = 0;     // factor at the start
  LAMINA_OPTIONS(epochs, fraction, start)
};
/// A straight line from start to 1, and then another schedule from its beginning, over the rest of the run.
class Warmup final : public Schedule {
 public:
  explicit Warmup(WarmupOptions options, SchedulePtr after = std::make_shared<Constant>());
  double factor(const Moment& moment) const override;
  void watch(bool higher_is_better) override { after_->watch(higher_is_better); }
  void observe(double value) override { after_->observe(value); }
  std::vector<double> state() const override { return after_->state(); }
  void load_state(const std::vector<double>& state) override { after_->load_state(state); }

 private:
  WarmupOptions options_;
  SchedulePtr after_;
};

struct PlateauOptions {
  double gamma = 0.1;
  int64_t patience = 10;  // epochs without improvement that are tolerated
  double threshold = 1e-4;
  bool relative = true;   // better than best·(1 ∓ threshold); else than best ∓ threshold
  bool maximize = false;  // the watched value should grow; the trainer knows it of its metric
  int64_t cooldown = 0;   // epochs after a reduction that do not count
  double least = 0;       // factor
  LAMINA_OPTIONS(gamma, patience, threshold, relative, maximize, cooldown, least)
};
/// Times gamma whenever the watched value has not improved for more than `patience` epochs.
class ReduceOnPlateau final : public Schedule {
 public:
  explicit ReduceOnPlateau(PlateauOptions options = {});
  double factor(const Moment&) const override { return factor_; }
  void watch(bool higher_is_better) override { options_.maximize = higher_is_better; }
  void observe(double value) override;
  std::vector<double> state() const override;
  void load_state(const std::vector<double>& state) override;

 private:
  PlateauOptions options_;
  double factor_ = 1, best_ = 0;
  bool observed_ = false;  // then best_ is a value
  int64_t bad_epochs_ = 0, cooling_ = 0;
};

/// One schedule after another: each starts at its own zero when the epochs of those before have passed, and sees a run
/// as long as its own part. The last one lasts.
class Sequence final : public Schedule {
 public:
  struct Part {
    SchedulePtr schedule;
    double epochs = std::numeric_limits<double>::infinity();
  };
  explicit Sequence(std::vector<Part> parts);
  double factor(const Moment& moment) const override;
  void watch(bool higher_is_better) override;
  void observe(double value) override;
  std::vector<double> state() const override;
  void load_state(const std::vector<double>& state) override;

 private:
  std::vector<Part> parts_;
};

/// The product of several.
class Product final : public Schedule {
 public:
  explicit Product(std::vector<SchedulePtr> schedules);
  double factor(const Moment& moment) const override;
  void watch(bool higher_is_better) override;
  void observe(double value) override;
  std::vector<double> state() const override;
  void load_state(const std::vector<double>& state) override;

 private:
  std::vector<SchedulePtr> schedules_;
};

/// Schedules by name, for recipes: their options, and `warmup`, the fraction of the run that a linear rise takes.
std::span<const Entry<Schedule>> schedule_table();

}  // namespace lamina::optim
