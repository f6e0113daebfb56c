#include "lamina/backends/cpu/cpu.h"

#include <array>

#include "lamina/backends/cpu/kernels.h"

namespace lamina {

namespace {

using Prepare = KernelChoice (*)(const KernelRequest&);

/// A family of kernels and the ops it serves.
struct Family {
  Prepare prepare;
  std::initializer_list<OpId> ops;
};

/// The one table: an op that no line names runs on the next backend.
const std::initializer_list<Family>& families() {
  static const std::initializer_list<Family> list = {
      {cpu::prepare_matmul, {OpId::matmul}},
      {cpu::prepare_conv, {OpId::conv}},
      {cpu::prepare_conv_input_grad, {OpId::conv_input_grad}},
      {cpu::prepare_conv_weight_grad, {OpId::conv_weight_grad}},
  };
  return list;
}

class CpuBackend final : public Backend {
 public:
  CpuBackend() {
    for (const Family& f : families()) {
      for (OpId op : f.ops) table_[static_cast<size_t>(op)] = f.prepare;
    }
  }

  std::string_view name() const override { return "cpu"; }

  KernelChoice prepare(const KernelRequest& request) const override {
    const Prepare prepare = table_[static_cast<size_t>(request.op)];
    if (!prepare) return Refusal{"has no kernel for this op"};
    return prepare(request);
  }

 private:
  std::array<Prepare, static_cast<size_t>(OpId::count)> table_{};
};

}  // namespace

const Backend& cpu_backend() {
  static const CpuBackend backend;
  return backend;
}

}  // namespace lamina
