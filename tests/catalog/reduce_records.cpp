#include "catalog.h"
#include "lamina/engine/dispatch.h"
#include "lamina/ops/ops.h"
#include "lamina/ops/reduce_attrs.h"

namespace lamina::catalog {

namespace {

Input of(const Shape& shape, Values values = Values::uniform, Layout layout = Layout::contiguous) {
  Input in;
  in.shape = shape;
  in.values = values;
  in.layout = layout;
  return in;
}

Input integers(const Shape& shape, DType dtype) {
  Input in = of(shape, Values::integers);
  in.low = dtype == DType::u8 || dtype == DType::boolean ? 0 : -4;
  in.high = dtype == DType::boolean ? 2 : 5;
  in.dtype = dtype;
  return in;
}

Record reduction(OpId op, Values values, bool needs_elements) {
  Record r{op, {}};
  const auto add = [&](const std::string& name, const Input& in, const Dims& axes, bool keepdim = false) {
    r.samples.push_back({name, {in}, ReduceAttrs{axes, keepdim}});
  };
  add("all", of({3, 4}, values), {0, 1});
  add("rows", of({3, 4}, values), {1});
  add("columns", of({3, 4}, values), {0});
  add("columns, axes kept", of({3, 4}, values), {0}, true);
  add("middle", of({2, 3, 4}, values), {1});
  add("outer two", of({2, 3, 4}, values), {0, 1});
  add("outer and inner", of({2, 3, 4}, values), {0, 2}, true);
  add("of one", of({4, 1}, values), {1});
  add("no result", of({0, 3}, values), {1});
  add("transposed", of({4, 3, 2}, values, Layout::transposed), {1});
  add("sliced", of({3, 5}, values, Layout::sliced), {1});
  add("expanded", of({4, 3}, values, Layout::expanded), {1});
  if (!needs_elements) add("of none", of({3, 0}, values), {1});
  for (int64_t n : {7, 8, 9, 16, 17, 33, 129, 1000}) {
    r.samples.push_back({"row of " + std::to_string(n), {of({2, n}, values)}, ReduceAttrs{{1}, false}, false});
    r.samples.push_back({"column of " + std::to_string(n), {of({n, 3}, values)}, ReduceAttrs{{0}, false}, false});
  }
  for (DType d : {DType::i64, DType::i32, DType::u8}) {
    r.samples.push_back({"of " + std::string(name_of(d)), {integers({3, 4}, d)}, ReduceAttrs{{1}, false}, false});
  }
  if (op != OpId::prod) {
    for (const Dims& axes : {Dims{0, 1}, Dims{0}, Dims{1}}) {
      r.samples.push_back({"large" + axes.str(), {of({400, 501}, values)}, ReduceAttrs{axes, false}, false, true});
    }
  }
  r.wrong.push_back({[] { sum(ones({2, 3}), {2}); }, "axis 2"});
  r.wrong.push_back({[] { sum(ones({2, 3}), {1, -1}); }, "twice"});
  return r;
}

Record extreme(OpId op) {
  Record r = reduction(op, Values::distinct, true);
  r.samples.push_back({"special values", {of({6, 8}, Values::special)}, ReduceAttrs{{1}, false}, false});
  r.samples.push_back({"special values in columns", {of({6, 8}, Values::special)}, ReduceAttrs{{0}, false}, false});
  r.samples.push_back({"of bool", {integers({3, 4}, DType::boolean)}, ReduceAttrs{{1}, false}, false});
  r.wrong.push_back({[op] { dispatch(op, {ones({2, 0})}, ReduceAttrs{{1}, false}); }, "no elements"});
  return r;
}

Record arg(OpId op) {
  Record r{op, {}};
  const auto add = [&](const std::string& name, const Input& in, int64_t axis, bool keepdim = false) {
    r.samples.push_back({name, {in}, ArgAttrs{axis, keepdim}});
  };
  add("rows", of({3, 7}), 1);
  add("columns", of({3, 7}), 0, true);
  add("middle", of({2, 5, 3}), 1);
  add("ties", integers({4, 33}, DType::i64), 1);
  add("ties of i32", integers({4, 33}, DType::i32), 1);
  add("ties of u8", integers({4, 33}, DType::u8), 1);
  add("ties of bool", integers({4, 33}, DType::boolean), 1);
  add("special values", of({6, 8}, Values::special), 1);
  add("no result", of({0, 3}), 1);
  add("transposed", of({5, 6}, Values::uniform, Layout::transposed), 1);
  Input tied = of({5, 40}, Values::integers);
  add("ties of floats", tied, 1);
  add("ties of floats in columns", tied, 0);
  r.samples.push_back({"large", {of({100, 1001})}, ArgAttrs{1, false}, false, true});
  r.wrong.push_back({[op] { dispatch(op, {ones({2, 0})}, ArgAttrs{1, false}); }, "no elements"});
  return r;
}

Record cumsum_record() {
  Record r{OpId::cumsum,
           {{"rows", {of({3, 4})}, CumsumAttrs{1, false}},
            {"columns", {of({3, 4})}, CumsumAttrs{0, false}},
            {"reverse", {of({3, 4})}, CumsumAttrs{1, true}},
            {"middle, reverse", {of({2, 3, 4})}, CumsumAttrs{1, true}},
            {"empty", {of({3, 0})}, CumsumAttrs{1, false}},
            {"transposed", {of({4, 3}, Values::uniform, Layout::transposed)}, CumsumAttrs{1, false}},
            {"of i64", {integers({3, 5}, DType::i64)}, CumsumAttrs{1, false}, false},
            {"of i32", {integers({3, 5}, DType::i32)}, CumsumAttrs{0, true}, false},
            {"large", {of({300, 301})}, CumsumAttrs{1, false}, false, true}}};
  r.contraction = true;
  r.f32 = 3e-6;
  r.wrong.push_back({[] { cumsum(ones({2}), 1); }, "axis 1"});
  return r;
}

}  // namespace

std::vector<Record> reduce_records() {
  std::vector<Record> list{reduction(OpId::sum, Values::uniform, false),
                           reduction(OpId::prod, Values::apart, false),
                           extreme(OpId::amax),
                           extreme(OpId::amin),
                           arg(OpId::argmax),
                           arg(OpId::argmin),
                           cumsum_record()};
  list[0].contraction = true;
  list[0].f32 = 2e-6;
  list[1].f32 = 2e-5;  // a thousand factors, each rounded
  return list;
}

}  // namespace lamina::catalog
