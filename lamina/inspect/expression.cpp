#include "lamina/inspect/expression.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <numbers>
#include <optional>

#include "lamina/core/error.h"
#include "lamina/ops/create.h"
#include "lamina/ops/pointwise.h"

namespace lamina::inspect {

namespace {

struct Function {
  std::string_view name;
  Tensor (*one)(const Tensor&) = nullptr;
  Tensor (*two)(const Tensor&, const Tensor&) = nullptr;
};

constexpr Function kFunctions[] = {
    {"abs", abs},
    {"acos", acos},
    {"acosh", acosh},
    {"asin", asin},
    {"asinh", asinh},
    {"atan", atan},
    {"atanh", atanh},
    {"ceil", ceil},
    {"cos", cos},
    {"cosh", cosh},
    {"erf", erf},
    {"exp", exp},
    {"expm1", expm1},
    {"floor", floor},
    {"hard_sigmoid", hard_sigmoid},
    {"hard_swish", hard_swish},
    {"ln", log},
    {"log", log},
    {"log10", log10},
    {"log1p", log1p},
    {"log2", log2},
    {"log_sigmoid", log_sigmoid},
    {"reciprocal", reciprocal},
    {"relu", relu},
    {"round", round},
    {"rsqrt", rsqrt},
    {"selu", selu},
    {"sigmoid", sigmoid},
    {"sign", sign},
    {"silu", silu},
    {"sin", sin},
    {"sinh", sinh},
    {"softplus", softplus},
    {"sqrt", sqrt},
    {"square", square},
    {"tan", tan},
    {"tanh", tanh},
    {"elu", [](const Tensor& x) { return elu(x); }},
    {"gelu", [](const Tensor& x) { return gelu(x); }},
    {"hardtanh", [](const Tensor& x) { return hardtanh(x); }},
    {"leaky_relu", [](const Tensor& x) { return leaky_relu(x); }},
    {"atan2", nullptr, atan2},
    {"fmod", nullptr, fmod},
    {"max", nullptr, maximum},
    {"maximum", nullptr, maximum},
    {"min", nullptr, minimum},
    {"minimum", nullptr, minimum},
    {"pow", nullptr, [](const Tensor& a, const Tensor& b) { return pow(a, b); }},
};

const Function* find_function(std::string_view name) {
  for (const Function& f : kFunctions) {
    if (f.name == name) return &f;
  }
  return nullptr;
}

}  // namespace

struct Expression::Term {
  enum class Kind : uint8_t { number, variable, sign, add, sub, mul, div, pow, call };
  Kind kind = Kind::number;
  double number = 0;
  size_t variable = 0;
  const Function* function = nullptr;
  std::vector<std::shared_ptr<const Term>> in = {};

  bool is_number() const { return kind == Kind::number; }
};

namespace {

using Term = Expression::Term;
using TermPtr = std::shared_ptr<const Term>;
using Kind = Term::Kind;

TermPtr number_term(double value) { return std::make_shared<Term>(Term{.kind = Kind::number, .number = value}); }
TermPtr make_term(Kind kind, std::vector<TermPtr> in) {
  return std::make_shared<Term>(Term{.kind = kind, .in = std::move(in)});
}

/// By recursive descent: sum, product, sign, power, atom.
class Parser {
 public:
  Parser(const std::string& text, std::vector<std::string>& variables) : text_(text), variables_(variables) {}

  TermPtr parse() {
    TermPtr root = sum();
    skip();
    if (at_ < text_.size()) fail(text_[at_] == ')' ? "a closing bracket without an opening one" : behind_a_term());
    return root;
  }

 private:
  static constexpr int kDeepest = 200;

  [[noreturn]] void fail(const std::string& message, const std::string& hint = "") const {
    Error error("expression", message + " at character " + std::to_string(at_ + 1));
    error.detail(text_).detail(std::string(at_, ' ') + "^");
    if (!hint.empty()) error.hint(hint);
    throw error;
  }
  std::string behind_a_term() const {
    const char c = text_[at_];
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '(') return "a sign such as * is missing";
    return "unexpected \"" + letter() + "\"";
  }
  /// The one here, all its bytes.
  std::string letter() const {
    size_t end = at_ + 1;
    while (end < text_.size() && (text_[end] & 0xC0) == 0x80) ++end;
    return text_.substr(at_, end - at_);
  }

