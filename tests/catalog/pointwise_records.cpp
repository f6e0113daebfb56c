#include <algorithm>

#include "catalog.h"
#include "lamina/engine/dispatch.h"
#include "lamina/ops/ops.h"
#include "lamina/ops/pointwise_attrs.h"

namespace lamina::catalog {

namespace {

/// The operands of an op: the same domain and layout for all of them.
std::vector<Input> operands(int count, const Shape& shape, Input like, Layout layout = Layout::contiguous) {
  like.shape = shape;
  like.layout = layout;
  return std::vector<Input>(static_cast<size_t>(count), like);
}

/// Shapes and layouts that every pointwise op meets.
std::vector<Sample> usual(int count, const Input& domain) {
  std::vector<Sample> samples{{"matrix", operands(count, {3, 4}, domain)},
                              {"scalar", operands(count, {}, domain)},
                              {"empty", operands(count, {0, 3}, domain)},
                              {"transposed", operands(count, {2, 3, 5}, domain, Layout::transposed)},
                              {"sliced", operands(count, {3, 7}, domain, Layout::sliced)},
                              {"expanded", operands(count, {5, 3}, domain, Layout::expanded)}};
  for (int64_t n : {1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 100}) {
    samples.push_back({"row of " + std::to_string(n), operands(count, {n}, domain), {}, false});
  }
  samples.push_back({"large", operands(count, {3, 70001}, domain), {}, false, true});
  if (count == 2) {
    std::vector<Input> mixed = operands(2, {6, 5}, domain, Layout::transposed);
    mixed[1].layout = Layout::contiguous;
    samples.push_back({"mixed layouts", mixed});
  }
  return samples;
}

Input in_range(double low, double high, Values kind = Values::uniform) {
  Input in;
  in.low = low;
  in.high = high;
  in.values = kind;
  return in;
}

const Input kPlain = in_range(-2, 2);
const Input kApart = in_range(-2, 2, Values::apart);
const Input kPositive = in_range(0.2, 3);
const Input kUnit = in_range(-0.9, 0.9);

void add_special(Record& r, int count) {
  const int64_t n = count == 1 ? 48 : 576;
  r.samples.push_back({"special values", operands(count, {n}, in_range(0, 0, Values::special)), {}, false});
}

void add_integers(Record& r, int count, double low = -5, double high = 6) {
  for (DType d : {DType::i64, DType::i32, DType::u8}) {
    Input in = in_range(d == DType::u8 ? std::max(low, 0.0) : low, high, Values::integers);
    in.dtype = d;
    r.samples.push_back({"of " + std::string(name_of(d)), operands(count, {5, 9}, in), {}, false});
  }
}

Record unary(OpId op, const Input& domain, bool special = true) {
  Record r{op, usual(1, domain)};
  if (special) add_special(r, 1);
  return r;
}

Record binary(OpId op, const Input& domain, bool integers = true, bool special = true) {
  Record r{op, usual(2, domain)};
  if (special) add_special(r, 2);
  if (integers) add_integers(r, 2);
  r.wrong.push_back({[op] { dispatch(op, {ones({2, 3}), ones({3, 2})}); }, "one shape"});
  return r;
}

/// Ops of bool operands.
Record logical(OpId op, int count) {
  Input flags = in_range(0, 2, Values::integers);
  flags.dtype = DType::boolean;
  Record r{op, usual(count, flags)};
  return r;
}

Record where_record() {
  Record r{OpId::where, {}};
  Input condition = in_range(0, 2, Values::integers);
  condition.dtype = DType::boolean;
  for (Sample s : usual(2, kPlain)) {
    Input c = condition;
    c.shape = s.in[0].shape;
    c.layout = s.in[0].layout;
    s.in.insert(s.in.begin(), c);
    r.samples.push_back(std::move(s));
  }
  for (DType d : {DType::i64, DType::i32, DType::u8, DType::boolean}) {
    Input in = in_range(0, 2, Values::integers);
    in.dtype = d;
    std::vector<Input> three = operands(3, {4, 5}, in);
    three[0].dtype = DType::boolean;
    r.samples.push_back({"of " + std::string(name_of(d)), three, {}, false});
  }
  r.wrong.push_back({[] { where(ones({2}), ones({3}), ones({3})); }, "do not broadcast"});
  return r;
}

Record cast_record() {
  Record r{OpId::cast, {}};
  const DType all[] = {DType::f32, DType::f64, DType::bf16, DType::i64, DType::i32, DType::u8, DType::boolean};
  for (DType from : all) {
    for (DType to : all) {
      if (from == to) continue;
      Input in = in_range(from == DType::u8 || to == DType::u8 || from == DType::boolean ? 0 : -3, 3);
      if (!is_floating(from)) in.values = Values::integers;
      in.dtype = from;
      const std::string name = std::string(name_of(from)) + " to " + std::string(name_of(to));
      for (const Layout layout : {Layout::contiguous, Layout::transposed, Layout::sliced}) {
        r.samples.push_back({name, operands(1, {5, 7}, in, layout), CastAttrs{to}, false});
      }
      r.samples.push_back({name + ", empty", operands(1, {0}, in), CastAttrs{to}, false});
      r.samples.push_back({name + ", scalar", operands(1, {}, in), CastAttrs{to}, false});
    }
  }
  return r;
}

Record full_record() {
  Record r{OpId::full, {}};
  for (DType d : {DType::f32, DType::f64, DType::bf16, DType::i64, DType::i32, DType::u8, DType::boolean}) {
    for (const Shape& shape : {Shape{}, Shape{0}, Shape{3, 5}}) {
      r.samples.push_back({std::string(name_of(d)) + shape.str(), {}, FullAttrs{shape, 1, d}, false});
    }
  }
  r.samples.push_back({"third", {}, FullAttrs{{7}, 1.0 / 3, DType::f32}, false});
  return r;
}

}  // namespace

std::vector<Record> pointwise_records() {
  std::vector<Record> list{full_record(), where_record(), cast_record()};
  list.push_back(binary(OpId::add, kPlain));
  list.push_back(binary(OpId::sub, kPlain));
  list.push_back(binary(OpId::mul, kPlain));
  list.push_back(binary(OpId::div, kApart, false));
  list.push_back(binary(OpId::pow, kPositive, false, false));
  add_integers(list.back(), 2, -3, 4);
  list.push_back(binary(OpId::atan2, kApart, false, false));
  // Quotients that stay away from whole numbers, where fmod jumps.
  list.push_back(binary(OpId::fmod, kPlain, false, false));
  for (Sample& s : list.back().samples) {
    s.in[0].low = 1.1, s.in[0].high = 1.9;
    s.in[1].low = 0.95, s.in[1].high = 1.05;
  }
  add_integers(list.back(), 2, 1, 6);
  list.push_back(binary(OpId::maximum, in_range(-2, 2, Values::distinct)));
  list.push_back(binary(OpId::minimum, in_range(-2, 2, Values::distinct)));
  for (OpId op : {OpId::eq, OpId::ne, OpId::lt, OpId::le, OpId::gt, OpId::ge}) {
    list.push_back(binary(op, in_range(-2, 3, Values::integers)));
    Input flags = in_range(0, 2, Values::integers);
    flags.dtype = DType::boolean;
    list.back().samples.push_back({"of bool", operands(2, {4, 5}, flags), {}, false});
  }
  for (OpId op : {OpId::logical_and, OpId::logical_or}) list.push_back(logical(op, 2));
  list.push_back(logical(OpId::logical_not, 1));
  for (OpId op : {OpId::neg, OpId::abs, OpId::sign, OpId::relu}) {
    list.push_back(unary(op, kApart));
    add_integers(list.back(), 1);
    list.back().wrong.push_back({[op] { dispatch(op, {ones({2}, DType::boolean)}); }, "needs numbers"});
  }
  for (OpId op : {OpId::floor, OpId::ceil, OpId::round}) list.push_back(unary(op, in_range(-4, 4)));
  for (OpId op : {OpId::sqrt, OpId::rsqrt, OpId::log}) list.push_back(unary(op, kPositive));
  for (OpId op : {OpId::exp, OpId::expm1, OpId::tanh, OpId::erf, OpId::sigmoid, OpId::softplus, OpId::isfinite,
                  OpId::isnan, OpId::atan, OpId::asinh}) {
    list.push_back(unary(op, kPlain));
    list.back().samples.push_back({"wide", operands(1, {700}, in_range(-20, 20)), {}, false});
    list.back().samples.push_back({"tiny", operands(1, {64}, in_range(-1e-4, 1e-4)), {}, false});
  }
  list.push_back(unary(OpId::log1p, in_range(-0.8, 3), false));
  for (OpId op : {OpId::sin, OpId::cos, OpId::tan, OpId::sinh, OpId::cosh}) {
    const bool tangent = op == OpId::tan;
    list.push_back(unary(op, tangent ? in_range(-1, 1) : kPlain, false));
    list.back().samples.push_back({"wide", operands(1, {700}, tangent ? kPlain : in_range(-20, 20)), {}, false});
  }
  // Where the result crosses zero away from zero, its relative error is that of the argument.
  for (Record& r : list) {
    if (r.op == OpId::sin || r.op == OpId::cos || r.op == OpId::tan) r.f32 = 2e-6;
  }
  for (OpId op : {OpId::asin, OpId::acos, OpId::atanh}) list.push_back(unary(op, kUnit, false));
  list.push_back(unary(OpId::acosh, in_range(1.2, 4), false));
  return list;
}

}  // namespace lamina::catalog
