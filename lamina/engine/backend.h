// What a backend offers: kernels, prepared once and run many times.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "lamina/engine/op.h"
#include "lamina/engine/pointwise_program.h"

namespace lamina {

/// A prepared kernel. `in` and `out` point at the first element of each tensor (its offset
/// applied); `workspace` at workspace_bytes() bytes, aligned to 64.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual void run(void* const* in, void* const* out, void* workspace) = 0;
  virtual size_t workspace_bytes() const { return 0; }
  /// Called before the first run, and again whenever an input that the request named constant has
  /// changed: the place to pack weights into a private copy.
  virtual void refresh(void* const* in) { (void)in; }
  /// Which implementation was chosen, for reports ("onednn:jit:avx512_core").
  virtual std::string describe() const { return {}; }
};

/// Why a backend has no kernel for a request.
struct Refusal {
  std::string reason;
};

/// Metas may have any dense strides that the op's traits allow: kernels read and write them as they
/// are. Outputs beyond the first may be null pointers at run time: nobody wants them.
struct KernelRequest {
  OpId op;
  std::span<const Meta> in;  // the op's inputs, then those of the epilogue
  std::span<const Meta> out;
  const Attrs& attrs;
  /// Applied to the op's first output before it is stored (bias, activation, residual, a parameter's update): register
  /// 0 is that output, the others are the inputs behind the op's own. Its outputs take that output's place, in front of
  /// the op's further ones. Null: none.
  const PointwiseProgram* epilogue = nullptr;
  /// Bit i: input i changes rarely (a weight at inference); refresh() tells when it does.
  uint64_t constant_inputs = 0;
  /// An output of the epilogue may lie in the memory of one of its inputs that has the same meta.
  bool overwrites = false;

  size_t op_inputs() const { return in.size() - (epilogue ? epilogue->inputs.size() - 1 : 0); }
  bool is_constant(size_t input) const { return (constant_inputs >> input & 1) != 0; }
};

using KernelChoice = std::variant<std::unique_ptr<Kernel>, Refusal>;

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;
  virtual KernelChoice prepare(const KernelRequest& request) const = 0;
  /// In blocks of how many channels an op would like its images (Meta::channel_block; 0: row-major). Convolutions have
  /// a wish, everything between them follows.
  virtual std::optional<int64_t> preferred_channel_block(const KernelRequest& request) const {
    (void)request;
    return {};
  }
  /// One kernel for a group of pointwise ops; every input and output of one shape.
  virtual KernelChoice prepare_fused(const PointwiseProgram& program, std::span<const Meta> in,
                                     std::span<const Meta> out) const {
    (void)program, (void)in, (void)out;
    return Refusal{"fuses no pointwise groups"};
  }
};

/// Backends in the order in which they are asked: default_backends() unless set.
void set_backends(std::vector<const Backend*> ordered);
const std::vector<const Backend*>& backends();
/// All there are, the fastest first. Defined by lamina/runtime, the only place that names them.
std::vector<const Backend*> default_backends();

/// Uses only the named backend on this thread while it lives: for tests against the reference.
class BackendScope {
 public:
  explicit BackendScope(std::string_view name);
  ~BackendScope();
  BackendScope(const BackendScope&) = delete;

 private:
  const Backend* previous_;
};

}  // namespace lamina