  void skip() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  bool take(std::string_view sign) {
    skip();
    if (!std::string_view(text_).substr(at_).starts_with(sign)) return false;
    if (sign == "*" && std::string_view(text_).substr(at_).starts_with("**")) return false;
    at_ += sign.size();
    return true;
  }

  TermPtr sum() {
    if (++depth_ > kDeepest) fail("brackets within brackets, more than " + std::to_string(kDeepest));
    TermPtr left = product();
    for (;;) {
      if (take("+")) {
        left = make_term(Kind::add, {left, product()});
      } else if (take("-")) {
        left = make_term(Kind::sub, {left, product()});
      } else {
        --depth_;
        return left;
      }
    }
  }

  TermPtr product() {
    TermPtr left = sign();
    for (;;) {
      if (take("*")) {
        left = make_term(Kind::mul, {left, sign()});
      } else if (take("/")) {
        left = make_term(Kind::div, {left, sign()});
      } else {
        return left;
      }
    }
  }

  TermPtr sign() {
    bool minus = false;
    for (;;) {
      if (take("-")) {
        minus = !minus;
      } else if (!take("+")) {
        break;
      }
    }
    TermPtr term = power();
    if (!minus) return term;
    return term->is_number() ? number_term(-term->number) : make_term(Kind::sign, {term});
  }

  TermPtr power() {
    TermPtr base = atom();
    if (!take("^") && !take("**")) return base;
    if (++depth_ > kDeepest) fail("powers of powers, more than " + std::to_string(kDeepest));
    base = make_term(Kind::pow, {base, sign()});
    --depth_;
    return base;
  }

  TermPtr atom() {
    if (take("(")) {
      TermPtr inner = sum();
      if (!take(")")) fail("a closing bracket is missing");
      return inner;
    }
    skip();
    if (at_ >= text_.size()) fail("the formula ends where a number, a name or a bracket is expected");
    const char c = text_[at_];
    if (std::isdigit(static_cast<unsigned char>(c)) || c == '.') return number();
    if (std::isalpha(static_cast<unsigned char>(c)) || c == '_') return name();
    fail("expected a number, a name or a bracket, got \"" + letter() + "\"");
  }

  TermPtr number() {
    char* end = nullptr;
    const double value = std::strtod(text_.c_str() + at_, &end);
    if (end == text_.c_str() + at_ || !std::isfinite(value)) fail("this is no finite number");
    at_ = static_cast<size_t>(end - text_.c_str());
    return number_term(value);
  }

  TermPtr name() {
    const size_t start = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_')) ++at_;
    const std::string word = text_.substr(start, at_ - start);
    if (take("(")) return call(word, start);
    if (word == "pi") return number_term(std::numbers::pi);
    if (find_function(word)) fail(word + " is a function: a bracket is missing", "write " + word + "(…)");
    const auto known = std::find(variables_.begin(), variables_.end(), word);
    const auto index = static_cast<size_t>(known - variables_.begin());
    if (known == variables_.end()) variables_.push_back(word);
    return std::make_shared<Term>(Term{.kind = Kind::variable, .variable = index});
  }

  TermPtr call(const std::string& word, size_t start) {
    const Function* function = find_function(word);
    if (!function) {
      at_ = start;
      NameList names;
      for (const Function& f : kFunctions) names.add(f.name);
      const std::string near = names.nearest(word);
      fail("there is no function \"" + word + "\"",
           near.empty() ? "there are: " + names.str() : "did you mean " + near + "? A product needs a sign: a*(b)");
    }
    std::vector<TermPtr> in{sum()};
    while (take(",")) in.push_back(sum());
    if (!take(")")) fail("a closing bracket is missing");
    const size_t wanted = function->one ? 1 : 2;
    if (in.size() != wanted) {
      at_ = start;
      fail(word + " takes " + std::to_string(wanted) + (wanted == 1 ? " value" : " values") + ", got " +
           std::to_string(in.size()));
    }
    return std::make_shared<Term>(Term{.kind = Kind::call, .function = function, .in = std::move(in)});
  }

  const std::string& text_;
  std::vector<std::string>& variables_;
  size_t at_ = 0;
  int depth_ = 0;
};

/// A number stays a number as long as possible: the functions of a tensor and a number are simpler.
struct Operand {
  Tensor tensor;
  double number = 0;
  Tensor as_tensor(const Meta& like) const { return tensor.defined() ? tensor : full(like.shape, number, like.dtype); }
};

double compute(const Term& t, double a, double b) {
  switch (t.kind) {
    case Kind::add:
      return a + b;
    case Kind::sub:
      return a - b;
    case Kind::mul:
      return a * b;
    case Kind::div:
      return a / b;
    default:
      return std::pow(a, b);
  }
}

class Evaluation {
 public:
  explicit Evaluation(const Tensors& values) : values_(values) {}

