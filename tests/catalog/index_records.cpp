#include "catalog.h"
#include "lamina/engine/dispatch.h"
#include "lamina/ops/index_attrs.h"
#include "lamina/ops/ops.h"

namespace lamina::catalog {

namespace {

Input of(const Shape& shape, Layout layout = Layout::contiguous) {
  Input in;
  in.shape = shape;
  in.layout = layout;
  return in;
}

Input index(const Shape& shape, int64_t extent, DType dtype = DType::i64) {
  Input in = of(shape);
  in.low = 0;
  in.high = static_cast<double>(extent);
  in.values = Values::integers;
  in.dtype = dtype;
  return in;
}

/// i64 and i32 data, where an op moves or adds any kind.
Input numbers(const Shape& shape, DType dtype) { return index(shape, 50, dtype); }

Tensor bad_index() { return Tensor::from({0, 3}, {2}, DType::i64); }

std::vector<Record> gather_records() {
  Record gather_{OpId::gather, {}}, scatter{OpId::scatter_add, {}};
  const auto add = [&](const std::string& name, const Shape& x, const Shape& at, int axis, DType dtype = DType::i64,
                       bool large = false) {
    const Input where = index(at, x[axis], dtype);
    gather_.samples.push_back({name, {of(x), where}, IndexAttrs{axis}, !large, large});
    scatter.samples.push_back({name, {of(x), where, of(at)}, IndexAttrs{axis}, !large, large});
  };
  add("rows", {4, 3}, {6, 3}, 0);
  add("columns", {3, 5}, {3, 2}, 1);
  add("fewer rows", {4, 3}, {2, 2}, 1);
  add("middle", {2, 4, 3}, {2, 5, 2}, 1);
  add("vector", {5}, {9}, 0);
  add("i32 index", {4, 3}, {6, 3}, 0, DType::i32);
  add("nothing", {4, 3}, {0, 3}, 0);
  add("large", {300, 200}, {500, 200}, 0, DType::i64, true);
  add("large columns", {300, 200}, {300, 90}, 1, DType::i64, true);
  for (DType d : {DType::i64, DType::i32, DType::u8}) {
    gather_.samples.push_back(
        {"of " + std::string(name_of(d)), {numbers({4, 3}, d), index({6, 3}, 4)}, IndexAttrs{0}, false});
    if (d != DType::u8)
      scatter.samples.push_back({"of " + std::string(name_of(d)),
                                 {numbers({4, 3}, d), index({6, 3}, 4), numbers({6, 3}, d)},
                                 IndexAttrs{0},
                                 false});
  }
  gather_.wrong = {{[] { gather(ones({3}), 0, bad_index()); }, "index 3 is out of range"},
                   {[] { gather(ones({3}), 0, ones({2})); }, "i64 or i32"},
                   {[] { gather(ones({3, 2}), 0, ones({2, 3}, DType::i64)); }, "no larger extents"}};
  scatter.wrong = {{[] { scatter_add(ones({3}), 0, bad_index(), ones({2})); }, "index 3 is out of range"},
                   {[] { scatter_add(ones({3}), 0, ones({2}, DType::i64), ones({3})); }, "differ in shape"}};
  scatter.contraction = true;
  scatter.f32 = 2e-6;
  return {gather_, scatter};
}

std::vector<Record> select_records() {
  Record selected{OpId::index_select, {}}, added{OpId::index_add, {}};
  const auto add = [&](const std::string& name, const Shape& x, int64_t count, int axis, DType dtype = DType::i64,
                       bool large = false) {
    const Input where = index({count}, x[axis], dtype);
    Shape rows = x;
    rows[axis] = count;
    selected.samples.push_back({name, {of(x), where}, IndexAttrs{axis}, !large, large});
    added.samples.push_back({name, {of(x), where, of(rows)}, IndexAttrs{axis}, !large, large});
  };
  add("rows", {4, 3}, 6, 0);
  add("columns", {3, 5}, 2, 1);
  add("middle", {2, 4, 3}, 5, 1);
  add("vector", {5}, 9, 0);
  add("i32 index", {4, 3}, 6, 0, DType::i32);
  add("nothing", {4, 3}, 0, 0);
  add("large", {1000, 64}, 700, 0, DType::i64, true);
  add("large columns", {64, 1000}, 700, 1, DType::i64, true);
  for (DType d : {DType::i64, DType::i32, DType::u8}) {
    selected.samples.push_back(
        {"of " + std::string(name_of(d)), {numbers({4, 3}, d), index({6}, 4)}, IndexAttrs{0}, false});
    if (d != DType::u8)
      added.samples.push_back({"of " + std::string(name_of(d)),
                               {numbers({4, 3}, d), index({6}, 4), numbers({6, 3}, d)},
                               IndexAttrs{0},
                               false});
  }
  selected.wrong = {{[] { index_select(ones({3}), 0, bad_index()); }, "index 3 is out of range"},
                    {[] { index_select(ones({3}), 0, ones({2, 2}, DType::i64)); }, "must be a vector"},
                    {[] { embedding(ones({3, 2}), full({1}, -1, DType::i64)); }, "index -1 is out of range"}};
  added.wrong = {{[] { index_add(ones({3}), 0, bad_index(), ones({2})); }, "index 3 is out of range"},
                 {[] { index_add(ones({3}), 0, ones({2}, DType::i64), ones({3})); }, "source must have shape"}};
  added.contraction = true;
  added.f32 = 2e-6;
  return {selected, added};
}

Record one_hot_record() {
  Record r{OpId::one_hot, {}};
  for (DType d : {DType::f32, DType::f64, DType::bf16, DType::i64}) {
    Input ids = index({3, 4}, 5);
    ids.low = -1;
    r.samples.push_back({std::string(name_of(d)), {ids}, OneHotAttrs{5, d}});
  }
  r.samples.push_back({"i32 ids", {index({7}, 3, DType::i32)}, OneHotAttrs{3, DType::f32}});
  r.samples.push_back({"scalar", {index({}, 3)}, OneHotAttrs{3, DType::f32}});
  r.samples.push_back({"none", {index({0}, 3)}, OneHotAttrs{3, DType::f32}});
  r.samples.push_back({"large", {index({500}, 100)}, OneHotAttrs{100, DType::f32}, false, true});
  r.wrong = {{[] { one_hot(full({2}, 3, DType::i64), 3); }, "id 3 is out of range"},
             {[] { one_hot(ones({2}), 3); }, "i64 or i32"},
             {[] { one_hot(ones({2}, DType::i64), 0); }, "one class or more"}};
  return r;
}

Record sort_record() {
  Record r{OpId::sort, {}};
  for (const bool descending : {false, true}) {
    const std::string suffix = descending ? ", descending" : "";
    Input x = of({3, 6});
    x.values = Values::distinct;
    r.samples.push_back({"rows" + suffix, {x}, SortAttrs{1, descending}});
    r.samples.push_back({"columns" + suffix, {x}, SortAttrs{0, descending}});
    Input ties = of({4, 50});
    ties.values = Values::integers;
    r.samples.push_back({"ties" + suffix, {ties}, SortAttrs{1, descending}, false});
    Input special = of({6, 8});
    special.values = Values::special;
    r.samples.push_back({"special values" + suffix, {special}, SortAttrs{1, descending}, false});
    r.samples.push_back({"of i64" + suffix, {numbers({3, 20}, DType::i64)}, SortAttrs{1, descending}, false});
    r.samples.push_back({"of i32" + suffix, {numbers({3, 20}, DType::i32)}, SortAttrs{1, descending}, false});
    r.samples.push_back({"empty" + suffix, {of({3, 0})}, SortAttrs{1, descending}});
    r.samples.push_back({"large" + suffix, {of({50, 1000})}, SortAttrs{1, descending}, false, true});
  }
  r.wrong = {{[] { sort(ones({2}), 1); }, "axis 1"}, {[] { topk(ones({2}), 3); }, "k = 3 of 2"}};
  return r;
}

}  // namespace

std::vector<Record> index_records() {
  std::vector<Record> list{one_hot_record(), sort_record()};
  for (const auto part : {gather_records, select_records}) {
    for (Record& r : part()) list.push_back(std::move(r));
  }
  return list;
}

}  // namespace lamina::catalog
