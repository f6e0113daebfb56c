// The reference backend: every primitive op, naive, in f64 (integers in i64), rounded once. It is the oracle of the
// tests and the last resort where no faster backend has a kernel.
#pragma once

#include "lamina/engine/backend.h"

namespace lamina {

const Backend& ref_backend();

}  // namespace lamina
