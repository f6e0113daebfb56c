#include "lamina/nn/options.h"

#include "lamina/core/error.h"

namespace lamina::nn {

Dims per_axis(const Dims& value, int axes, int64_t least, const char* kind, const char* option) {
  if (value.rank() != 1 && value.rank() != axes) {
    throw Error(kind, std::string(option) + " needs 1 or " + std::to_string(axes) + " numbers, got " + value.str());
  }
  const Dims full = value.rank() == axes ? value : Dims::filled(axes, value[0]);
  for (int64_t v : full) require_at_least(v, least, kind, option);
  return full;
}

void require_at_least(int64_t value, int64_t least, const char* kind, const char* option) {
  if (value >= least) return;
  throw Error(kind,
              std::string(option) + " must be " + std::to_string(least) + " or more, got " + std::to_string(value));
}

}  // namespace lamina::nn
