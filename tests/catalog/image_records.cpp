// Matrix products, convolutions, pooling.
#include "catalog.h"
#include "lamina/engine/backend.h"
#include "lamina/engine/dispatch.h"
#include "lamina/ops/conv_attrs.h"
#include "lamina/ops/ops.h"
#include "lamina/ops/pool_attrs.h"

namespace lamina::catalog {

namespace {

Input of(const Shape& shape, Layout layout = Layout::contiguous) {
  Input in;
  in.shape = shape;
  in.layout = layout;
  return in;
}

Input distinct(const Shape& shape) {
  Input in = of(shape);
  in.values = Values::distinct;
  return in;
}

Record matmul_record() {
  Record r{OpId::matmul,
           {{"small", {of({2, 3}), of({3, 4})}},
            {"one by one", {of({1, 1}), of({1, 1})}},
            {"outer", {of({3, 1}), of({1, 4})}},
            {"inner", {of({1, 5}), of({5, 1})}},
            {"batch", {of({3, 2, 4}), of({3, 4, 2})}},
            {"two batch axes", {of({2, 2, 2, 3}), of({2, 2, 3, 2})}},
            {"left transposed", {of({3, 5}, Layout::transposed), of({5, 2})}},
            {"right transposed", {of({3, 5}), of({5, 2}, Layout::transposed)}},
            {"both transposed", {of({3, 5}, Layout::transposed), of({5, 2}, Layout::transposed)}},
            {"sliced", {of({3, 5}, Layout::sliced), of({5, 4}, Layout::sliced)}},
            {"broadcast batch", {of({3, 2, 4}, Layout::expanded), of({3, 4, 2})}},
            {"broadcast right batch", {of({3, 2, 4}), of({3, 4, 2}, Layout::expanded)}},
            {"no rows", {of({0, 3}), of({3, 2})}},
            {"no columns", {of({2, 3}), of({3, 0})}},
            {"nothing to sum", {of({2, 0}), of({0, 3})}},
            {"no batch", {of({0, 2, 3}), of({0, 3, 2})}},
            {"permuted batch", {of({2, 3, 4}, Layout::transposed), of({2, 4, 3}, Layout::transposed)}}}};
  const int64_t extents[][3] = {{64, 64, 64}, {65, 33, 17}, {1, 100, 300}, {300, 100, 1}, {7, 500, 9}, {5, 3, 129}};
  for (const auto& [m, k, n] : extents) {
    const std::string name = std::to_string(m) + "x" + std::to_string(k) + "x" + std::to_string(n);
    r.samples.push_back({name, {of({m, k}), of({k, n})}, {}, false});
    r.samples.push_back({name + ", right transposed", {of({m, k}), of({k, n}, Layout::transposed)}, {}, false});
    r.samples.push_back({name + ", left transposed", {of({m, k}, Layout::transposed), of({k, n})}, {}, false});
    r.samples.push_back({name + ", batch", {of({2, m, k}), of({2, k, n})}, {}, false});
  }
  r.samples.push_back({"large", {of({200, 150}), of({150, 170})}, {}, false, true});
  r.samples.push_back({"large batch", {of({9, 60, 70}), of({9, 70, 50})}, {}, false, true});
  r.contraction = true;
  r.f32 = 3e-6;
  r.wrong = {{[] { matmul(ones({2, 3}), ones({2, 3})); }, "inner extents"},
             {[] { matmul(ones({}), ones({2, 3})); }, "vectors or matrices"},
             {[] { matmul(ones({2, 2, 3}), ones({3, 3, 2})); }, "broadcast"}};
  return r;
}

struct ConvCase {
  std::string name;
  Shape x, w;
  ConvAttrs attrs;
  bool large = false;

