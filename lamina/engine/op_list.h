// Declares the record of every op in ops.def. Included by the files that define them.
#pragma once

#include "lamina/engine/op.h"

namespace lamina {

#define OP(name) extern const OpDef name##_def;
#include "lamina/engine/ops.def"
#undef OP

}  // namespace lamina
