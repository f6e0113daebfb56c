#include "catalog.h"
#include "lamina/ops/movement_attrs.h"
#include "lamina/ops/ops.h"

namespace lamina::catalog {

namespace {

Input of(const Shape& shape, Layout layout = Layout::contiguous) {
  Input in;
  in.shape = shape;
  in.layout = layout;
  return in;
}

Input integers(const Shape& shape, DType dtype, Layout layout = Layout::contiguous) {
  Input in = of(shape, layout);
  in.low = 0;
  in.high = dtype == DType::boolean ? 2 : 100;
  in.values = Values::integers;
  in.dtype = dtype;
  return in;
}

Record reshape_record() {
  return {OpId::reshape,
          {{"split", {of({6, 4})}, ShapeAttrs{{2, 3, 4}}},
           {"merge", {of({2, 3, 4})}, ShapeAttrs{{6, 4}}},
           {"scalar", {of({1, 1})}, ShapeAttrs{{}}},
           {"empty", {of({0, 4})}, ShapeAttrs{{2, 0}}},
           {"ones", {of({3, 1, 4})}, ShapeAttrs{{1, 3, 4, 1}}},
           {"of a slice", {of({3, 4}, Layout::sliced)}, ShapeAttrs{{3, 2, 2}}},
           {"of a transposed tensor", {of({4, 3}, Layout::transposed)}, ShapeAttrs{{2, 2, 3}}}},
          {{[] { reshape(ones({2, 3}), {4}); }, "6 elements"},
           {[] { reshape(ones({2, 3}), {-1, -1}); }, "one extent may be -1"},
           {[] { reshape(ones({2, 3}), {-1, 4}); }, "6 elements"}}};
}

Record permute_record() {
  return {OpId::permute,
          {{"matrix", {of({3, 4})}, PermuteAttrs{{1, 0}}},
           {"rotation", {of({2, 3, 4})}, PermuteAttrs{{2, 0, 1}}},
           {"empty", {of({2, 0, 4})}, PermuteAttrs{{2, 0, 1}}},
           {"scalar", {of({})}, PermuteAttrs{{}}},
           {"of a slice", {of({3, 4}, Layout::sliced)}, PermuteAttrs{{1, 0}}}},
          {{[] { permute(ones({2, 3}), {0, 0}); }, "twice"}, {[] { permute(ones({2, 3}), {0}); }, "order"}}};
}

Record expand_record() {
  return {OpId::expand,
          {{"row", {of({1, 3})}, ShapeAttrs{{4, 3}}},
           {"new axes", {of({3})}, ShapeAttrs{{2, 4, 3}}},
           {"scalar", {of({})}, ShapeAttrs{{2, 2}}},
           {"to nothing", {of({1, 3})}, ShapeAttrs{{0, 3}}},
           {"of a slice", {of({1, 3}, Layout::sliced)}, ShapeAttrs{{5, 3}}}},
          {{[] { expand(ones({2}), {3}); }, "broadcast"}, {[] { expand(ones({2, 2}), {2}); }, "broadcast"}}};
}

Record slice_record() {
  return {OpId::slice,
          {{"front", {of({5, 3})}, SliceAttrs{0, 0, 2, 1}},
           {"middle columns", {of({3, 7})}, SliceAttrs{1, 2, 3, 1}},
           {"every second", {of({3, 7})}, SliceAttrs{1, 1, 3, 2}},
           {"every third, short end", {of({8})}, SliceAttrs{0, 1, 3, 3}},
           {"nothing", {of({4, 2})}, SliceAttrs{0, 2, 0, 1}},
           {"of a transposed tensor", {of({4, 6}, Layout::transposed)}, SliceAttrs{1, 1, 4, 1}}},
          {{[] { slice(ones({3}), 0, 0, 2, 0); }, "step"}, {[] { select(ones({3}), 0, 3); }, "index 3"}}};
}

Record pad_record() {
  Record r{OpId::pad,
           {{"matrix", {of({2, 3})}, PadAttrs{{1, 0}, {0, 2}, 0}},
            {"value", {of({2, 3})}, PadAttrs{{1, 1}, {1, 1}, -7.5}},
            {"cut", {of({4, 5})}, PadAttrs{{-1, 1}, {0, -2}, 1}},
            {"empty", {of({0, 2})}, PadAttrs{{1, 0}, {1, 0}, 3}},
            {"scalar", {of({})}, PadAttrs{{}, {}, 0}},
            {"image", {of({2, 2, 3, 4})}, PadAttrs{{0, 0, 1, 2}, {0, 0, 2, 1}, 0}},
            {"of a transposed tensor", {of({4, 6}, Layout::transposed)}, PadAttrs{{1, 0}, {0, 1}, 0}},
            {"large", {of({70, 50, 9})}, PadAttrs{{2, 1, 3}, {1, 2, 4}, 0}, false, true}},
           {{[] { pad(ones({2}), {-3}, {0}); }, "cuts more"}, {[] { pad(ones({2}), {1, 1}, {0, 0}); }, "each axis"}}};
  for (DType d : {DType::i64, DType::i32, DType::u8, DType::boolean}) {
    r.samples.push_back({"of " + std::string(name_of(d)), {integers({2, 3}, d)}, PadAttrs{{1, 0}, {0, 2}, 1}, false});
  }
  return r;
}

Record concat_record() {
  Record r{OpId::concat,
           {{"rows", {of({2, 3}), of({4, 3})}, AxisAttrs{0}},
            {"columns", {of({2, 3}), of({2, 1}), of({2, 5})}, AxisAttrs{1}},
            {"middle", {of({2, 3, 2}), of({2, 1, 2})}, AxisAttrs{1}},
            {"with nothing", {of({0, 3}), of({2, 3})}, AxisAttrs{0}},
            {"layouts",
             {of({4, 3}, Layout::transposed), of({4, 3}, Layout::sliced), of({4, 3}, Layout::expanded)},
             AxisAttrs{1}},
            {"large", {of({300, 200}), of({300, 111})}, AxisAttrs{1}, false, true}},
           {{[] { concat({ones({2, 3}), ones({2, 4})}, 0); }, "agree"}, {[] { concat({}, 0); }, "nothing"}}};
  for (DType d : {DType::i64, DType::i32, DType::u8, DType::boolean}) {
    r.samples.push_back(
        {"of " + std::string(name_of(d)), {integers({2, 3}, d), integers({2, 2}, d)}, AxisAttrs{1}, false});
  }
  return r;
}

Record contiguous_record() {
  Record r{OpId::contiguous,
           {{"transposed", {of({4, 6}, Layout::transposed)}},
            {"transposed, three axes", {of({3, 4, 5}, Layout::transposed)}},
            {"sliced", {of({4, 6}, Layout::sliced)}},
            {"expanded", {of({4, 6}, Layout::expanded)}},
            {"plain", {of({4, 6})}},
            {"scalar", {of({})}},
            {"empty", {of({3, 0}, Layout::transposed)}},
            {"large", {of({301, 203}, Layout::transposed)}, {}, false, true}}};
  for (DType d : {DType::i64, DType::i32, DType::u8, DType::boolean}) {
    r.samples.push_back({"of " + std::string(name_of(d)), {integers({33, 18}, d, Layout::transposed)}, {}, false});
  }
  return r;
}

Record arange_record() {
  Record r{OpId::arange, {}, {{[] { arange(0, 1, 0); }, "step"}, {[] { linspace(0, 1, 0); }, "at least one"}}};
  for (DType d : {DType::f32, DType::f64, DType::bf16, DType::i64, DType::i32, DType::u8}) {
    r.samples.push_back({std::string(name_of(d)), {}, ArangeAttrs{3, 2, 50, d}, false});
    r.samples.push_back({std::string(name_of(d)) + ", none", {}, ArangeAttrs{3, 2, 0, d}, false});
  }
  r.samples.push_back({"down", {}, ArangeAttrs{1, -0.125, 20, DType::f32}, false});
  r.samples.push_back({"large", {}, ArangeAttrs{0, 1, 100000, DType::i64}, false, true});
  return r;
}

}  // namespace

std::vector<Record> movement_records() {
  return {reshape_record(), permute_record(), expand_record(),     slice_record(),
          pad_record(),     concat_record(),  contiguous_record(), arange_record()};
}

}  // namespace lamina::catalog
