#include <string>

#include "lamina/backends/ref/scalar_functions_internal.h"
#include "lamina/ops/pointwise_attrs.h"

namespace lamina::ref {

namespace {

/// An instruction of a program, with its function looked up.
struct Step {
  ScalarFn function = nullptr;  // null: a cast, or a constant where there is no operand
  std::vector<size_t> operands;
  DType from = DType::f32, to = DType::f32;
  Scalar constant{};
};

using Registers = std::vector<std::vector<Scalar>>;

std::vector<Scalar> evaluate(const Step& step, const Registers& registers, size_t n) {
  std::vector<Scalar> result(n);
  Scalar operands[3];
  for (size_t e = 0; e < n; ++e) {
    for (size_t k = 0; k < step.operands.size(); ++k) operands[k] = registers[step.operands[k]][e];
    const Scalar value = step.function           ? step.function(operands)
                         : step.operands.empty() ? step.constant
                                                 : converted(operands[0], step.from, step.to);
    result[e] = rounded(step.to, value);
  }
  return result;
}

Scalar constant_of(const FullAttrs& a) { return converted(Scalar{.f = a.value}, DType::f64, a.dtype); }

}  // namespace

Choice prepare_program(const PointwiseProgram& program, std::span<const Meta> in, std::span<const Meta> out) {
  std::vector<DType> dtypes(program.inputs);
  std::vector<Step> steps;
  for (const auto& instruction : program.instructions) {
    Step step;
    step.to = instruction.dtype;
    for (int r : instruction.in) step.operands.push_back(static_cast<size_t>(r));
    if (!step.operands.empty()) step.from = dtypes[step.operands[0]];
    if (instruction.op == OpId::full) {
      step.constant = constant_of(instruction.attrs.as<FullAttrs>());
    } else if (instruction.op != OpId::cast) {
      step.function = scalar_function(instruction.op, step.from);
      if (!step.function) {
        return Refusal{std::string(name_of(instruction.op)) + " has no meaning for " + std::string(name_of(step.from))};
      }
    }
    dtypes.push_back(step.to);
    steps.push_back(std::move(step));
  }
  const Metas inputs(in.begin(), in.end()), outputs(out.begin(), out.end());
  return [=, stored = program.outputs](void* const* from, void* const* to) {
    Registers registers;
    for (size_t i = 0; i < inputs.size(); ++i) registers.push_back(read<Scalar>(inputs[i], from[i]));
    const auto n = static_cast<size_t>(outputs[0].numel());
    for (const Step& step : steps) registers.push_back(evaluate(step, registers, n));
    for (size_t i = 0; i < outputs.size(); ++i) write(outputs[i], to[i], registers[static_cast<size_t>(stored[i])]);
  };
}

Choice prepare_pointwise(const KernelRequest& r) {
  PointwiseProgram program;
  PointwiseProgram::Instruction only{r.op, {}, r.attrs, r.out[0].dtype};
  for (size_t i = 0; i < r.in.size(); ++i) {
    program.inputs.push_back(r.in[i].dtype);
    only.in.push_back(static_cast<int>(i));
  }
  program.instructions.push_back(std::move(only));
  program.outputs = {static_cast<int>(r.in.size())};
  return prepare_program(program, r.in, r.out);
}

}  // namespace lamina::ref
