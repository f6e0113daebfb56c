#include "lamina/optim/check.h"

#include <cstdio>

#include "lamina/core/error.h"

namespace lamina::optim {

void require(bool ok, const char* who, const char* option, const char* range, double value) {
  if (ok) return;
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  throw Error(who, std::string(option) + " must " + range + ", got " + text);
}

}  // namespace lamina::optim
