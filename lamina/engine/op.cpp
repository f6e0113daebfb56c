#include "lamina/engine/op.h"

#include <array>

#include "lamina/engine/dispatch.h"
#include "lamina/engine/op_list.h"

namespace lamina {

namespace {

constexpr size_t kOpCount = static_cast<size_t>(OpId::count);

std::array<OpDef, kOpCount> make_table() {
  std::array<OpDef, kOpCount> table{
#define OP(name) name##_def,
#include "lamina/engine/ops.def"
#undef OP
  };
  for (size_t i = 0; i < kOpCount; ++i) table[i].id = static_cast<OpId>(i);
  return table;
}

}  // namespace

const OpDef& op_def(OpId id) {
  static const std::array<OpDef, kOpCount> table = make_table();
  return table[static_cast<size_t>(id)];
}

std::string_view name_of(OpId id) { return op_def(id).name; }

}  // namespace lamina