  Operand operator()(const Term& t) const {
    if (t.kind == Kind::number) return {{}, t.number};
    if (t.kind == Kind::variable) return {values_[t.variable], 0};
    std::vector<Operand> in;
    for (const TermPtr& term : t.in) in.push_back((*this)(*term));
    if (t.kind == Kind::call) {
      const Tensor first = in[0].as_tensor(like());
      return {t.function->one ? t.function->one(first) : t.function->two(first, in[1].as_tensor(like())), 0};
    }
    if (t.kind == Kind::sign) return in[0].tensor.defined() ? Operand{-in[0].tensor, 0} : Operand{{}, -in[0].number};
    const bool a = in[0].tensor.defined(), b = in[1].tensor.defined();
    if (!a && !b) return {{}, compute(t, in[0].number, in[1].number)};
    if (t.kind == Kind::pow)
      return {!b ? pow(in[0].tensor, in[1].number) : pow(in[0].as_tensor(like()), in[1].tensor), 0};
    if (a && b) return {both(t.kind, in[0].tensor, in[1].tensor), 0};
    return {a ? left(t.kind, in[0].tensor, in[1].number) : right(t.kind, in[0].number, in[1].tensor), 0};
  }

 private:
  Meta like() const { return values_.empty() ? Meta(DType::f64, {}) : values_[0].meta(); }
  static Tensor both(Kind kind, const Tensor& a, const Tensor& b) {
    return kind == Kind::add ? a + b : kind == Kind::sub ? a - b : kind == Kind::mul ? a * b : a / b;
  }
  static Tensor left(Kind kind, const Tensor& a, double b) {
    return kind == Kind::add ? a + b : kind == Kind::sub ? a - b : kind == Kind::mul ? a * b : a / b;
  }
  static Tensor right(Kind kind, double a, const Tensor& b) {
    return kind == Kind::add ? a + b : kind == Kind::sub ? a - b : kind == Kind::mul ? a * b : a / b;
  }

  const Tensors& values_;
};

std::string trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\n"), last = text.find_last_not_of(" \t\n");
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

}  // namespace

Expression Expression::parse(const std::string& text) {
  Expression e;
  e.text_ = text;
  e.root_ = Parser(e.text_, e.variables_).parse();
  return e;
}

Tensor Expression::operator()(const Tensors& values) const {
  if (values.size() != variables_.size()) {
    throw Error("expression",
                "expected " + std::to_string(variables_.size()) + " values, got " + std::to_string(values.size()));
  }
  return Evaluation(values)(*root_).as_tensor(values.empty() ? Meta(DType::f64, {}) : values[0].meta());
}

std::vector<std::string> function_names() {
  std::vector<std::string> names;
  for (const Function& f : kFunctions) names.emplace_back(f.name);
  return names;
}

std::vector<double> parse_point(const Expression& expression, const std::string& text) {
  NameList names;
  for (const std::string& v : expression.variables()) names.add(v);
  std::map<std::string, double> given;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find(',', start), text.size());
    const std::string part = trimmed(text.substr(start, end - start));
    start = end + 1;
    const size_t sign = part.find('=');
    const std::string name = trimmed(part.substr(0, sign));
    const std::string number = sign == std::string::npos ? "" : trimmed(part.substr(sign + 1));
    char* rest = nullptr;
    const double value = std::strtod(number.c_str(), &rest);
    if (name.empty() || number.empty() || *rest || !std::isfinite(value)) {
      throw Error("--at", "expected NAME=NUMBER, got \"" + part + "\"").hint("for example --at x=2,y=3,z=-4");
    }
    if (std::find(expression.variables().begin(), expression.variables().end(), name) == expression.variables().end()) {
      throw Error("--at", "the expression has no \"" + name + "\"").hint("it has: " + names.str());
    }
    if (!given.emplace(name, value).second) throw Error("--at", "\"" + name + "\" is given twice");
  }
  std::vector<double> point;
  for (const std::string& v : expression.variables()) {
    const auto found = given.find(v);
    if (found == given.end())
      throw Error("--at", "the value of \"" + v + "\" is missing").hint("--at " + v + "=NUMBER");
    point.push_back(found->second);
  }
  return point;
}

}  // namespace lamina::inspect
