// Convolution and its two gradients: own direct kernels in f32, oneDNN for groups, bf16, the input gradient of
// strided convolutions and that of few channels.
//
// oneDNN's kernels for AVX2 run at 90 % of the peak in its blocked layouts, at 60 to 70 % in channels-last and not at
// all natively in plain layouts. So wide kernels of many channels are run blocked, with reorders of both activations,
// and the rest channels-last where the tensors are.
#include <algorithm>

#include "lamina/backends/cpu/direct_conv.h"
#include "lamina/backends/cpu/epilogue.h"
#include "lamina/backends/cpu/kernels.h"
#include "lamina/backends/cpu/layout.h"
#include "lamina/backends/cpu/onednn_kernel.h"
#include "lamina/ops/conv_attrs.h"

namespace lamina::cpu {

namespace {

using onednn::ConvKind;
using onednn::Desc;
using onednn::MemoryDims;
using Tag = dnnl::memory::format_tag;

/// The three tensors of a convolution, whichever of them is computed.
struct ConvTensors {
  const Meta* x;       // [n, in, spatial…]
  const Meta* weight;  // [out, in/groups, kernel…]
  const Meta* y;       // [n, out, spatial′…]
};

MemoryDims to_dims(const Dims& d) { return {d.begin(), d.end()}; }

/// Per-axis settings; one spatial axis becomes two, the first of extent 1.
MemoryDims spatial_dims(Dims d, int64_t filler) {
  if (d.rank() == 1) d.insert(0, filler);
  return to_dims(d);
}

/// [n, c, w] becomes [n, c, 1, w].
Dims with_height(Dims d, int64_t filler) {
  if (d.rank() == 3) d.insert(2, filler);
  return d;
}

MemoryDims activation_dims(const Dims& d) { return to_dims(with_height(d, 1)); }

/// [n, channels/block, spatial…, block].
Desc blocked_desc(const Meta& m) {
  const bool volume = m.rank() == 5, eight = m.channel_block == 8;
  const Tag tag = volume ? (eight ? Tag::nCdhw8c : Tag::nCdhw16c) : (eight ? Tag::nChw8c : Tag::nChw16c);
  return {activation_dims(m.shape), onednn::type_of(m.dtype), tag};
}

Desc activation_desc(const Meta& m, Layout layout) {
  if (m.channel_block != 0) return blocked_desc(m);
  const Strides strides = layout == Layout::other ? m.strides : dense_strides(m.shape, layout);
  const int64_t row = m.rank() == 3 ? strides[2] * m.shape[2] : 0;
  return {activation_dims(m.shape), onednn::type_of(m.dtype), to_dims(with_height(strides, row))};
}

/// The layout a tensor has; of two possible ones the preferred.
Layout layout_of(const Meta& m, Layout preferred) { return common_layout({&m}, preferred); }

/// [out, in/groups, kernel…] as [groups, out/groups, in/groups, kernel…] where there are groups.
Desc weight_desc(const Meta& m, int64_t groups, bool any) {
  Dims dims = with_height(m.shape, 1);
  Dims strides = with_height(m.strides, m.rank() == 3 ? m.strides[2] * m.shape[2] : 0);
  if (groups > 1) {
    dims[0] /= groups;
    dims.insert(0, groups);
    strides.insert(0, strides[0] * dims[1]);
  }
  const auto type = onednn::type_of(m.dtype);
  return any ? Desc(to_dims(dims), type, Tag::any) : Desc(to_dims(dims), type, to_dims(strides));
}

onednn::ConvGeometry geometry_of(const ConvAttrs& a) {
  onednn::ConvGeometry g{spatial_dims(a.stride, 1), spatial_dims(a.dilation, 1), spatial_dims(a.pad_before, 0),
                         spatial_dims(a.pad_after, 0)};
  for (auto& d : g.dilation) --d;
  return g;
}

/// A convolution being planned.
class ConvBuilder {
 public:
  ConvBuilder(ConvKind kind, const ConvTensors& t, const ConvAttrs& attrs)
      : kind_(kind), t_(t), attrs_(attrs), geometry_(geometry_of(attrs)) {
    blocked_ = t.x->channel_block != 0 || t.y->channel_block != 0;
    const Layout preferred = blocked_ ? Layout::plain : common_layout({t.x, t.y}, Layout::channels_last);
    const Layout fallback = preferred == Layout::other ? Layout::channels_last : preferred;
    x_ = activation_desc(*t.x, layout_of(*t.x, fallback));
    y_ = activation_desc(*t.y, layout_of(*t.y, fallback));
    native_ = preferred;
  }

  onednn::Built build(const Desc& bias, const std::vector<onednn::PostOp>& post_ops) const {
    if (blocked_ || (native_ != Layout::other && !many_channels())) {
      try {
        onednn::Built built = build_in(x_, y_, bias, post_ops);
        if (built.name.find("jit") == 0 || pointwise_plain()) return built;
      } catch (const dnnl::error&) {
        // The blocked layout below is always there.
      }
    }
    const auto type = onednn::type_of(t_.x->dtype);
    return build_in({activation_dims(t_.x->shape), type, Tag::any}, {activation_dims(t_.y->shape), type, Tag::any},
                    bias, post_ops);
  }

