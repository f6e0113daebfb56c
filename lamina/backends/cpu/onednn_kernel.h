// A kernel made of one oneDNN primitive and the reorders around it.
#pragma once

#include <optional>

#include "lamina/backends/cpu/dnnl_compat.h"
#include "lamina/engine/backend.h"
#include "lamina/tensor/storage.h"

namespace lamina::cpu {

/// A tensor of the call as it lies and as the primitive wants it: where the two differ it passes
/// through the workspace. An input named constant is reordered by refresh() instead, once.
struct Operand {
  int name;  // DNNL_ARG_…
  onednn::Desc given, wanted;
  int index;  // of the input or output
  bool output = false;
  bool constant = false;
};

/// Of relu, tanh, sigmoid, add and mul.
onednn::PostOp::Kind post_op_of(OpId op);

class OnednnKernel final : public Kernel {
 public:
  OnednnKernel(onednn::Built built, const std::vector<Operand>& operands);

  void run(void* const* in, void* const* out, void* workspace) override;
  void refresh(void* const* in) override;
  size_t workspace_bytes() const override { return workspace_bytes_; }
  /// "onednn:jit:avx2, reorders weights".
  std::string describe() const override { return description_; }

 private:
  struct Bound {
    size_t index;
    bool output;
    std::optional<onednn::Call> reorder;  // arguments: from, to
    size_t offset = 0;                    // in the workspace
    std::shared_ptr<Storage> packed;      // of a constant
  };

  size_t reserve(size_t bytes);

  std::optional<onednn::Call> main_;
  std::vector<Bound> bound_;
  std::optional<size_t> scratchpad_arg_;
  size_t scratchpad_ = 0;  // offset in the workspace
  size_t workspace_bytes_ = 0;
  std::string description_;
};

}  // namespace lamina::cpu
