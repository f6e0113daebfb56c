#include "lamina/optim/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <deque>

#include "lamina/core/error.h"
#include "lamina/optim/check.h"

namespace lamina::optim {

namespace {

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

void add_scaled(Vector& a, double factor, const Vector& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] += factor * b[i];
}

double largest(const Vector& a) {
  double most = 0;
  for (double v : a) most = std::max(most, std::abs(v));
  return most;
}

double total(const Vector& a) {
  double sum = 0;
  for (double v : a) sum += std::abs(v);
  return sum;
}

/// The objective along a direction: at step t, its value, gradient and slope.
struct Point {
  double t = 0, value = 0;
  Vector gradient = {};
  double slope = 0;
};

/// Minimum of the cubic through two points and their slopes, kept in [low, high].
double cubic_minimum(const Point& a, const Point& b, double low, double high) {
  const double d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.t - b.t);
  const double square = d1 * d1 - a.slope * b.slope;
  if (!(square >= 0) || !std::isfinite(square)) return (low + high) / 2;
  const Point &left = a.t <= b.t ? a : b, &right = a.t <= b.t ? b : a;
  const double d2 = std::sqrt(square);
  const double t = right.t - (right.t - left.t) * ((right.slope + d2 - d1) / (right.slope - left.slope + 2 * d2));
  return std::isfinite(t) ? std::clamp(t, low, high) : (low + high) / 2;
}

/// A step that meets the strong Wolfe conditions: first outwards until an interval holds one, then into it.
class WolfeSearch {
 public:
  using Objective = std::function<Point(double t)>;

  WolfeSearch(Objective objective, Point start, double direction_size, double tolerance)
      : objective_(std::move(objective)),
        start_(std::move(start)),
        direction_size_(direction_size),
        tolerance_(tolerance) {}

  Point run(double t) {
    if (expand(t)) return low_;
    return zoom();
  }
  int64_t evaluations() const { return evaluations_; }

 private:
  static constexpr double kDecrease = 1e-4, kCurvature = 0.9;
  static constexpr int kMaxSteps = 25;

  Point evaluate(double t) {
    ++evaluations_;
    return objective_(t);
  }
  bool too_high(const Point& p) const {
    return !(p.value <= start_.value + kDecrease * p.t * start_.slope);  // also where it is not a number
  }
  bool flat_enough(const Point& p) const { return std::abs(p.slope) <= -kCurvature * start_.slope; }

  void bracket(Point a, Point b) {
    low_ = std::move(a);
    high_ = std::move(b);
    if (high_.value < low_.value) std::swap(low_, high_);
  }

  /// True where a step was found, in low_; else low_ and high_ enclose one.
  bool expand(double t) {
    Point previous = start_, now = evaluate(t);
    for (; steps_ < kMaxSteps; ++steps_) {
      if (too_high(now) || (steps_ > 1 && now.value >= previous.value)) {
        bracket(previous, now);
        return false;
      }
      if (flat_enough(now)) {
        low_ = std::move(now);
        return true;
      }
      if (now.slope >= 0) {
        bracket(previous, now);
        return false;
      }
      const double next = cubic_minimum(previous, now, now.t + 0.01 * (now.t - previous.t), now.t * 10);
      previous = std::move(now);
      now = evaluate(next);
    }
    bracket(start_, now);
    return false;
  }

  Point zoom() {
    bool slow = false;
    for (; steps_ < kMaxSteps; ++steps_) {
      const double left = std::min(low_.t, high_.t), right = std::max(low_.t, high_.t);
      if ((right - left) * direction_size_ < tolerance_) break;
      Point now = evaluate(inside(cubic_minimum(low_, high_, left, right), left, right, slow));
      if (too_high(now) || now.value >= low_.value) {
        high_ = std::move(now);
        if (high_.value < low_.value) std::swap(low_, high_);
        continue;
      }
      if (flat_enough(now)) return now;
      if (now.slope * (high_.t - low_.t) >= 0) high_ = low_;
      low_ = std::move(now);
    }
    return low_;
  }

  /// Keeps a trial step away from the ends of the interval where the last one was near an end too.
  static double inside(double t, double left, double right, bool& slow) {
    const double margin = 0.1 * (right - left);
    if (std::min(right - t, t - left) >= margin) {
      slow = false;
    } else if (slow || t >= right || t <= left) {
      t = std::abs(t - right) < std::abs(t - left) ? right - margin : left + margin;
      slow = false;
    } else {
      slow = true;
    }
    return t;
  }

  Objective objective_;
  Point start_, low_, high_;
  double direction_size_, tolerance_;
  int steps_ = 0;
  int64_t evaluations_ = 0;
};

}  // namespace

struct Lbfgs::Impl {
  struct Change {
    Vector gradient, weights;
    double inverse_product;
  };

  std::vector<Variable> parameters;
  LbfgsOptions options;
  std::deque<Change> changes;
  Vector gradient, previous_gradient, direction;
  double loss = 0, length = 0, scale = 1;
  int64_t iterations = 0, evaluations = 0;
  bool converged = false;

  Vector weights() const {
    Vector all;
    for (const Variable& p : parameters) {
      const Vector values = p.value().values();
      all.insert(all.end(), values.begin(), values.end());
    }
    return all;
  }

