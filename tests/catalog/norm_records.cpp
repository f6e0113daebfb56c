// Normalizations, softmax, cross-entropy.
#include "catalog.h"
#include "lamina/engine/dispatch.h"
#include "lamina/ops/norm_attrs.h"
#include "lamina/ops/ops.h"
#include "lamina/ops/softmax_attrs.h"

namespace lamina::catalog {

namespace {

Input of(const Shape& shape, double low = -2, double high = 2, Layout layout = Layout::contiguous) {
  Input in;
  in.shape = shape;
  in.low = low;
  in.high = high;
  in.layout = layout;
  return in;
}

/// Forward and backward of one normalization over inputs of several shapes.
struct NormCase {
  std::string name;
  Shape x, statistics, parameters;
  int64_t axes = 1;
  bool large = false;
};

std::vector<Record> pair_of(OpId forward_op, OpId backward_op, const std::vector<NormCase>& cases) {
  Record forward{forward_op, {}}, backward{backward_op, {}};
  for (const NormCase& c : cases) {
    const NormAttrs attrs{.eps = c.large ? 1e-5 : 0.1, .axes = c.axes};
    const auto statistic = [](const Shape& shape, double low, double high) {
      Input in = of(shape, low, high);
      in.statistic = true;
      return in;
    };
    const Input weight = statistic(c.parameters, 0.5, 1.5), bias = statistic(c.parameters, -2, 2);
    const Input mean = statistic(c.statistics, -0.2, 0.2), variance = statistic(c.statistics, 0.5, 1.5);
    forward.samples.push_back({c.name, {of(c.x), weight, bias}, attrs, !c.large, c.large});
    backward.samples.push_back({c.name, {of(c.x), weight, mean, variance, of(c.x)}, attrs, !c.large, c.large});
  }
  for (Record* r : {&forward, &backward}) {
    r->contraction = true;
    r->f32 = 5e-6;
  }
  return {forward, backward};
}

std::vector<Record> batch_norm_records() {
  std::vector<Record> list = pair_of(OpId::batch_norm, OpId::batch_norm_backward,
                                     {{"vectors", {5, 3}, {3}, {3}},
                                      {"sequences", {2, 3, 4}, {3}, {3}},
                                      {"images", {2, 2, 3, 2}, {2}, {2}},
                                      {"volumes", {2, 2, 2, 1, 3}, {2}, {2}},
                                      {"one channel", {3, 1, 2, 2}, {1}, {1}},
                                      {"large images", {8, 16, 14, 14}, {16}, {16}, 1, true},
                                      {"large images, odd", {5, 13, 9, 7}, {13}, {13}, 1, true},
                                      {"large vectors", {300, 70}, {70}, {70}, 1, true}});
  list[0].wrong = {{[] { batch_norm_train(ones({2, 3}), ones({2}), {}); }, "weight must be [3]"},
                   {[] { batch_norm_train(ones({3}), {}, {}); }, "[n, channels, …]"},
                   {[] { batch_norm_train(ones({0, 3}), {}, {}); }, "no elements to normalize"},
                   {[] { batch_norm_eval(ones({2, 3}), {}, {}, ones({2}), ones({3})); }, "one element per channel"}};
  return list;
}

std::vector<Record> layer_norm_records() {
  std::vector<Record> list = pair_of(OpId::layer_norm, OpId::layer_norm_backward,
                                     {{"vectors", {3, 5}, {3}, {5}},
                                      {"two axes", {3, 2, 3}, {3}, {2, 3}, 2},
                                      {"all axes", {2, 3}, {}, {2, 3}, 2},
                                      {"two leading axes", {2, 3, 4}, {2, 3}, {4}},
                                      {"no rows", {0, 4}, {0}, {4}},
                                      {"large", {200, 129}, {200}, {129}, 1, true},
                                      {"large rows", {7, 3000}, {7}, {3000}, 1, true}});
  list[0].wrong = {{[] { layer_norm(ones({2, 3}), ones({2}), {}); }, "weight must be [3]"},
                   {[] { layer_norm(ones({2}), ones({1, 2}), {}); }, "trailing axes"},
                   {[] { layer_norm(ones({2, 0}), {}, {}); }, "no elements"}};
  return list;
}

Record softmax_record(OpId op) {
  Record r{
      op,
      {{"rows", {of({3, 5})}, SoftmaxAttrs{1}},
       {"columns", {of({3, 5})}, SoftmaxAttrs{0}},
       {"middle", {of({2, 4, 3})}, SoftmaxAttrs{1}},
       {"of one", {of({4, 1})}, SoftmaxAttrs{1}},
       {"vector", {of({6})}, SoftmaxAttrs{0}},
       {"no rows", {of({0, 3})}, SoftmaxAttrs{1}},
       {"transposed", {of({4, 3}, -2, 2, Layout::transposed)}, SoftmaxAttrs{1}},
       // Where a probability is 1, the gradient of softmax is what rounding leaves of 1 − 1.
       {op == OpId::softmax ? "special: far apart" : "far apart", {of({6, 40}, -300, 300)}, SoftmaxAttrs{1}, false},
       {"far from zero", {of({6, 40}, 1000, 1003)}, SoftmaxAttrs{1}, false},
       {"large", {of({300, 101})}, SoftmaxAttrs{1}, false, true},
       {"large rows", {of({5, 5003})}, SoftmaxAttrs{1}, false, true},
       {"large columns", {of({70, 300})}, SoftmaxAttrs{0}, false, true}},
      {{[] { softmax(ones({2}), 1); }, "axis 1"}}};
  r.f32 = 2e-6;
  r.contraction = true;
  return r;
}

Record cross_entropy_record() {
  const auto target = [](int64_t n, double classes, DType dtype = DType::i64, double low = 0) {
    Input in = of({n}, low, classes);
    in.values = Values::integers;
    in.dtype = dtype;
    return in;
  };
  Record r{OpId::cross_entropy_rows,
           {{"rows", {of({4, 5}), target(4, 5)}},
            {"i32 targets", {of({4, 5}), target(4, 5, DType::i32)}},
            {"rows left out", {of({6, 3}), target(6, 3, DType::i64, -2)}},
            {"one class", {of({3, 1}), target(3, 1)}},
            {"no rows", {of({0, 3}), target(0, 3)}},
            {"far apart", {of({6, 40}, -300, 300), target(6, 40)}, {}, false},
            {"large", {of({500, 103}), target(500, 103)}, {}, false, true}},
           {{[] { cross_entropy_rows(ones({2, 3}), ones({3}, DType::i64)); }, "targets [n]"},
            {[] { cross_entropy_rows(ones({2, 3}), ones({2})); }, "targets [n]"},
            {[] { cross_entropy_rows(ones({2, 3}), full({2}, 3, DType::i64)); }, "3 is out of range"}}};
  r.f32 = 2e-6;
  r.contraction = true;
  return r;
}

Record response_norm_record() {
  Record r{OpId::local_response_norm, {}};
  const auto attrs = [](int64_t size, double beta) {
    return ResponseNormAttrs{.size = size, .alpha = 0.5, .beta = beta, .k = 1.5};
  };
  r.samples = {{"images", {of({2, 5, 2, 3})}, attrs(3, 0.75), true, false},
               {"sequences, even", {of({2, 4, 3})}, attrs(4, 0.6), true, false},
               {"wider than the channels", {of({1, 3, 2})}, attrs(9, 0.5), true, false},
               {"vectors", {of({3, 6})}, attrs(5, 1), true, false},
               {"empty", {of({0, 6, 2})}, attrs(5, 1), false, false},
               {"large images", {of({3, 19, 13, 11})}, attrs(5, 0.75), false, true},
               {"large images, even", {of({2, 40, 9, 9})}, attrs(4, 0.3), false, true}};
  r.wrong = {{[] { local_response_norm(ones({2, 3}), 0); }, "size must be 1 or more"},
             {[] { local_response_norm(ones({3}), 1); }, "[n, channels, …]"}};
  r.f32 = 5e-6;
  r.contraction = true;
  return r;
}

}  // namespace

std::vector<Record> norm_records() {
  std::vector<Record> list{softmax_record(OpId::softmax), softmax_record(OpId::log_softmax), cross_entropy_record(),
                           response_norm_record()};
  for (const auto part : {batch_norm_records, layer_norm_records}) {
    for (Record& r : part()) list.push_back(std::move(r));
  }
  return list;
}

}  // namespace lamina::catalog
