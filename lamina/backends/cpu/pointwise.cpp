// Pointwise ops, one by one and in fused groups.
#include "lamina/backends/cpu/kernels.h"
#include "lamina/backends/cpu/tile_program.h"
#include "lamina/core/parallel.h"

namespace lamina::cpu {

namespace {

/// Work, in additions, that is not worth a second thread; and the least that a thread takes at a time.
constexpr int64_t kSerialWork = 128 << 10, kChunkWork = 64 << 10;

class TileKernel final : public Kernel {
 public:
  explicit TileKernel(TileProgram program) : program_(std::move(program)) {
    const int64_t work = program_.cost() * program_.tile_elements();
    grain_ = std::max<int64_t>(1, kChunkWork / std::max<int64_t>(1, work));
    serial_ = work * program_.tiles() <= kSerialWork;
  }

  void run(void* const* in, void* const* out, void*) override {
    if (serial_) {
      if (program_.tiles() > 0) program_.run(in, out, 0, program_.tiles());
      return;
    }
    parallel_for(program_.tiles(), grain_, [&](int64_t begin, int64_t end) { program_.run(in, out, begin, end); });
  }

  std::string describe() const override { return "tiles of " + std::to_string(program_.tile_elements()); }

 private:
  const TileProgram program_;
  int64_t grain_;
  bool serial_;
};

}  // namespace

KernelChoice prepare_fused(const PointwiseProgram& program, std::span<const Meta> in, std::span<const Meta> out) {
  std::string why;
  std::optional<TileProgram> compiled = TileProgram::compile(program, in, out, why);
  if (!compiled) return Refusal{why};
  return std::make_unique<TileKernel>(std::move(*compiled));
}

KernelChoice prepare_pointwise(const KernelRequest& request) {
  PointwiseProgram program;
  PointwiseProgram::Instruction instruction{request.op, {}, request.attrs, request.out[0].dtype};
  for (const Meta& m : request.in) {
    instruction.in.push_back(static_cast<int>(program.inputs.size()));
    program.inputs.push_back(m.dtype);
  }
  program.instructions.push_back(std::move(instruction));
  program.outputs = {static_cast<int>(request.in.size())};
  return prepare_fused(program, request.in, request.out);
}

}  // namespace lamina::cpu