  Desc x() const { return x_; }
  Desc y() const { return y_; }
  Desc weight() const { return weight_desc(*t_.weight, attrs_.groups, false); }

 private:
  onednn::Built build_in(const Desc& x, const Desc& y, const Desc& bias,
                         const std::vector<onednn::PostOp>& post_ops) const {
    return onednn::build_conv(kind_, geometry_, x, weight_desc(*t_.weight, attrs_.groups, true), bias, y, post_ops);
  }

  int64_t taps() const {
    int64_t n = 1;
    for (int i = 2; i < t_.weight->rank(); ++i) n *= t_.weight->shape[i];
    return n;
  }
  /// Enough work per element to pay for reordering it.
  bool many_channels() const { return taps() > 1 && std::min(t_.x->shape[1], t_.y->shape[1]) / attrs_.groups >= 32; }
  /// A plain matrix product, which needs no other layout.
  bool pointwise_plain() const {
    return !blocked_ && native_ == Layout::plain && taps() == 1 && attrs_.groups == 1 &&
           std::all_of(attrs_.stride.begin(), attrs_.stride.end(), [](int64_t s) { return s == 1; });
  }

  ConvKind kind_;
  ConvTensors t_;
  const ConvAttrs& attrs_;
  onednn::ConvGeometry geometry_;
  Desc x_, y_;
  Layout native_;
  bool blocked_;  // the graph chose the layout that these kernels like
};

std::optional<Refusal> refuse(const ConvTensors& t) {
  for (const Meta* m : {t.x, t.weight, t.y}) {
    if (m->dtype != t.x->dtype) return Refusal{"mixed dtypes"};
    if (m->numel() == 0) return Refusal{"an empty tensor"};
  }
  if (!onednn::supports(t.x->dtype)) return Refusal{"no kernel for " + std::string(name_of(t.x->dtype))};
  if (t.x->rank() > 5) return Refusal{"more than 3 spatial axes"};
  return {};
}

/// Post-ops of an epilogue, and its operands. `dst` is the layout in which they are applied.
void add_post_ops(const KernelRequest& r, const Epilogue& chain, const Desc& dst, std::vector<onednn::PostOp>& post_ops,
                  std::vector<Operand>& operands) {
  const auto type = onednn::type_of(r.out[0].dtype);
  const MemoryDims dims = activation_dims(r.out[0].shape);
  for (const EpilogueStep& step : chain) {
    onednn::PostOp post{.kind = post_op_of(step.op), .operand = {}};
    if (step.op == OpId::add || step.op == OpId::mul) {
      const Meta& m = r.in[step.input];
      const int name = DNNL_ARG_ATTR_MULTIPLE_POST_OP(static_cast<int>(post_ops.size())) | DNNL_ARG_SRC_1;
      if (is_per_channel(m, 1)) {
        MemoryDims one(dims.size(), 1), strides(dims.size(), dims[1]);
        one[1] = dims[1];
        strides[1] = 1;
        post.operand = Desc(one, type, strides);
        operands.push_back({name, post.operand, post.operand, static_cast<int>(step.input)});
      } else {
        post.operand = dst;
        const Desc given = activation_desc(m, layout_of(m, Layout::channels_last));
        operands.push_back({name, given, dst, static_cast<int>(step.input)});
      }
    }
    post_ops.push_back(post);
  }
}

/// The bias of the op, or the first step of the epilogue where that is one.
std::optional<int> take_bias(const KernelRequest& r, Epilogue& chain) {
  if (r.op_inputs() > 2) return 2;
  if (!chain.empty() && chain[0].op == OpId::add && is_per_channel(r.in[chain[0].input], 1)) {
    const int input = static_cast<int>(chain[0].input);
    chain.erase(chain.begin());
    return input;
  }
  return {};
}

bool operands_are_dense(const KernelRequest& r, const Epilogue& chain) {
  return std::all_of(chain.begin(), chain.end(), [&](const EpilogueStep& s) {
    if (s.input == 0) return true;
    const Meta& m = r.in[s.input];
    return is_per_channel(m, 1) || m.is_dense_blocked() || has_layout(m, Layout::plain) ||
           has_layout(m, Layout::channels_last);
  });
}

KernelChoice forward(const KernelRequest& r, Epilogue chain) {
  const ConvTensors t{&r.in[0], &r.in[1], &r.out[0]};
  if (!operands_are_dense(r, chain)) return Refusal{"the epilogue broadcasts along a spatial axis"};
  const ConvBuilder builder(ConvKind::forward, t, r.attrs.as<ConvAttrs>());
  const std::optional<int> bias_input = take_bias(r, chain);
  KernelChoice direct = direct_conv(r, chain, bias_input);
  if (!std::holds_alternative<Refusal>(direct)) return direct;
  // oneDNN's approximations of these two are coarser than the kernels that run them alone.
  const auto coarse = [](const EpilogueStep& s) { return s.op == OpId::tanh || s.op == OpId::sigmoid; };
  if (std::any_of(chain.begin(), chain.end(), coarse)) return Refusal{"the epilogue needs an exact activation"};
  Desc bias;
  if (bias_input) bias = Desc({t.y->shape[1]}, onednn::type_of(t.x->dtype), Tag::x);
  onednn::Built built = builder.build(bias, {});
  std::vector<Operand> operands{{DNNL_ARG_SRC, builder.x(), built.src, 0}};
  operands.push_back({DNNL_ARG_WEIGHTS, builder.weight(), built.weights, 1, false, r.is_constant(1)});
  if (bias_input) operands.push_back({DNNL_ARG_BIAS, bias, bias, *bias_input});
  if (!chain.empty()) {
    std::vector<onednn::PostOp> post_ops;
    add_post_ops(r, chain, built.dst, post_ops, operands);
    const Desc dst = built.dst;
    built = builder.build(bias, post_ops);
    if (built.dst != dst) return Refusal{"the epilogue would change the layout of the product"};
    operands[0].wanted = built.src;
    operands[1].wanted = built.weights;
  }
  operands.push_back({DNNL_ARG_DST, builder.y(), built.dst, 0, true});
  return std::make_unique<OnednnKernel>(std::move(built), operands);
}

KernelChoice input_grad(const KernelRequest& r) {  // inputs: grad, weight
  const ConvTensors t{&r.out[0], &r.in[1], &r.in[0]};
  // Below half a vector of channels most of a register tile would be empty.
  if (t.x->shape[1] >= 4) {
    KernelChoice direct = direct_input_grad(r);
    if (!std::holds_alternative<Refusal>(direct)) return direct;
  }
  const ConvBuilder builder(ConvKind::input_grad, t, r.attrs.as<ConvAttrs>());
  onednn::Built built = builder.build({}, {});
  const std::vector<Operand> operands{{DNNL_ARG_DIFF_DST, builder.y(), built.dst, 0},
                                      {DNNL_ARG_WEIGHTS, builder.weight(), built.weights, 1, false, r.is_constant(1)},
                                      {DNNL_ARG_DIFF_SRC, builder.x(), built.src, 0, true}};
  return std::make_unique<OnednnKernel>(std::move(built), operands);
}

KernelChoice weight_grad(const KernelRequest& r) {  // inputs: x, grad
  const ConvTensors t{&r.in[0], &r.out[0], &r.in[1]};
  KernelChoice direct = direct_weight_grad(r);
  if (!std::holds_alternative<Refusal>(direct)) return direct;
  const ConvBuilder builder(ConvKind::weight_grad, t, r.attrs.as<ConvAttrs>());
  onednn::Built built = builder.build({}, {});
  const std::vector<Operand> operands{{DNNL_ARG_SRC, builder.x(), built.src, 0},
                                      {DNNL_ARG_DIFF_DST, builder.y(), built.dst, 1},
                                      {DNNL_ARG_DIFF_WEIGHTS, builder.weight(), built.weights, 0, true}};
  return std::make_unique<OnednnKernel>(std::move(built), operands);
}

KernelChoice guarded(const ConvTensors& t, const std::function<KernelChoice()>& prepare) {
  if (auto refusal = refuse(t)) return *refusal;
  try {
    return prepare();
  } catch (const dnnl::error& e) {
    return Refusal{std::string("oneDNN: ") + e.what()};
  }
}

}  // namespace

int64_t preferred_conv_block(const KernelRequest& r) {
  const bool forward = r.op == OpId::conv;
  const Meta &x = forward ? r.in[0] : r.out[0], &y = forward ? r.out[0] : r.in[0];
  const int64_t groups = r.attrs.as<ConvAttrs>().groups, block = onednn::channel_block();
  const int64_t in = x.shape[1] / groups, out = y.shape[1] / groups;
  const bool fits = x.rank() > 3 && x.dtype == DType::f32 && out % block == 0;
  // The first convolution of a network reads its few channels row-major, and writes blocks.
  return fits && (in % block == 0 || (forward && groups == 1 && in <= 3)) ? block : 0;
}

KernelChoice prepare_conv(const KernelRequest& r) {
  auto chain = parse_epilogue(r);
  if (auto* refusal = std::get_if<Refusal>(&chain)) return *refusal;
  return guarded({&r.in[0], &r.in[1], &r.out[0]}, [&] { return forward(r, std::get<Epilogue>(std::move(chain))); });
}

KernelChoice prepare_conv_input_grad(const KernelRequest& r) {
  if (r.epilogue) return Refusal{"no epilogue after the gradient of a convolution"};
  return guarded({&r.out[0], &r.in[1], &r.in[0]}, [&] { return input_grad(r); });
}

KernelChoice prepare_conv_weight_grad(const KernelRequest& r) {
  if (r.epilogue) return Refusal{"no epilogue after the gradient of a convolution"};
  return guarded({&r.in[0], &r.out[0], &r.in[1]}, [&] { return weight_grad(r); });
}

}  // namespace lamina::cpu
