// Tensors in files made by tools/golden, and comparison with them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "lamina/tensor/tensor.h"

namespace lamina::testing {

/// The file tests/golden/<name>, parsed once.
const nlohmann::json& golden(const std::string& name);

/// {"shape", "dtype", "values"} as a tensor; floating ones in `dtype`.
Tensor unpack(const nlohmann::json& packed, DType dtype = DType::f32);

/// Succeeds where the shapes are equal and |a − e| ≤ tolerance·max(1, |e|) everywhere.
::testing::AssertionResult close(const Tensor& actual, const Tensor& expected, double tolerance);

}  // namespace lamina::testing
