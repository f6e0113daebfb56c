#include "catalog.h"
#include "lamina/ops/ops.h"
#include "lamina/ops/random_attrs.h"

namespace lamina::catalog {

namespace {

Input key() {
  Input in;
  in.shape = {2};
  in.low = 0;
  in.high = 1e9;
  in.values = Values::integers;
  in.dtype = DType::i64;
  return in;
}

Record drawing(OpId op) {
  Record r{op, {}};
  for (DType d : {DType::f32, DType::f64, DType::bf16}) {
    const std::string name(name_of(d));
    r.samples.push_back({name, {key()}, RandomAttrs{{3, 5}, d}});
    r.samples.push_back({name + ", one", {key()}, RandomAttrs{{}, d}});
    r.samples.push_back({name + ", none", {key()}, RandomAttrs{{0, 5}, d}});
    r.samples.push_back({name + ", large", {key()}, RandomAttrs{{100, 1003}, d}, false, true});
  }
  r.f32 = 0;  // the very bits
  return r;
}

}  // namespace

std::vector<Record> random_records() {
  std::vector<Record> list{drawing(OpId::random_uniform), drawing(OpId::random_normal)};
  list[0].wrong = {{[] { random_uniform({2}, 1, 0); }, "above high"},
                   {[] { random_bernoulli({2}, 1.5); }, "[0, 1]"},
                   {[] { dropout(ones({2}), 1); }, "[0, 1)"},
                   {[] { random_uniform({2}, 0, 1, default_generator(), DType::i64); }, "floating"}};
  list[1].wrong = {{[] { random_normal({2}, 0, -1); }, "0 or more"}};
  Record permutation{OpId::random_permutation, {}};
  for (int64_t n : {0, 1, 2, 10, 1000}) {
    permutation.samples.push_back({std::to_string(n), {key()}, RandomAttrs{{n}, DType::i64}});
  }
  permutation.samples.push_back({"large", {key()}, RandomAttrs{{50000}, DType::i64}, false, true});
  permutation.wrong = {{[] { random_permutation(-1); }, "0 or more"}};
  list.push_back(permutation);
  list.push_back({OpId::random_advance, {{"key", {key()}}}});
  return list;
}

}  // namespace lamina::catalog
