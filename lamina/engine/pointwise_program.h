// A fused group of pointwise ops: a short register program over elements of one shape.
#pragma once

#include <string>
#include <vector>

#include "lamina/engine/op.h"

namespace lamina {

/// Register numbers count the inputs first, then one per instruction, in order. All inputs and
/// outputs have one shape; inputs may have any strides (0: broadcast). Registers hold values of
/// the op's own dtype, so that a fused group gives the very bits of the ops run one by one.
struct PointwiseProgram {
  struct Instruction {
    OpId op;
    std::vector<int> in;  // registers
    Attrs attrs;          // of full and cast
    DType dtype;          // of its result
  };
  std::vector<DType> inputs;
  std::vector<Instruction> instructions;
  std::vector<int> outputs;  // registers that are stored

  /// "add mul tanh": for reports.
  std::string str() const {
    std::string text;
    for (const Instruction& i : instructions) text += (text.empty() ? "" : " ") + std::string(name_of(i.op));
    return text;
  }
};

}  // namespace lamina
