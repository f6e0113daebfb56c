// Tiles of every other dtype, and the rarer functions of real analysis, in plain loops.
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "lamina/backends/cpu/tile.h"
#include "lamina/core/error.h"

namespace lamina::cpu {

namespace {

template <class T>
constexpr DType kDType = std::is_same_v<T, float>     ? DType::f32
                         : std::is_same_v<T, double>  ? DType::f64
                         : std::is_same_v<T, int64_t> ? DType::i64
                         : std::is_same_v<T, int32_t> ? DType::i32
                         : std::is_same_v<T, uint8_t> ? DType::u8
                                                      : DType::boolean;

template <class T, class Out, auto f>
void unary_loop(void* out, const void* pa, const void*, const void*, size_t n, unsigned) {
  const auto* a = static_cast<const T*>(pa);
  auto* to = static_cast<Out*>(out);
  for (size_t i = 0; i < n; ++i) to[i] = static_cast<Out>(f(a[i]));
}

template <class T, class Out, auto f>
void binary_loop(void* out, const void* pa, const void* pb, const void*, size_t n, unsigned splat) {
  const auto *a = static_cast<const T*>(pa), *b = static_cast<const T*>(pb);
  auto* to = static_cast<Out*>(out);
  if (splat == 0) {
    for (size_t i = 0; i < n; ++i) to[i] = static_cast<Out>(f(a[i], b[i]));
    return;
  }
  const size_t step_a = splat & 1U ? 0 : 1, step_b = splat & 2U ? 0 : 1;
  for (size_t i = 0; i < n; ++i) to[i] = static_cast<Out>(f(a[i * step_a], b[i * step_b]));
}

template <class T>
void where_loop(void* out, const void* pc, const void* pa, const void* pb, size_t n, unsigned splat) {
  const auto* c = static_cast<const uint8_t*>(pc);
  const auto *a = static_cast<const T*>(pa), *b = static_cast<const T*>(pb);
  auto* to = static_cast<T*>(out);
  const size_t step_c = splat & 1U ? 0 : 1, step_a = splat & 2U ? 0 : 1, step_b = splat & 4U ? 0 : 1;
  for (size_t i = 0; i < n; ++i) to[i] = c[i * step_c] ? a[i * step_a] : b[i * step_b];
}

template <class From, class To>
To converted(From x) {
  if constexpr (std::is_same_v<To, bool>) {
    return x != From{0};
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // Beyond the range C++ leaves the result open: saturate, NaN to 0.
    if (!(x == x)) return 0;
    if (x >= static_cast<From>(std::numeric_limits<To>::max())) return std::numeric_limits<To>::max();
    if (x <= static_cast<From>(std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
    return static_cast<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

// Integers wrap around.
template <class T>
using Wide = std::conditional_t<std::is_integral_v<T>, uint64_t, T>;

template <class T>
T integer_power(T base, T exponent) {
  if constexpr (std::is_signed_v<T>) {
    if (exponent < 0) return base == 1 ? T{1} : base == -1 ? (exponent % 2 != 0 ? T{-1} : T{1}) : T{0};
  }
  uint64_t result = 1, factor = static_cast<uint64_t>(base);
  for (auto e = static_cast<uint64_t>(exponent); e > 0; e >>= 1) {
    if (e & 1U) result *= factor;
    factor *= factor;
  }
  return static_cast<T>(result);
}

template <class T>
constexpr auto kLarger = [](T a, T b) {
  return a != a ? a : b != b ? b : std::max(a, b);
};
template <class T>
constexpr auto kSmaller = [](T a, T b) {
  return a != a ? a : b != b ? b : std::min(a, b);
};
template <class T>
constexpr auto kPlus = [](T a, T b) { return static_cast<T>(static_cast<Wide<T>>(a) + static_cast<Wide<T>>(b)); };
template <class T>
constexpr auto kMinus = [](T a, T b) { return static_cast<T>(static_cast<Wide<T>>(a) - static_cast<Wide<T>>(b)); };
template <class T>
constexpr auto kTimes = [](T a, T b) { return static_cast<T>(static_cast<Wide<T>>(a) * static_cast<Wide<T>>(b)); };
template <class T>
constexpr auto kMod = [](T a, T b) -> T {
  if (b == 0) {
    throw Error("fmod", "division of an integer by zero").hint("cast to a floating-point dtype, which gives NaN");
  }
  if constexpr (std::is_signed_v<T>) {
    if (b == -1) return 0;  // the quotient may not be a T
  }
  return static_cast<T>(a % b);
};
template <class T>
constexpr auto kSame = [](T a) { return a; };
template <class T>
constexpr auto kNegative = [](T a) { return static_cast<T>(0 - static_cast<Wide<T>>(a)); };
template <class T>
constexpr auto kAbsolute = [](T a) { return a < T{0} ? static_cast<T>(0 - static_cast<Wide<T>>(a)) : a; };
template <class T>
constexpr auto kSign = [](T a) { return static_cast<T>((a > T{0}) - (a < T{0})); };
template <class T>
constexpr auto kPositive = [](T a) { return std::max(a, T{0}); };

class Table {
 public:
  Table() {
    add_integer<int64_t>();
    add_integer<int32_t>();
    add_integer<uint8_t>();
    add_integer<bool>();
    add_comparisons<double>();
    add_comparisons<float>();
    add_real<float>();
    add_real<double>();
    add_slow_math<double>();
    add_casts<float>();
    add_casts<double>();
    add_casts<int64_t>();
    add_casts<int32_t>();
    add_casts<uint8_t>();
    add_casts<bool>();
    add<bool>(OpId::logical_and, binary_loop<bool, bool, [](bool a, bool b) { return a && b; }>);
    add<bool>(OpId::logical_or, binary_loop<bool, bool, [](bool a, bool b) { return a || b; }>);
    add<bool>(OpId::logical_not, unary_loop<bool, bool, [](bool a) { return !a; }>);
  }

  std::span<const TileOp> list() const { return list_; }

 private:
  template <class T, class Out = T>
  void add(OpId op, TileFn fn, int cost = 2) {
    list_.push_back({op, kDType<T>, kDType<Out>, fn, cost});
  }

  template <class T>
  void add_comparisons() {
    add<T, bool>(OpId::eq, binary_loop<T, bool, [](T a, T b) { return a == b; }>);
    add<T, bool>(OpId::ne, binary_loop<T, bool, [](T a, T b) { return a != b; }>);
    add<T, bool>(OpId::lt, binary_loop<T, bool, [](T a, T b) { return a < b; }>);
    add<T, bool>(OpId::le, binary_loop<T, bool, [](T a, T b) { return a <= b; }>);
    add<T, bool>(OpId::gt, binary_loop<T, bool, [](T a, T b) { return b < a; }>);
    add<T, bool>(OpId::ge, binary_loop<T, bool, [](T a, T b) { return a >= b; }>);
    add<T>(OpId::where, where_loop<T>);
  }

  template <class T>
  void add_integer() {
    add_comparisons<T>();
    add<T>(OpId::maximum, binary_loop<T, T, kLarger<T>>);
    add<T>(OpId::minimum, binary_loop<T, T, kSmaller<T>>);
    for (OpId same : {OpId::floor, OpId::ceil, OpId::round}) add<T>(same, unary_loop<T, T, kSame<T>>);
    add<T, bool>(OpId::isfinite, unary_loop<T, bool, [](T) { return true; }>);
    add<T, bool>(OpId::isnan, unary_loop<T, bool, [](T) { return false; }>);
    add<T>(OpId::abs, unary_loop<T, T, kAbsolute<T>>);
    add<T>(OpId::sign, unary_loop<T, T, kSign<T>>);
    add<T>(OpId::relu, unary_loop<T, T, kPositive<T>>);
    if constexpr (!std::is_same_v<T, bool>) {
      add<T>(OpId::add, binary_loop<T, T, kPlus<T>>);
      add<T>(OpId::sub, binary_loop<T, T, kMinus<T>>);
      add<T>(OpId::mul, binary_loop<T, T, kTimes<T>>);
      add<T>(OpId::pow, binary_loop<T, T, [](T a, T b) { return integer_power(a, b); }>, 10);
      add<T>(OpId::fmod, binary_loop<T, T, kMod<T>>, 10);
      add<T>(OpId::neg, unary_loop<T, T, kNegative<T>>);
    }
  }

  /// What the C library computes in f32 as well as in f64.
  template <class T>
  void add_real() {
    add<T>(OpId::pow, binary_loop<T, T, [](T a, T b) { return std::pow(a, b); }>, 40);
    add<T>(OpId::atan2, binary_loop<T, T, [](T a, T b) { return std::atan2(a, b); }>, 60);
    add<T>(OpId::fmod, binary_loop<T, T, [](T a, T b) { return std::fmod(a, b); }>, 40);
    add<T>(OpId::tan, unary_loop<T, T, [](T a) { return std::tan(a); }>, 40);
    add<T>(OpId::asin, unary_loop<T, T, [](T a) { return std::asin(a); }>, 40);
    add<T>(OpId::acos, unary_loop<T, T, [](T a) { return std::acos(a); }>, 40);
    add<T>(OpId::atan, unary_loop<T, T, [](T a) { return std::atan(a); }>, 40);
    add<T>(OpId::sinh, unary_loop<T, T, [](T a) { return std::sinh(a); }>, 40);
    add<T>(OpId::cosh, unary_loop<T, T, [](T a) { return std::cosh(a); }>, 40);
    add<T>(OpId::asinh, unary_loop<T, T, [](T a) { return std::asinh(a); }>, 60);
    add<T>(OpId::acosh, unary_loop<T, T, [](T a) { return std::acosh(a); }>, 60);
    add<T>(OpId::atanh, unary_loop<T, T, [](T a) { return std::atanh(a); }>, 60);
    add<T, bool>(OpId::isfinite, unary_loop<T, bool, [](T a) { return a - a == T{0}; }>);
    add<T, bool>(OpId::isnan, unary_loop<T, bool, [](T a) { return a != a; }>);
  }

  template <class T>
  void add_slow_math() {
    add<T>(OpId::exp, unary_loop<T, T, [](T a) { return std::exp(a); }>, 40);
    add<T>(OpId::expm1, unary_loop<T, T, [](T a) { return std::expm1(a); }>, 40);
    add<T>(OpId::log, unary_loop<T, T, [](T a) { return std::log(a); }>, 40);
    add<T>(OpId::log1p, unary_loop<T, T, [](T a) { return std::log1p(a); }>, 40);
    add<T>(OpId::sin, unary_loop<T, T, [](T a) { return std::sin(a); }>, 40);
    add<T>(OpId::cos, unary_loop<T, T, [](T a) { return std::cos(a); }>, 40);
    add<T>(OpId::tanh, unary_loop<T, T, [](T a) { return std::tanh(a); }>, 40);
    add<T>(OpId::erf, unary_loop<T, T, [](T a) { return std::erf(a); }>, 40);
    add<T>(OpId::sigmoid, unary_loop<T, T, [](T a) { return 1 / (1 + std::exp(-a)); }>, 40);
    add<T>(OpId::softplus,
           unary_loop<T, T, [](T a) { return (a > 0 || a != a ? a : T{0}) + std::log1p(std::exp(-std::abs(a))); }>, 80);
  }

  template <class From, class To>
  void add_cast() {
    if constexpr (!std::is_same_v<From, To>) {
      add<From, To>(OpId::cast, unary_loop<From, To, [](From a) { return converted<From, To>(a); }>);
    }
  }

  template <class From>
  void add_casts() {
    add_cast<From, float>();
    add_cast<From, double>();
    add_cast<From, int64_t>();
    add_cast<From, int32_t>();
    add_cast<From, uint8_t>();
    add_cast<From, bool>();
  }

  std::vector<TileOp> list_;
};

}  // namespace

std::span<const TileOp> scalar_tile_ops() {
  static const Table table;
  return table.list();
}

const TileOp* find_tile_op(OpId op, std::span<const DType> in, DType out) {
  const DType key = in[op == OpId::where ? 1 : 0];
  for (const std::span<const TileOp> list : {simd_tile_ops(), simd_math_ops(), scalar_tile_ops()}) {
    for (const TileOp& t : list) {
      if (t.op == op && t.in == key && t.out == out) return &t;
    }
  }
  return nullptr;
}

}  // namespace lamina::cpu
