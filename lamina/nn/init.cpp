#include "lamina/nn/init.h"

#include <charconv>
#include <cmath>
#include <numbers>
#include <optional>
#include <utility>

#include "lamina/core/error.h"
#include "lamina/core/philox.h"
#include "lamina/ops/create.h"
#include "lamina/ops/movement.h"

namespace lamina::nn {

void seed(int64_t seed) { default_generator().seed(seed); }

namespace init {

namespace {

thread_local bool shapes_only = false;

/// A sequential stream for values that are made one after another on the host.
Philox host_stream() {
  const std::vector<int64_t> key = default_generator().next_key().ints();
  return Philox(static_cast<uint64_t>(key[0]), static_cast<uint64_t>(key[1]));
}

double fan(const Shape& shape, FanMode mode) {
  const auto [in, out] = fans(shape);
  return static_cast<double>(mode == FanMode::in ? in : out);
}

double fan_sum(const Shape& shape) {
  const auto [in, out] = fans(shape);
  return static_cast<double>(in + out);
}

/// Standard normal, given that it lies in [low, high].
double truncated(Philox& random, double low, double high) {
  const auto below = [](double z) { return 0.5 * std::erfc(-z * std::numbers::sqrt2 / 2); };
  if (below(high) - below(low) > 0.1) {
    while (true) {
      if (const double z = random.normal(); z >= low && z <= high) return z;
    }
  }
  // A narrow interval, or a tail: uniform proposals, accepted with the density relative to its highest value there.
  const double nearest = low > 0 ? low : high < 0 ? -high : 0;
  const double from = std::max(low, -nearest - 10), to = std::min(high, nearest + 10);
  while (true) {
    const double z = random.uniform(from, to);
    if (random.uniform() <= std::exp((nearest * nearest - z * z) / 2)) return z;
  }
}

double dot(const double* a, const double* b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

/// Makes `count` vectors of length n orthonormal, in place (Gram–Schmidt, twice for accuracy).
void orthonormalize(std::vector<double>& rows, int64_t count, int64_t n, Philox& random) {
  for (int64_t r = 0; r < count; ++r) {
    double* row = rows.data() + r * n;
    double length = 0;
    while (length < 1e-8) {  // a random vector inside the span of the others has probability zero
      for (int64_t i = 0; i < n; ++i) row[i] = random.normal();
      for (int pass = 0; pass < 2; ++pass) {
        for (int64_t q = 0; q < r; ++q) {
          const double* other = rows.data() + q * n;
          const double along = dot(row, other, n);
          for (int64_t i = 0; i < n; ++i) row[i] -= along * other[i];
        }
      }
      length = std::sqrt(dot(row, row, n));
    }
    for (int64_t i = 0; i < n; ++i) row[i] /= length;
  }
}

}  // namespace

std::pair<int64_t, int64_t> fans(const Shape& shape) {
  if (shape.rank() < 2) throw Error("init", "fan in and fan out need a weight of rank 2 or more, got " + shape.str());
  int64_t receptive = 1;
  for (int i = 2; i < shape.rank(); ++i) receptive *= shape[i];
  return {shape[1] * receptive, shape[0] * receptive};
}

double gain(std::string_view nonlinearity, double slope) {
  if (nonlinearity == "linear" || nonlinearity == "sigmoid" || nonlinearity == "conv") return 1;
  if (nonlinearity == "tanh") return 5.0 / 3;
  if (nonlinearity == "relu") return std::numbers::sqrt2;
  if (nonlinearity == "leaky_relu") return std::sqrt(2 / (1 + slope * slope));
  if (nonlinearity == "selu") return 0.75;
  throw Error("init", "there is no gain for \"" + std::string(nonlinearity) + "\"")
      .hint("there are: linear, conv, sigmoid, tanh, relu, leaky_relu, selu");
}

Tensor zeros(const Shape& shape) { return constant(shape, 0); }
Tensor constant(const Shape& shape, double value) { return contiguous(full(shape, value)); }
Tensor uniform(const Shape& shape, double low, double high) { return random_uniform(shape, low, high); }
Tensor normal(const Shape& shape, double mean, double stddev) { return random_normal(shape, mean, stddev); }

Tensor truncated_normal(const Shape& shape, double mean, double stddev, double low, double high) {
  if (!(stddev > 0) || !(low < high)) {
    throw Error("truncated_normal", "stddev must be above 0 and low below high, got stddev " + std::to_string(stddev) +
                                        ", low " + std::to_string(low) + ", high " + std::to_string(high));
  }
  Philox random = host_stream();
  std::vector<double> values(static_cast<size_t>(shape.numel()));
  for (double& v : values) v = mean + stddev * truncated(random, (low - mean) / stddev, (high - mean) / stddev);
  return Tensor::from(values, shape, DType::f32);
}

Tensor xavier_uniform(const Shape& shape, double gain) {
  const double a = gain * std::sqrt(6 / fan_sum(shape));
  return uniform(shape, -a, a);
}

Tensor xavier_normal(const Shape& shape, double gain) { return normal(shape, 0, gain * std::sqrt(2 / fan_sum(shape))); }

Tensor kaiming_uniform(const Shape& shape, FanMode mode, double gain) {
  const double a = gain * std::sqrt(3 / fan(shape, mode));
  return uniform(shape, -a, a);
}

Tensor kaiming_normal(const Shape& shape, FanMode mode, double gain) {
  return normal(shape, 0, gain / std::sqrt(fan(shape, mode)));
}

Tensor orthogonal(const Shape& shape, double gain) {
  if (shape.rank() < 2) throw Error("orthogonal", "needs a weight of rank 2 or more, got " + shape.str());
  const int64_t rows = shape[0], columns = shape.numel() / std::max<int64_t>(rows, 1);
  const bool tall = rows > columns;
  const int64_t count = tall ? columns : rows, n = tall ? rows : columns;
  Philox random = host_stream();
  std::vector<double> vectors(static_cast<size_t>(count * n)), values(vectors.size());
  orthonormalize(vectors, count, n, random);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      const int64_t from = tall ? c * n + r : r * n + c;
      values[static_cast<size_t>(r * columns + c)] = gain * vectors[static_cast<size_t>(from)];
    }
  }
  return Tensor::from(values, shape, DType::f32);
}

Tensor sparse(const Shape& shape, double sparsity, double stddev) {
  if (shape.rank() != 2) throw Error("sparse", "needs a weight of rank 2, got " + shape.str());
  if (!(sparsity >= 0 && sparsity <= 1)) {
    throw Error("sparse", "sparsity must lie in [0, 1], got " + std::to_string(sparsity));
  }
  const int64_t rows = shape[0], columns = shape[1];
  const int64_t empty = static_cast<int64_t>(std::ceil(sparsity * static_cast<double>(rows)));
  Philox random = host_stream();
  std::vector<double> values(static_cast<size_t>(rows * columns));
  for (double& v : values) v = stddev * random.normal();
  std::vector<int64_t> order(static_cast<size_t>(rows));
  for (int64_t c = 0; c < columns; ++c) {
    for (int64_t r = 0; r < rows; ++r) order[static_cast<size_t>(r)] = r;
    for (int64_t i = 0; i < empty; ++i) {  // the first `empty` places of a shuffle
      const auto other = static_cast<size_t>(i) + random.below(static_cast<uint64_t>(rows - i));
      std::swap(order[static_cast<size_t>(i)], order[other]);
      values[static_cast<size_t>(order[static_cast<size_t>(i)] * columns + c)] = 0;
    }
  }
  return Tensor::from(values, shape, DType::f32);
}

namespace {

struct Named {
  std::string_view name;
  Tensor (*make)(const Shape& shape, std::optional<double> value);
};

Tensor fan_in_uniform(const Shape& shape, double gain) {
  const double a = gain / std::sqrt(fan(shape, FanMode::in));
  return uniform(shape, -a, a);
}

constexpr Named kNamed[] = {
    {"default", [](const Shape& s, std::optional<double> v) { return fan_in_uniform(s, v.value_or(1)); }},
    {"zeros", [](const Shape& s, std::optional<double>) { return init::zeros(s); }},
    {"constant", [](const Shape& s, std::optional<double> v) { return constant(s, v.value_or(1)); }},
    {"uniform", [](const Shape& s, std::optional<double> v) { return v ? uniform(s, -*v, *v) : uniform(s); }},
    {"normal", [](const Shape& s, std::optional<double> v) { return normal(s, 0, v.value_or(1)); }},
    {"truncated_normal",
     [](const Shape& s, std::optional<double> v) {
       const double stddev = v.value_or(1);
       return truncated_normal(s, 0, stddev, -2 * stddev, 2 * stddev);
     }},
    {"xavier_uniform", [](const Shape& s, std::optional<double> v) { return xavier_uniform(s, v.value_or(1)); }},
    {"xavier_normal", [](const Shape& s, std::optional<double> v) { return xavier_normal(s, v.value_or(1)); }},
    {"kaiming_uniform",
     [](const Shape& s, std::optional<double> v) {
       return kaiming_uniform(s, FanMode::in, v.value_or(std::numbers::sqrt2));
     }},
    {"kaiming_normal",
     [](const Shape& s, std::optional<double> v) {
       return kaiming_normal(s, FanMode::in, v.value_or(std::numbers::sqrt2));
     }},
    {"kaiming_normal_fan_out",
     [](const Shape& s, std::optional<double> v) {
       return kaiming_normal(s, FanMode::out, v.value_or(std::numbers::sqrt2));
     }},
    {"lecun_uniform",
     [](const Shape& s, std::optional<double> v) {
       const double a = v.value_or(2.4) / fan(s, FanMode::in);
       return uniform(s, -a, a);
     }},
    {"orthogonal", [](const Shape& s, std::optional<double> v) { return orthogonal(s, v.value_or(1)); }},
    {"sparse", [](const Shape& s, std::optional<double> v) { return sparse(s, v.value_or(0.9)); }},
};

/// "normal(0.02)" → {"normal", 0.02}.
std::pair<std::string_view, std::optional<double>> parse(std::string_view text) {
  const size_t open = text.find('(');
  if (open == std::string_view::npos) return {text, std::nullopt};
  const std::string_view number = text.substr(open + 1);
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc() || std::string_view(end, number.data() + number.size()) != ")") {
    throw Error("init", "expected a name, or a name with one number in brackets, got \"" + std::string(text) + "\"")
        .hint("for example normal(0.02)");
  }
  return {text.substr(0, open), value};
}

}  // namespace

ShapesOnly::ShapesOnly() : outer_(std::exchange(shapes_only, true)) {}
ShapesOnly::~ShapesOnly() { shapes_only = outer_; }

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const Named& n : kNamed) all.emplace_back(n.name);
  return all;
}

Tensor by_name(std::string_view name, const Shape& shape) {
  const auto [word, value] = parse(name);
  NameList known;
  for (const Named& n : kNamed) {
    if (n.name == word) return shapes_only ? Tensor::empty(shape) : n.make(shape, value);
    known.add(n.name);
  }
  const std::string near = known.nearest(word);
  throw Error("init", "there is no initialisation \"" + std::string(word) + "\"")
      .hint((near.empty() ? "" : "did you mean \"" + near + "\"? ") + "there are: " + known.str());
}

Tensor bias(std::string_view init, int64_t size, const Shape& weight) {
  if (init != "default" || shapes_only) return init::zeros({size});
  const double a = 1 / std::sqrt(fan(weight, FanMode::in));
  return uniform({size}, -a, a);
}

}  // namespace init
}  // namespace lamina::nn
