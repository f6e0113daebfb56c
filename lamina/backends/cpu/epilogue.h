// Epilogues that the products know: a chain of steps on the result before it is stored.
#pragma once

#include "lamina/engine/backend.h"

namespace lamina::cpu {

struct EpilogueStep {
  OpId op;           // add, mul, relu, tanh or sigmoid
  size_t input = 0;  // of the request: the other operand of add and mul
};

using Epilogue = std::vector<EpilogueStep>;

/// The program as a chain, each step on the result of the one before; empty where there is none.
std::variant<Epilogue, Refusal> parse_epilogue(const KernelRequest& request);

/// Whether an operand has one value per channel (axis `channel` alone has a stride).
bool is_per_channel(const Meta& operand, int channel);

}  // namespace lamina::cpu
