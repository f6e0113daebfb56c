#include "golden.h"

#include <fstream>
#include <map>

namespace lamina::testing {

const nlohmann::json& golden(const std::string& name) {
  static std::map<std::string, nlohmann::json> files;
  const auto [it, added] = files.try_emplace(name);
  if (added) it->second = nlohmann::json::parse(std::ifstream(LAMINA_SOURCE_DIR "/tests/golden/" + name));
  return it->second;
}

Tensor unpack(const nlohmann::json& packed, DType dtype) {
  const auto shape = packed.at("shape").get<std::vector<int64_t>>();
  if (packed.at("dtype") == "i64") {
    return Tensor::from(std::span<const int64_t>(packed.at("values").get<std::vector<int64_t>>()), Dims(shape));
  }
  return Tensor::from(packed.at("values").get<std::vector<double>>(), Dims(shape), dtype);
}

::testing::AssertionResult close(const Tensor& actual, const Tensor& expected, double tolerance) {
  if (actual.shape() != expected.shape()) {
    return ::testing::AssertionFailure() << "shape " << actual.shape().str() << " instead of "
                                         << expected.shape().str();
  }
  const std::vector<double> a = actual.values(), e = expected.values();
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::abs(a[i] - e[i]) <= tolerance * std::max(1.0, std::abs(e[i]))) continue;
    return ::testing::AssertionFailure() << "element " << i << " is " << a[i] << " instead of " << e[i];
  }
  return ::testing::AssertionSuccess();
}

}  // namespace lamina::testing