  void set_weights(const Vector& all) const {
    size_t at = 0;
    for (const Variable& p : parameters) {
      const Tensor& old = p.value();
      const auto size = static_cast<size_t>(old.numel());
      p.assign(Tensor::from(std::span(all).subspan(at, size), old.shape(), old.dtype()));
      at += size;
    }
  }

  std::pair<double, Vector> evaluate(const Closure& closure) {
    ++evaluations;
    const auto [value, grads] = closure();
    if (grads.size() != parameters.size()) {
      throw Error("lbfgs", "expected " + std::to_string(parameters.size()) + " gradients, one per parameter, got " +
                               std::to_string(grads.size()));
    }
    Vector flat;
    for (size_t i = 0; i < grads.size(); ++i) {
      if (grads[i].shape() != parameters[i].value().shape()) {
        throw Error("lbfgs", "a gradient and its parameter differ in shape")
            .detail("parameter " + parameters[i].value().meta().str())
            .detail("gradient  " + grads[i].meta().str());
      }
      const Vector values = grads[i].values();
      flat.insert(flat.end(), values.begin(), values.end());
    }
    return {value.item(), std::move(flat)};
  }

  /// Notes the last change and finds the next direction: −H·gradient by the two-loop recursion.
  void choose_direction() {
    if (iterations > 0) remember();
    direction = gradient;
    for (double& v : direction) v = -v;
    std::vector<double> along(changes.size());
    for (size_t i = changes.size(); i-- > 0;) {
      along[i] = dot(changes[i].weights, direction) * changes[i].inverse_product;
      add_scaled(direction, -along[i], changes[i].gradient);
    }
    for (double& v : direction) v *= scale;
    for (size_t i = 0; i < changes.size(); ++i) {
      const double back = dot(changes[i].gradient, direction) * changes[i].inverse_product;
      add_scaled(direction, along[i] - back, changes[i].weights);
    }
  }

  void remember() {
    Change c{gradient, direction, 0};
    add_scaled(c.gradient, -1, previous_gradient);
    for (double& v : c.weights) v *= length;
    const double product = dot(c.gradient, c.weights);
    if (product <= 1e-10) return;  // no positive curvature along this change
    c.inverse_product = 1 / product;
    scale = product / dot(c.gradient, c.gradient);
    if (static_cast<int64_t>(changes.size()) == options.history) changes.pop_front();
    changes.push_back(std::move(c));
  }

  void search(const Closure& closure, double slope) {
    const Vector origin = weights();
    const auto move = [&](double t) {
      Vector w = origin;
      add_scaled(w, t, direction);
      set_weights(w);
    };
    const auto at = [&](double t) {
      move(t);
      auto [value, g] = evaluate(closure);
      const double s = dot(g, direction);
      return Point{t, value, std::move(g), s};
    };
    WolfeSearch wolfe(at, {0, loss, gradient, slope}, largest(direction), options.change_tolerance);
    Point found = wolfe.run(length);
    move(found.t);
    length = found.t;
    loss = found.value;
    gradient = std::move(found.gradient);
  }

  double step(const Closure& closure) {
    std::tie(loss, gradient) = evaluate(closure);
    const double first = loss;
    if (!std::isfinite(first)) {
      throw Error("lbfgs", "the loss is not finite at the start").hint("look at the data and at the initial weights");
    }
    const int64_t begin = evaluations - 1;
    const int64_t most = options.max_evaluations > 0 ? options.max_evaluations : options.max_iterations * 5 / 4;
    converged = largest(gradient) <= options.gradient_tolerance;
    for (int64_t n = 1; n <= options.max_iterations && !converged; ++n) {
      choose_direction();
      previous_gradient = gradient;
      const double previous_loss = loss;
      length = options.lr * (iterations == 0 ? std::min(1.0, 1 / total(gradient)) : 1.0);
      ++iterations;
      const double slope = dot(gradient, direction);
      if (slope > -options.change_tolerance) {
        converged = true;
        break;
      }
      if (options.line_search) {
        search(closure, slope);
      } else {
        Vector w = weights();
        add_scaled(w, length, direction);
        set_weights(w);
        if (n < options.max_iterations) std::tie(loss, gradient) = evaluate(closure);
      }
      converged = largest(gradient) <= options.gradient_tolerance ||
                  largest(direction) * length <= options.change_tolerance ||
                  std::abs(loss - previous_loss) < options.change_tolerance;
      if (evaluations - begin >= most) break;
    }
    return first;
  }
};

Lbfgs::Lbfgs(std::vector<Variable> parameters, LbfgsOptions options) : impl_(std::make_unique<Impl>()) {
  if (parameters.empty()) throw Error("lbfgs", "there is nothing to train");
  require(options.lr > 0, "lbfgs", "lr", "be above 0", options.lr);
  require(options.max_iterations > 0, "lbfgs", "max_iterations", "be above 0",
          static_cast<double>(options.max_iterations));
  require(options.history > 0, "lbfgs", "history", "be above 0", static_cast<double>(options.history));
  impl_->parameters = std::move(parameters);
  impl_->options = options;
}

Lbfgs::~Lbfgs() = default;
Lbfgs::Lbfgs(Lbfgs&&) noexcept = default;
double Lbfgs::step(const Closure& closure) { return impl_->step(closure); }
double Lbfgs::loss() const { return impl_->loss; }
bool Lbfgs::converged() const { return impl_->converged; }

}  // namespace lamina::optim
