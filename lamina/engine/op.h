// The record of an op: all that the engine, the graph passes and the exporters know of it.
// See docs/add-an-op.md.
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "lamina/engine/attrs.h"
#include "lamina/tensor/tensor.h"

namespace lamina {

enum class OpId : uint16_t {
#define OP(name) name,
#include "lamina/engine/ops.def"
#undef OP
  count
};

using Metas = std::vector<Meta>;

/// What a gradient function sees of the call it differentiates.
struct VjpCtx {
  const Tensors& in;     // values only of those the op saves
  const Tensors& out;    // likewise
  const Tensors& grads;  // one per output; undefined where nothing flows back
  const Attrs& attrs;
  const std::vector<bool>& needs;  // per input: is its gradient wanted?

  /// The incoming gradient of an output, zeros where none flows back.
  Tensor grad(int output = 0) const;
};

/// Vector–Jacobian product, written in ops, hence differentiable again. Returns one tensor per
/// input; an undefined one means "no gradient" (an integer input, or one that nobody needs).
using VjpFn = Tensors (*)(const VjpCtx&);
using DecomposeFn = Tensors (*)(const Tensors& in, const Attrs&);

struct Vjp {
  VjpFn fn;
};
/// The gradient is that of the decomposition.
struct ByDecomposition {};
/// Not differentiable; an error naming the op where a gradient is asked through it.
struct NonDiff {
  std::string_view reason;
};
/// A step function: its gradient is zero wherever it exists (sign, floor, comparisons).
struct ZeroGrad {};

/// Exactly one, chosen by the author: there is no default.
struct Gradient : std::variant<Vjp, ByDecomposition, NonDiff, ZeroGrad> {
  using variant::variant;
  Gradient() = delete;
};

enum class Saves : uint8_t { nothing = 0, inputs = 1, outputs = 2, both = 3 };

/// Facts that dispatch and the graph passes read; a pass never asks for an op by name.
struct Traits {
  bool pointwise = false;       // out[i] depends on in[..][i] only; all of one shape
  bool view = false;            // the output aliases input 0 with other strides; no kernel
  bool strided = false;         // its kernels take any strides; otherwise inputs are made contiguous
  bool commutative = false;     // in two inputs
  bool stateful = false;        // reads a random state: never merged, never folded
  bool takes_epilogue = false;  // kernels may apply pointwise ops to the first output before storing it
  // Bit i: input (output) i is an image-like [n, channels, spatial…] that may have its channels in blocks.
  uint32_t channels_in = 0, channels_out = 0;
  Saves saves = Saves::inputs;
};

struct OnnxName {
  std::string_view op_type;
  int opset = 0;
};

struct OpDef {
  std::string_view name;
  /// Metas of the outputs; throws Error that names the op and the shapes.
  Metas (*infer)(std::span<const Meta> in, const Attrs& attrs);
  Gradient gradient;
  DecomposeFn decompose = nullptr;
  Traits traits = {};
  /// Floating-point operations of one call, for reports.
  double (*flops)(std::span<const Meta> in, std::span<const Meta> out, const Attrs& attrs) = nullptr;
  OnnxName onnx = {};
  OpId id = OpId::count;  // set by the registry
};

/// The record of an op. A listed op without a record does not link.
const OpDef& op_def(OpId id);
std::string_view name_of(OpId id);

}  // namespace lamina
