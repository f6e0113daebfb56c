// oneDNN 2.6 and 3.x behind one face: only dnnl_compat.cpp knows the difference.
#pragma once

#include <dnnl.hpp>
#include <string>
#include <utility>
#include <vector>

#include "lamina/tensor/tensor.h"

namespace lamina::cpu::onednn {

using Desc = dnnl::memory::desc;
using MemoryDims = dnnl::memory::dims;

const dnnl::engine& engine();

/// "3.7.2" of the library found at run time.
std::string version();
/// Whether products of this dtype run in hardware: f32 always, bf16 from AVX512_BF16 on.
bool supports(DType dtype);
dnnl::memory::data_type type_of(DType dtype);
/// The blocks of channels that f32 convolutions use on this CPU: 16 with AVX-512, else 8.
int64_t channel_block();

/// A primitive with its memory objects: their addresses change from run to run, nothing else does.
class Call {
 public:
  struct Arg {
    int name;  // DNNL_ARG_…
    Desc desc;
  };
  Call(dnnl::primitive primitive, const std::vector<Arg>& args);
  void set(size_t arg, void* data);
  void run();

 private:
  dnnl::primitive primitive_;
  std::vector<dnnl::memory> memories_;
  std::vector<dnnl_exec_arg_t> args_;
};

/// What follows a product before its result is stored.
struct PostOp {
  enum class Kind : uint8_t { relu, tanh, sigmoid, add, mul };
  Kind kind;
  Desc operand;  // of add and mul
};

/// A primitive as built, with the layouts it asks for.
struct Built {
  dnnl::primitive primitive;
  Desc src, weights, dst;  // of a product: left, right, result
  Desc scratchpad;
  std::string name;  // "jit:avx2"
};

struct ConvGeometry {
  MemoryDims stride, dilation, pad_before, pad_after;  // dilation counts from 0
};

enum class ConvKind : uint8_t { forward, input_grad, weight_grad };

/// Throws dnnl::error where the library has no implementation. bias may be empty.
Built build_conv(ConvKind kind, const ConvGeometry& geometry, const Desc& src, const Desc& weights, const Desc& bias,
                 const Desc& dst, const std::vector<PostOp>& post_ops);
Built build_matmul(const Desc& a, const Desc& b, const Desc& bias, const Desc& dst,
                   const std::vector<PostOp>& post_ops);
dnnl::primitive build_reorder(const Desc& from, const Desc& to);

}  // namespace lamina::cpu::onednn
