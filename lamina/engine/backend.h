// What a backend offers: kernels, prepared once and run many times.
#pragma once

#include <memory>
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
  /// Which implementation was chosen, for reports ("onednn:jit:avx512_core").
  virtual std::string describe() const { return {}; }
};

/// Why a backend has no kernel for a request.
struct Refusal {
  std::string reason;
};

struct KernelRequest {
  OpId op;
  std::span<const Meta> in;
  std::span<const Meta> out;
  const Attrs& attrs;
};

using KernelChoice = std::variant<std::unique_ptr<Kernel>, Refusal>;

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;
  virtual KernelChoice prepare(const KernelRequest& request) const = 0;
  /// One kernel for a group of pointwise ops; every input and output of one shape.
  virtual KernelChoice prepare_fused(const PointwiseProgram& program, std::span<const Meta> in,
                                     std::span<const Meta> out) const {
    (void)program, (void)in, (void)out;
    return Refusal{"fuses no pointwise groups"};
  }
};

/// Backends in the order in which they are asked. Set once by lamina::runtime.
void set_backends(std::vector<const Backend*> ordered);
const std::vector<const Backend*>& backends();

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
