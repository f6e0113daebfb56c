#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "catalog.h"
#include "lamina/core/philox.h"
#include "lamina/ops/ops.h"

namespace lamina::catalog {

namespace {

double special_value(int64_t i) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  constexpr double kValues[] = {0.0,  -0.0, kInf, -kInf, std::numeric_limits<double>::quiet_NaN(),
                                1,    -1,   0.5,  -0.5,  1.5,
                                2.5,  -2.5, 88,   -88,   104,
                                -104, 1e4,  -1e4, 3e38,  -3e38,
                                1e-3, 2,    3,    1e-7};
  return kValues[static_cast<size_t>(i) % std::size(kValues)];
}

std::vector<double> draw(const Input& in, const Shape& shape, uint64_t stream) {
  Philox random(2718, stream);
  const int64_t n = shape.numel();
  std::vector<double> values;
  std::vector<int64_t> order(static_cast<size_t>(n));
  fill_permutation(3141, stream, n, order.data());
  for (int64_t i = 0; i < n; ++i) {
    const double u = random.uniform(in.low, in.high);
    switch (in.values) {
      case Values::uniform:
        values.push_back(u);
        break;
      case Values::distinct:
        values.push_back(in.low + (in.high - in.low) * (static_cast<double>(order[static_cast<size_t>(i)]) + 0.5) /
                                      static_cast<double>(n));
        break;
      case Values::integers:
        values.push_back(std::floor(u));
        break;
      case Values::apart:
        values.push_back(std::abs(u) < 0.1 ? u + std::copysign(0.1, u) : u);
        break;
      // Coprime steps, so that two special inputs meet in all combinations.
      case Values::special:
        values.push_back(special_value(stream % 2 ? i / 24 : i));
        break;
    }
  }
  return values;
}

Tensor make(const Input& in, DType dtype, uint64_t stream) {
  if (in.make) return in.make();
  const DType d = in.dtype.value_or(in.statistic && dtype == DType::bf16 ? DType::f32 : dtype);
  Shape base = in.shape;
  const int rank = base.rank();
  if (in.layout == Layout::sliced) base[rank - 1] = base[rank - 1] * 2 + 1;
  if (in.layout == Layout::expanded) base[0] = 1;
  if (in.layout == Layout::transposed) std::reverse(base.begin(), base.end());
  const Tensor t = Tensor::from(draw(in, base, stream), base, d);
  switch (in.layout) {
    case Layout::contiguous:
      return t;
    case Layout::sliced:
      return slice(t, -1, 1, base[rank - 1], 2);
    case Layout::expanded:
      return expand(t, in.shape);
    case Layout::transposed:
      break;
  }
  Dims order;
  for (int i = rank - 1; i >= 0; --i) order.push_back(i);
  return permute(t, order);
}

}  // namespace

Tensors make_inputs(const Record& record, const Sample& sample, DType dtype) {
  Tensors inputs;
  for (size_t i = 0; i < sample.in.size(); ++i) {
    inputs.push_back(make(sample.in[i], dtype, static_cast<uint64_t>(record.op) * 16 + i));
  }
  return inputs;
}

const std::vector<Record>& records() {
  static const std::vector<Record> all = [] {
    std::vector<Record> list;
    for (const auto make_part : {pointwise_records, movement_records, reduce_records, image_records, norm_records,
                                 index_records, random_records, sequence_records}) {
      for (Record& r : make_part()) list.push_back(std::move(r));
    }
    return list;
  }();
  return all;
}

}  // namespace lamina::catalog
