#include <array>
#include <cmath>
#include <limits>

#include "lamina/backends/ref/scalar_functions_internal.h"
#include "lamina/core/error.h"

namespace lamina::ref {

namespace {

struct Pair {
  ScalarFn of_floats = nullptr, of_integers = nullptr;
};

using Table = std::array<Pair, static_cast<size_t>(OpId::count)>;

double sigmoid(double x) {
  const double e = std::exp(-std::abs(x));
  return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

// Integers wrap around as unsigned arithmetic does.
int64_t wrapped(uint64_t value) { return static_cast<int64_t>(value); }
uint64_t u(int64_t value) { return static_cast<uint64_t>(value); }

int64_t integer_power(int64_t base, int64_t exponent) {
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 ? -1 : 1) : 0;
  uint64_t result = 1;
  for (uint64_t b = u(base); exponent > 0; exponent /= 2, b *= b) {
    if (exponent % 2) result *= b;
  }
  return wrapped(result);
}

int64_t integer_remainder(int64_t a, int64_t b) {
  if (b == 0)
    throw Error("fmod", "division of an integer by zero").hint("cast to a floating-point dtype, which gives NaN");
  return b == -1 ? 0 : a % b;
}

double larger(double a, double b) { return std::isnan(a) || a > b ? a : b; }
double smaller(double a, double b) { return std::isnan(a) || a < b ? a : b; }

#define FLOATS(expression)                    \
  +[](const Scalar* s) {                      \
    [[maybe_unused]] const double a = s[0].f; \
    return Scalar{.f = (expression)};         \
  }
#define FLOATS2(expression)              \
  +[](const Scalar* s) {                 \
    const double a = s[0].f, b = s[1].f; \
    return Scalar{.f = (expression)};    \
  }
#define INTEGERS(expression)                   \
  +[](const Scalar* s) {                       \
    [[maybe_unused]] const int64_t a = s[0].i; \
    return Scalar{.i = (expression)};          \
  }
#define INTEGERS2(expression)             \
  +[](const Scalar* s) {                  \
    const int64_t a = s[0].i, b = s[1].i; \
    return Scalar{.i = (expression)};     \
  }
#define TEST(member, expression)                 \
  +[](const Scalar* s) {                         \
    const auto a = s[0].member, b = s[1].member; \
    return Scalar{.i = (expression) ? 1 : 0};    \
  }

void add_arithmetic(Table& table) {
  const auto set = [&](OpId op, ScalarFn f, ScalarFn i) { table[static_cast<size_t>(op)] = {f, i}; };
  set(OpId::add, FLOATS2(a + b), INTEGERS2(wrapped(u(a) + u(b))));
  set(OpId::sub, FLOATS2(a - b), INTEGERS2(wrapped(u(a) - u(b))));
  set(OpId::mul, FLOATS2(a * b), INTEGERS2(wrapped(u(a) * u(b))));
  set(OpId::div, FLOATS2(a / b), nullptr);
  set(OpId::pow, FLOATS2(std::pow(a, b)), INTEGERS2(integer_power(a, b)));
  set(OpId::atan2, FLOATS2(std::atan2(a, b)), nullptr);
  set(OpId::fmod, FLOATS2(std::fmod(a, b)), INTEGERS2(integer_remainder(a, b)));
  set(OpId::maximum, FLOATS2(larger(a, b)), INTEGERS2(std::max(a, b)));
  set(OpId::minimum, FLOATS2(smaller(a, b)), INTEGERS2(std::min(a, b)));
  set(OpId::neg, FLOATS(-a), INTEGERS(wrapped(0 - u(a))));
  set(OpId::abs, FLOATS(std::abs(a)), INTEGERS(a < 0 ? wrapped(0 - u(a)) : a));
  set(OpId::sign, FLOATS(std::isnan(a) ? a : (a > 0) - (a < 0)), INTEGERS((a > 0) - (a < 0)));
  set(OpId::relu, FLOATS(a <= 0 ? 0 : a), INTEGERS(std::max<int64_t>(a, 0)));
  const ScalarFn choose = [](const Scalar* s) { return s[0].i ? s[1] : s[2]; };
  set(OpId::where, nullptr, choose);  // its first operand is bool
}

void add_tests(Table& table) {
  const auto set = [&](OpId op, ScalarFn f, ScalarFn i) { table[static_cast<size_t>(op)] = {f, i}; };
  set(OpId::eq, TEST(f, a == b), TEST(i, a == b));
  set(OpId::ne, TEST(f, a != b), TEST(i, a != b));
  set(OpId::lt, TEST(f, a < b), TEST(i, a < b));
  set(OpId::le, TEST(f, a <= b), TEST(i, a <= b));
  set(OpId::gt, TEST(f, a > b), TEST(i, a > b));
  set(OpId::ge, TEST(f, a >= b), TEST(i, a >= b));
  set(OpId::logical_and, nullptr, TEST(i, a && b));
  set(OpId::logical_or, nullptr, TEST(i, a || b));
  set(OpId::logical_not, nullptr, INTEGERS(!a));
  const ScalarFn finite = [](const Scalar* s) { return Scalar{.i = std::isfinite(s[0].f)}; };
  const ScalarFn nan = [](const Scalar* s) { return Scalar{.i = std::isnan(s[0].f)}; };
  set(OpId::isfinite, finite, INTEGERS(1));
  set(OpId::isnan, nan, INTEGERS(0));
}

void add_analysis(Table& table) {
  const auto set = [&](OpId op, ScalarFn f) { table[static_cast<size_t>(op)] = {f, nullptr}; };
  set(OpId::floor, FLOATS(std::floor(a)));
  set(OpId::ceil, FLOATS(std::ceil(a)));
  set(OpId::round, FLOATS(std::nearbyint(a)));
  set(OpId::sqrt, FLOATS(std::sqrt(a)));
  set(OpId::rsqrt, FLOATS(1 / std::sqrt(a)));
  set(OpId::exp, FLOATS(std::exp(a)));
  set(OpId::expm1, FLOATS(std::expm1(a)));
  set(OpId::log, FLOATS(std::log(a)));
  set(OpId::log1p, FLOATS(std::log1p(a)));
  set(OpId::sin, FLOATS(std::sin(a)));
  set(OpId::cos, FLOATS(std::cos(a)));
  set(OpId::tan, FLOATS(std::tan(a)));
  set(OpId::asin, FLOATS(std::asin(a)));
  set(OpId::acos, FLOATS(std::acos(a)));
  set(OpId::atan, FLOATS(std::atan(a)));
  set(OpId::sinh, FLOATS(std::sinh(a)));
  set(OpId::cosh, FLOATS(std::cosh(a)));
  set(OpId::tanh, FLOATS(std::tanh(a)));
  set(OpId::asinh, FLOATS(std::asinh(a)));
  set(OpId::acosh, FLOATS(std::acosh(a)));
  set(OpId::atanh, FLOATS(std::atanh(a)));
  set(OpId::erf, FLOATS(std::erf(a)));
  set(OpId::sigmoid, FLOATS(sigmoid(a)));
  set(OpId::softplus, FLOATS(std::log1p(std::exp(-std::abs(a))) + larger(a, 0)));
}

#undef FLOATS
#undef FLOATS2
#undef INTEGERS
#undef INTEGERS2
#undef TEST

template <class T>
int64_t saturated(double value) {
  if (std::isnan(value)) return 0;
  if (value <= static_cast<double>(std::numeric_limits<T>::min())) return std::numeric_limits<T>::min();
  if (value >= static_cast<double>(std::numeric_limits<T>::max())) return std::numeric_limits<T>::max();
  return static_cast<int64_t>(value);
}

}  // namespace

ScalarFn scalar_function(OpId op, DType operand) {
  static const Table table = [] {
    Table t{};
    add_arithmetic(t);
    add_tests(t);
    add_analysis(t);
    return t;
  }();
  const Pair& pair = table[static_cast<size_t>(op)];
  return is_floating(operand) ? pair.of_floats : pair.of_integers;
}

Scalar converted(Scalar value, DType from, DType to) {
  if (!is_floating(from)) return is_floating(to) ? Scalar{.f = static_cast<double>(value.i)} : value;
  switch (to) {
    case DType::boolean:
      return {.i = value.f != 0};
    case DType::u8:
      return {.i = saturated<uint8_t>(value.f)};
    case DType::i32:
      return {.i = saturated<int32_t>(value.f)};
    case DType::i64:
      return {.i = saturated<int64_t>(value.f)};
    default:
      return value;
  }
}

}  // namespace lamina::ref
