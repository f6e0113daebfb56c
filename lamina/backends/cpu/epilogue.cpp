#include "lamina/backends/cpu/epilogue.h"

namespace lamina::cpu {

std::variant<Epilogue, Refusal> parse_epilogue(const KernelRequest& request) {
  Epilogue chain;
  if (!request.epilogue) return chain;
  if (request.overwrites) return Refusal{"the epilogue overwrites what it reads"};
  const PointwiseProgram& program = *request.epilogue;
  const int inputs = static_cast<int>(program.inputs.size());
  int current = 0;
  for (size_t i = 0; i < program.instructions.size(); ++i) {
    const PointwiseProgram::Instruction& step = program.instructions[i];
    const bool binary = step.op == OpId::add || step.op == OpId::mul;
    const bool unary = step.op == OpId::relu || step.op == OpId::tanh || step.op == OpId::sigmoid;
    if (!binary && !unary) return Refusal{"the epilogue has \"" + std::string(name_of(step.op)) + "\""};
    if (step.dtype != request.out[0].dtype) return Refusal{"the epilogue changes the dtype"};
    EpilogueStep parsed{.op = step.op};
    if (binary) {
      const int other = step.in[0] == current ? step.in[1] : step.in[0];
      if (other < 1 || other >= inputs || (step.in[0] != current && step.in[1] != current)) {
        return Refusal{"the epilogue is no chain"};
      }
      parsed.input = request.op_inputs() + static_cast<size_t>(other) - 1;
      if (request.in[parsed.input].dtype != step.dtype) return Refusal{"the epilogue mixes dtypes"};
    } else if (step.in[0] != current) {
      return Refusal{"the epilogue is no chain"};
    }
    chain.push_back(parsed);
    current = inputs + static_cast<int>(i);
  }
  if (program.outputs.size() != 1 || program.outputs[0] != current) return Refusal{"the epilogue is no chain"};
  return chain;
}

bool is_per_channel(const Meta& operand, int channel) {
  for (int i = 0; i < operand.rank(); ++i) {
    if (i != channel && operand.shape[i] > 1 && operand.strides[i] != 0) return false;
  }
  return operand.shape[channel] == 1 || operand.strides[channel] == 1;
}

}  // namespace lamina::cpu