  Shape out() const {
    const OpDef& def = op_def(OpId::conv);
    const Meta metas[] = {Meta(DType::f32, x), Meta(DType::f32, w)};
    return def.infer(std::span<const Meta>(metas, 2), attrs)[0].shape;
  }
  ConvAttrs with_result(const Shape& result) const {
    ConvAttrs a = attrs;
    a.result = result;
    return a;
  }
};

ConvAttrs plain(int axes, int64_t stride = 1, int64_t pad = 0, int64_t dilation = 1, int64_t groups = 1) {
  return {Dims::filled(axes, stride),
          Dims::filled(axes, pad),
          Dims::filled(axes, pad),
          Dims::filled(axes, dilation),
          groups,
          {}};
}

std::vector<ConvCase> conv_cases() {
  return {{"1-d", {2, 3, 7}, {4, 3, 3}, plain(1)},
          {"1-d, strided, padded, dilated", {1, 2, 11}, {2, 2, 3}, plain(1, 2, 2, 2)},
          {"2-d", {2, 3, 5, 4}, {2, 3, 3, 2}, plain(2)},
          {"2-d, unequal everything", {1, 2, 9, 8}, {3, 2, 3, 2}, {{2, 1}, {1, 0}, {2, 1}, {1, 2}, 1, {}}},
          {"2-d, groups", {2, 4, 5, 5}, {6, 2, 3, 3}, plain(2, 1, 1, 1, 2)},
          {"2-d, depthwise", {1, 3, 6, 6}, {3, 1, 3, 3}, plain(2, 2, 1, 1, 3)},
          {"2-d, depthwise with a multiplier", {1, 2, 5, 5}, {4, 1, 3, 3}, plain(2, 1, 1, 1, 2)},
          {"2-d, pointwise", {2, 3, 4, 4}, {5, 3, 1, 1}, plain(2)},
          {"2-d, pointwise, strided", {2, 3, 5, 5}, {5, 3, 1, 1}, plain(2, 2)},
          {"2-d, whole image", {2, 2, 3, 3}, {4, 2, 3, 3}, plain(2)},
          {"2-d, elements left over", {1, 1, 8, 8}, {2, 1, 3, 3}, plain(2, 3)},
          {"2-d, more padding than kernel", {1, 1, 3, 3}, {1, 1, 2, 2}, plain(2, 1, 3)},
          {"3-d", {1, 2, 4, 3, 5}, {2, 2, 2, 3, 2}, {{1, 2, 1}, {1, 1, 0}, {0, 1, 0}, {1, 1, 2}, 1, {}}},
          {"3-d, groups", {2, 2, 3, 3, 3}, {2, 1, 2, 2, 2}, plain(3, 1, 0, 1, 2)},
          {"no samples", {0, 2, 4, 4}, {3, 2, 3, 3}, plain(2)},
          {"large, one channel", {8, 1, 28, 28}, {6, 1, 5, 5}, plain(2, 1, 2), true},
          {"large, many channels", {4, 16, 14, 14}, {32, 16, 3, 3}, plain(2, 1, 1), true},
          {"large, odd channels", {3, 17, 13, 11}, {19, 17, 3, 3}, plain(2, 2, 1), true}};
}

std::vector<Record> conv_records() {
  Record forward{OpId::conv, {}}, input{OpId::conv_input_grad, {}}, weight{OpId::conv_weight_grad, {}};
  for (const ConvCase& c : conv_cases()) {
    const Shape y = c.out();
    forward.samples.push_back({c.name, {of(c.x), of(c.w)}, c.attrs, !c.large, c.large});
    forward.samples.push_back({c.name + ", bias", {of(c.x), of(c.w), of({c.w[0]})}, c.attrs, !c.large, c.large});
    input.samples.push_back({c.name, {of(y), of(c.w)}, c.with_result(c.x), !c.large, c.large});
    weight.samples.push_back({c.name, {of(c.x), of(y)}, c.with_result(c.w), !c.large, c.large});
  }
  forward.samples.push_back(
      {"transposed input", {of({2, 3, 5, 4}, Layout::transposed), of({2, 3, 2, 2}, Layout::transposed)}, plain(2)});
  forward.wrong = {
      {[] { conv(ones({8, 32, 28, 28}), ones({128, 64, 3, 3})); }, "weight expects 64 input channels, input has 32"},
      {[] { conv(ones({1, 2, 2, 2}), ones({1, 2, 3, 3})); }, "spans 3 elements of spatial axis 0"},
      {[] { conv(ones({1, 4, 5, 5}), ones({3, 2, 3, 3}), {}, {.groups = 2}); }, "do not divide"},
      {[] { conv(ones({1, 2, 5, 5}), ones({3, 2, 3, 3}), ones({2})); }, "bias must be [3]"},
      {[] { conv(ones({2, 5, 5}), ones({3, 2, 3, 3})); }, "expected input"},
      {[] { conv(ones({5, 5}), ones({3, 3})); }, "spatial axes"},
      {[] { conv(ones({1, 2, 5, 5}), ones({3, 2, 3, 3}), {}, {.stride = {0}}); }, "stride"},
      {[] { conv(ones({1, 2, 5, 5}), ones({3, 2, 3, 3}), {}, {.padding = {1, 1, 1}}); }, "2 spatial axes"},
      {[] { conv(ones({1, 2, 5, 5}, DType::i64), ones({3, 2, 3, 3}, DType::i64)); }, "floating"}};
  input.wrong = {
      {[] { conv_transpose(ones({1, 2, 5, 5}), ones({3, 2, 3, 3})); }, "input channels"},
      {[] { conv_transpose(ones({1, 3, 5, 5}), ones({3, 2, 3, 3}), {}, {.output_padding = {1}}); }, "output_padding"},
      {[] {
         dispatch(OpId::conv_input_grad, {ones({1, 2, 4, 4}), ones({2, 3, 3, 3})},
                  ConvCase{"", {}, {}, plain(2)}.with_result({1, 3, 5, 5}));
       },
       "must be [1, 2, 3, 3]"}};
  weight.wrong = {{[] {
                     dispatch(OpId::conv_weight_grad, {ones({1, 3, 5, 5}), ones({1, 2, 4, 4})},
                              ConvCase{"", {}, {}, plain(2)}.with_result({2, 3, 3, 3}));
                   },
                   "must be [1, 2, 3, 3]"}};
  for (Record* r : {&forward, &input, &weight}) {
    r->contraction = true;
    r->f32 = 5e-6;
  }
  return {forward, input, weight};
}

struct PoolCase {
  std::string name;
  Shape x;
  PoolAttrs attrs;
  bool large = false;
};

PoolAttrs window(int axes, int64_t kernel, int64_t stride, int64_t pad = 0, bool ceil = false, bool count = true,
                 int64_t dilation = 1) {
  return {Dims::filled(axes, kernel),
          Dims::filled(axes, stride),
          Dims::filled(axes, pad),
          Dims::filled(axes, dilation),
          ceil,
          count,
          {}};
}

std::vector<PoolCase> pool_cases() {
  return {{"1-d", {2, 2, 7}, window(1, 2, 2)},
          {"2-d", {1, 2, 4, 6}, window(2, 2, 2)},
          {"2-d, overlapping", {1, 2, 5, 5}, window(2, 3, 1)},
          {"2-d, padded", {1, 2, 5, 5}, window(2, 3, 2, 1)},
          {"2-d, padded, padding not counted", {1, 2, 5, 5}, window(2, 3, 2, 1, false, false)},
          {"2-d, ceil", {1, 2, 5, 6}, window(2, 2, 2, 0, true)},
          {"2-d, ceil, padded", {1, 2, 6, 7}, window(2, 3, 2, 1, true)},
          {"2-d, ceil, padded, not counted", {1, 2, 6, 7}, window(2, 3, 2, 1, true, false)},
          {"2-d, gaps", {1, 1, 8, 7}, window(2, 2, 3)},
          {"2-d, unequal", {1, 2, 6, 7}, {{3, 2}, {2, 1}, {1, 0}, {1, 1}, false, true, {}}},
          {"2-d, whole image", {2, 3, 4, 4}, window(2, 4, 4)},
          {"3-d", {1, 2, 4, 5, 3}, {{2, 3, 2}, {2, 1, 1}, {1, 1, 0}, {1, 1, 1}, true, false, {}}},
          {"no samples", {0, 2, 4, 4}, window(2, 2, 2)},
          {"large", {8, 6, 28, 28}, window(2, 2, 2), true},
          {"large, padded", {4, 17, 29, 31}, window(2, 3, 2, 1), true}};
}

/// The two ops on positions, which max_pool has found in some other input.
Record moving(OpId op, const Record& max_pooling) {
  Record r{op, {}};
  for (const Sample& s : max_pooling.samples) {
    PoolAttrs a = s.attrs.as<PoolAttrs>();
    const Input& x = s.in[0];
    const auto pool = [attrs = a, shape = x.shape] {
      const BackendScope only("ref");
      const int64_t n = shape.numel();
      return dispatch(OpId::max_pool, {reshape(sin(square(arange(0, static_cast<double>(n)))), shape)}, attrs);
    };
    const Meta meta(DType::f32, x.shape);
    const Shape y = op_def(OpId::max_pool).infer({&meta, 1}, a)[0].shape;
    Input positions = of(y);
    positions.dtype = DType::i32;
    positions.make = [pool] { return pool()[1]; };
    a.input = x.shape;
    r.samples.push_back({s.name, {of(op == OpId::max_pool_backward ? y : x.shape), positions}, a, s.gradient, s.large});
  }
  return r;
}

std::vector<Record> pool_records() {
  Record max_{OpId::max_pool, {}}, average{OpId::avg_pool, {}}, avg_backward{OpId::avg_pool_backward, {}};
  for (const PoolCase& c : pool_cases()) {
    max_.samples.push_back({c.name, {distinct(c.x)}, c.attrs, !c.large, c.large});
    average.samples.push_back({c.name, {of(c.x)}, c.attrs, !c.large, c.large});
    const Meta meta(DType::f32, c.x);
    PoolAttrs a = c.attrs;
    a.input = c.x;
    avg_backward.samples.push_back(
        {c.name, {of(op_def(OpId::avg_pool).infer({&meta, 1}, c.attrs)[0].shape)}, a, !c.large, c.large});
  }
  max_.samples.push_back({"2-d, dilated", {distinct({1, 2, 7, 8})}, window(2, 2, 1, 1, false, true, 2)});
  Input nan = of({1, 2, 6, 4});
  nan.values = Values::special;
  max_.samples.push_back({"special values", {nan}, window(2, 2, 2), false});
  Input tied = of({2, 3, 9, 9});
  tied.values = Values::integers;
  max_.samples.push_back({"ties", {tied}, window(2, 3, 2, 1), false});
  max_.wrong = {
      {[] { max_pool(ones({1, 2, 2, 2}), {.kernel = {3}}); }, "does not fit"},
      {[] { max_pool(ones({1, 2, 5, 5}), {.kernel = {2}, .padding = {2}}); }, "at most half"},
      {[] { max_pool(ones({5, 5})); }, "spatial axes"},
      {[] { max_pool(ones({1, 1, 0, 2})); }, "none empty"},
      {[] { max_pool(ones({1, 1, 1, 1}), {.kernel = {2}, .padding = {1}, .dilation = {2}}); }, "does not fit"}};
  average.wrong = {{[] { avg_pool(ones({1, 2, 2, 2}), {.kernel = {3}}); }, "does not fit"},
                   {[] { avg_pool(ones({1, 2, 5, 5}), {.dilation = {2}}); }, "dilation"}};
  average.contraction = avg_backward.contraction = true;
  std::vector<Record> list{max_, average, avg_backward};
  list.push_back(moving(OpId::max_pool_backward, max_));
  list.back().contraction = true;
  list.back().wrong = {{[] {
                          dispatch(OpId::max_pool_backward, {ones({1, 1, 2, 2}), ones({1, 1, 3, 2}, DType::i32)},
                                   PoolAttrs{.input = {1, 1, 4, 4}});
                        },
                        "differ in shape"}};
  list.push_back(moving(OpId::max_pool_gather, max_));
  return list;
}

std::vector<Record> adaptive_records() {
  Record max_{OpId::adaptive_max_pool, {}}, average{OpId::adaptive_avg_pool, {}},
      backward{OpId::adaptive_avg_pool_backward, {}};
  const auto add = [&](const std::string& name, const Shape& x, const Dims& output, bool large = false) {
    Shape y{x[0], x[1]};
    for (int64_t n : output) y.push_back(n);
    max_.samples.push_back({name, {distinct(x)}, AdaptivePoolAttrs{output, {}}, !large, large});
    average.samples.push_back({name, {of(x)}, AdaptivePoolAttrs{output, {}}, !large, large});
    backward.samples.push_back({name, {of(y)}, AdaptivePoolAttrs{output, x}, !large, large});
  };
  add("1-d", {2, 2, 7}, {3});
  add("2-d", {1, 2, 5, 7}, {2, 3});
  add("2-d, to one", {2, 2, 4, 5}, {1, 1});
  add("2-d, same", {1, 2, 3, 4}, {3, 4});
  add("2-d, to more", {1, 2, 3, 2}, {5, 4});
  add("3-d", {1, 2, 4, 5, 3}, {2, 2, 2});
  add("no samples", {0, 2, 4, 4}, {2, 2});
  add("large", {4, 20, 23, 31}, {7, 7}, true);
  average.contraction = backward.contraction = true;
  average.wrong = {{[] { adaptive_avg_pool(ones({1, 2, 4, 4}), {0}); }, "1 or more"},
                   {[] { adaptive_avg_pool(ones({1, 2, 4, 4}), {1, 2, 3}); }, "spatial axes"}};
  max_.wrong = {{[] { adaptive_max_pool(ones({1, 2, 4, 4}), {-1}); }, "1 or more"}};
  return {max_, average, backward};
}

}  // namespace

std::vector<Record> image_records() {
  std::vector<Record> list{matmul_record()};
  for (const auto part : {conv_records, pool_records, adaptive_records}) {
    for (Record& r : part()) list.push_back(std::move(r));
  }
  return list;
}

}  // namespace lamina::catalog
