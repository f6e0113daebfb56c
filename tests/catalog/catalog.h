// The op catalog: for each op of ops.def samples, wrong calls and tolerances, from which catalog_test.cpp derives every
// test of an op.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lamina/engine/op.h"

namespace lamina::catalog {

enum class Values {
  uniform,   // in [low, high]
  distinct,  // in [low, high], no two closer than the grid: no ties, no kinks within a finite difference
  integers,  // in [low, high)
  apart,     // uniform, but at least 0.1 away from 0
  special,   // zeros of both signs, infinities, NaN, the extremes of f32 and ordinary numbers
};

enum class Layout { contiguous, transposed, sliced, expanded };

struct Input {
  Shape shape;
  double low = -2, high = 2;
  Values values = Values::uniform;
  Layout layout = Layout::contiguous;
  std::optional<DType> dtype = {};    // default: the floating-point dtype under test
  bool statistic = false;             // f32 where the dtype under test is bf16
  std::function<Tensor()> make = {};  // instead of all that: for inputs that another op must make
};

struct Sample {
  std::string name;
  std::vector<Input> in;
  Attrs attrs = {};
  bool gradient = true;  // compare with finite differences
  bool large = false;    // enough work to be split among threads; no finite differences
};

/// A call that must fail with a text that contains `says`.
struct Wrong {
  std::function<void()> call;
  std::string says;
};

struct Record {
  OpId op;
  std::vector<Sample> samples;
  std::vector<Wrong> wrong = {};
  double f32 = 6e-7;         // relative error allowed of a fast f32 kernel
  bool contraction = false;  // errors are relative to the largest element of the result
};

/// All records; each op of ops.def has one.
const std::vector<Record>& records();

std::vector<Record> pointwise_records();
std::vector<Record> movement_records();
std::vector<Record> reduce_records();
std::vector<Record> image_records();
std::vector<Record> norm_records();
std::vector<Record> index_records();
std::vector<Record> random_records();
std::vector<Record> sequence_records();

/// The inputs of a sample, the floating-point ones of this dtype: the same at each call.
Tensors make_inputs(const Record& record, const Sample& sample, DType dtype);

}  // namespace lamina::catalog
