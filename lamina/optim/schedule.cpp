#include "lamina/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "lamina/core/error.h"
#include "lamina/optim/check.h"

namespace lamina::optim {

namespace {

/// 1 at progress 0, 0 at progress 1, on half a cosine.
double half_cosine(double progress) { return (1 + std::cos(std::numbers::pi * progress)) / 2; }

double between(double from, double to, double progress) { return from + (to - from) * progress; }

}  // namespace

Constant::Constant(ConstantOptions options) : options_(options) {
  require(options_.factor >= 0, "constant", "factor", "be 0 or more", options_.factor);
}

Step::Step(StepOptions options) : options_(options) {
  require(options_.every > 0, "step", "every", "be above 0", options_.every);
  require(options_.gamma > 0, "step", "gamma", "be above 0", options_.gamma);
}

double Step::factor(const Moment& m) const { return std::pow(options_.gamma, std::floor(m.epoch / options_.every)); }

MultiStep::MultiStep(MultiStepOptions options) : options_(std::move(options)) {
  require(options_.gamma > 0, "multi_step", "gamma", "be above 0", options_.gamma);
  for (const double m : options_.milestones) require(m >= 0, "multi_step", "milestones", "be 0 or more", m);
  std::sort(options_.milestones.begin(), options_.milestones.end());
}

double MultiStep::factor(const Moment& m) const {
  const auto& all = options_.milestones;
  const auto reached = std::upper_bound(all.begin(), all.end(), m.epoch) - all.begin();
  return std::pow(options_.gamma, static_cast<double>(reached));
}

Exponential::Exponential(ExponentialOptions options) : options_(options) {
  require(options_.gamma > 0, "exponential", "gamma", "be above 0", options_.gamma);
}

double Exponential::factor(const Moment& m) const { return std::pow(options_.gamma, m.epoch); }

InverseTime::InverseTime(InverseTimeOptions options) : options_(options) {
  require(options_.decay >= 0, "inverse_time", "decay", "be 0 or more", options_.decay);
}

double InverseTime::factor(const Moment& m) const { return 1 / (1 + options_.decay * m.epoch); }

Polynomial::Polynomial(PolynomialOptions options) : options_(options) {
  require(options_.power > 0, "polynomial", "power", "be above 0", options_.power);
  require(options_.epochs >= 0, "polynomial", "epochs", "be 0 or more", options_.epochs);
  require(options_.end >= 0, "polynomial", "end", "be 0 or more", options_.end);
}

double Polynomial::factor(const Moment& m) const {
  const double length = options_.epochs > 0 ? options_.epochs : m.epochs;
  const double rest = 1 - std::min(m.epoch / length, 1.0);
  return between(options_.end, 1, std::pow(rest, options_.power));
}

Cosine::Cosine(CosineOptions options) : options_(options) {
  require(options_.epochs >= 0, "cosine", "epochs", "be 0 or more", options_.epochs);
  require(options_.end >= 0, "cosine", "end", "be 0 or more", options_.end);
  require(options_.stretch >= 1, "cosine", "stretch", "be 1 or more", options_.stretch);
}

double Cosine::factor(const Moment& m) const {
  double length = options_.epochs > 0 ? options_.epochs : m.epochs, epoch = m.epoch;
  if (!options_.restarts) {
    epoch = std::min(epoch, length);
  } else if (options_.stretch == 1) {
    epoch = std::fmod(epoch, length);
  } else {
    while (epoch >= length) {
      epoch -= length;
      length *= options_.stretch;
    }
  }
  return between(options_.end, 1, half_cosine(epoch / length));
}

OneCycle::OneCycle(OneCycleOptions options) : options_(options) {
  require(options_.rise > 0 && options_.rise < 1, "one_cycle", "rise", "lie in (0, 1)", options_.rise);
  require(options_.start >= 0, "one_cycle", "start", "be 0 or more", options_.start);
  require(options_.end >= 0, "one_cycle", "end", "be 0 or more", options_.end);
}

double OneCycle::factor(const Moment& m) const {
  // The top and the end are reached in the last step of each part.
  const double top = options_.rise * m.epochs - m.step, end = m.epochs - m.step;
  const auto path = [&](double from, double to, double progress) {
    return between(from, to, options_.linear ? progress : 1 - half_cosine(progress));
  };
  if (m.epoch <= top) return top > 0 ? path(options_.start, 1, m.epoch / top) : 1;
  return end > top ? path(1, options_.end, std::min((m.epoch - top) / (end - top), 1.0)) : options_.end;
}

Warmup::Warmup(WarmupOptions options, SchedulePtr after) : options_(options), after_(std::move(after)) {
  require(options_.epochs >= 0, "warmup", "epochs", "be 0 or more", options_.epochs);
  require(options_.fraction >= 0 && options_.fraction < 1, "warmup", "fraction", "lie in [0, 1)", options_.fraction);
  require(options_.start >= 0, "warmup", "start", "be 0 or more", options_.start);
  if (options_.epochs > 0 && options_.fraction > 0) throw Error("warmup", "give epochs or fraction, not both");
  if (!after_) throw Error("warmup", "there is no schedule to follow");
}

double Warmup::factor(const Moment& m) const {
  const double length = options_.epochs > 0 ? options_.epochs : options_.fraction * m.epochs;
  if (m.epoch >= length) return after_->factor({m.epoch - length, m.epochs - length, m.step});
  // The rise ends at the factor the other one starts with.
  const double top = after_->factor({0, m.epochs - length, m.step});
  return between(options_.start, top, m.epoch / length);
}

ReduceOnPlateau::ReduceOnPlateau(PlateauOptions options) : options_(options) {
  require(options_.gamma > 0 && options_.gamma < 1, "reduce_on_plateau", "gamma", "lie in (0, 1)", options_.gamma);
  require(options_.patience >= 0, "reduce_on_plateau", "patience", "be 0 or more",
          static_cast<double>(options_.patience));
  require(options_.cooldown >= 0, "reduce_on_plateau", "cooldown", "be 0 or more",
          static_cast<double>(options_.cooldown));
  require(options_.threshold >= 0, "reduce_on_plateau", "threshold", "be 0 or more", options_.threshold);
  require(options_.least >= 0, "reduce_on_plateau", "least", "be 0 or more", options_.least);
}

void ReduceOnPlateau::observe(double value) {
  const double sign = options_.maximize ? 1 : -1;
  const double margin = options_.relative ? std::abs(best_) * options_.threshold : options_.threshold;
  if (observed_ ? sign * (value - best_) > margin : !std::isnan(value)) {
    best_ = value;
    observed_ = true;
    bad_epochs_ = 0;
  } else {
    ++bad_epochs_;  // so is a value that is not a number
  }
  if (cooling_ > 0) {
    --cooling_;
    bad_epochs_ = 0;
  }
  if (bad_epochs_ > options_.patience) {
    factor_ = std::max(factor_ * options_.gamma, options_.least);
    cooling_ = options_.cooldown;
    bad_epochs_ = 0;
  }
}

std::vector<double> ReduceOnPlateau::state() const {
  return {factor_, best_, static_cast<double>(observed_), static_cast<double>(bad_epochs_),
          static_cast<double>(cooling_)};
}

void ReduceOnPlateau::load_state(const std::vector<double>& state) {
  if (state.size() != 5) {
    throw Error("reduce_on_plateau", "its state has 5 numbers, got " + std::to_string(state.size()));
  }
  factor_ = state[0];
  best_ = state[1];
  observed_ = state[2] != 0;
  bad_epochs_ = static_cast<int64_t>(state[3]);
  cooling_ = static_cast<int64_t>(state[4]);
}

namespace {

/// States one after another, each with its length before it.
void append_state(std::vector<double>& all, const Schedule& schedule) {
  const std::vector<double> own = schedule.state();
  all.push_back(static_cast<double>(own.size()));
  all.insert(all.end(), own.begin(), own.end());
}

void take_state(const std::vector<double>& all, size_t& at, Schedule& schedule) {
  const size_t size = at < all.size() ? static_cast<size_t>(all[at++]) : all.size() + 1;
  if (size > all.size() - std::min(at, all.size())) throw Error("schedule", "the saved state is too short");
  const auto begin = all.begin() + static_cast<std::ptrdiff_t>(at);
  schedule.load_state(std::vector<double>(begin, begin + static_cast<std::ptrdiff_t>(size)));
  at += size;
}

}  // namespace

Sequence::Sequence(std::vector<Part> parts) : parts_(std::move(parts)) {
  if (parts_.empty()) throw Error("sequence", "needs at least one schedule");
  for (const Part& p : parts_) {
    if (!p.schedule) throw Error("sequence", "a part has no schedule");
    require(p.epochs > 0, "sequence", "epochs of a part", "be above 0", p.epochs);
  }
}

double Sequence::factor(const Moment& m) const {
  double start = 0;
  for (size_t i = 0; i + 1 < parts_.size(); ++i) {
    const double length = parts_[i].epochs;
    if (m.epoch < start + length) return parts_[i].schedule->factor({m.epoch - start, length, m.step});
    start += length;
  }
  return parts_.back().schedule->factor({m.epoch - start, m.epochs - start, m.step});
}

void Sequence::watch(bool higher_is_better) {
  for (const Part& p : parts_) p.schedule->watch(higher_is_better);
}

void Sequence::observe(double value) {
  for (const Part& p : parts_) p.schedule->observe(value);
}

std::vector<double> Sequence::state() const {
  std::vector<double> all;
  for (const Part& p : parts_) append_state(all, *p.schedule);
  return all;
}

void Sequence::load_state(const std::vector<double>& state) {
  size_t at = 0;
  for (const Part& p : parts_) take_state(state, at, *p.schedule);
}

Product::Product(std::vector<SchedulePtr> schedules) : schedules_(std::move(schedules)) {
  for (const SchedulePtr& s : schedules_) {
    if (!s) throw Error("product", "a schedule is missing");
  }
}

double Product::factor(const Moment& m) const {
  double product = 1;
  for (const SchedulePtr& s : schedules_) product *= s->factor(m);
  return product;
}

void Product::watch(bool higher_is_better) {
  for (const SchedulePtr& s : schedules_) s->watch(higher_is_better);
}

void Product::observe(double value) {
  for (const SchedulePtr& s : schedules_) s->observe(value);
}

std::vector<double> Product::state() const {
  std::vector<double> all;
  for (const SchedulePtr& s : schedules_) append_state(all, *s);
  return all;
}

void Product::load_state(const std::vector<double>& state) {
  size_t at = 0;
  for (const SchedulePtr& s : schedules_) take_state(state, at, *s);
}

namespace {

template <class T, class Options>
std::unique_ptr<Schedule> make(FieldVisitor& visitor) {
  Options options;
  options.visit(visitor);
  double warmup = 0;
  visitor.field("warmup", warmup);
  auto schedule = std::make_unique<T>(options);
  if (warmup == 0) return schedule;
  return std::make_unique<Warmup>(WarmupOptions{.fraction = warmup}, SchedulePtr(std::move(schedule)));
}

}  // namespace

std::span<const Entry<Schedule>> schedule_table() {
  static constexpr Entry<Schedule> kTable[] = {
      {"constant", "always the same rate", make<Constant, ConstantOptions>},
      {"step", "times gamma every so many epochs", make<Step, StepOptions>},
      {"multi_step", "times gamma at each milestone", make<MultiStep, MultiStepOptions>},
      {"exponential", "gamma^epoch", make<Exponential, ExponentialOptions>},
      {"inverse_time", "1/(1 + decay·epoch)", make<InverseTime, InverseTimeOptions>},
      {"polynomial", "(1 − epoch/epochs)^power", make<Polynomial, PolynomialOptions>},
      {"cosine", "half a cosine, with restarts if wanted (Loshchilov and Hutter 2017)", make<Cosine, CosineOptions>},
      {"one_cycle", "up and down once (Smith and Topin 2018)", make<OneCycle, OneCycleOptions>},
      {"reduce_on_plateau", "times gamma when the validation loss stalls", make<ReduceOnPlateau, PlateauOptions>},
  };
  return kTable;
}

}  // namespace lamina::optim
