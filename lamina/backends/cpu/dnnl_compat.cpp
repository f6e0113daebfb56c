#include "lamina/backends/cpu/dnnl_compat.h"

#include "lamina/core/error.h"

namespace lamina::cpu::onednn {

namespace {

dnnl::stream& stream() {
  thread_local dnnl::stream s(engine());
  return s;
}

void append_eltwise(dnnl::post_ops& ops, dnnl::algorithm algorithm) {
#if DNNL_VERSION_MAJOR >= 3
  ops.append_eltwise(algorithm, 0, 0);
#else
  ops.append_eltwise(1, algorithm, 0, 0);
#endif
}

dnnl::primitive_attr attributes(const std::vector<PostOp>& post_ops) {
  dnnl::post_ops ops;
  for (const PostOp& op : post_ops) {
    switch (op.kind) {
      case PostOp::Kind::relu:
        append_eltwise(ops, dnnl::algorithm::eltwise_relu);
        break;
      case PostOp::Kind::tanh:
        append_eltwise(ops, dnnl::algorithm::eltwise_tanh);
        break;
      case PostOp::Kind::sigmoid:
        append_eltwise(ops, dnnl::algorithm::eltwise_logistic);
        break;
      case PostOp::Kind::add:
        ops.append_binary(dnnl::algorithm::binary_add, op.operand);
        break;
      case PostOp::Kind::mul:
        ops.append_binary(dnnl::algorithm::binary_mul, op.operand);
        break;
    }
  }
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attr.set_post_ops(ops);
  return attr;
}

template <class Pd>
Built finish(const Pd& pd, const dnnl::primitive& primitive, const Desc& src, const Desc& weights, const Desc& dst) {
  return {primitive, src, weights, dst, pd.scratchpad_desc(), pd.impl_info_str()};
}

/// The forward description, which the gradients take as a hint and forward itself runs.
dnnl::convolution_forward::primitive_desc forward_desc(const ConvGeometry& g, const Desc& src, const Desc& weights,
                                                       const Desc& bias, const Desc& dst,
                                                       const dnnl::primitive_attr& attr, dnnl::prop_kind kind) {
  constexpr auto direct = dnnl::algorithm::convolution_direct;
#if DNNL_VERSION_MAJOR >= 3
  return {engine(), kind, direct, src, weights, bias, dst, g.stride, g.dilation, g.pad_before, g.pad_after, attr};
#else
  return {{kind, direct, src, weights, bias, dst, g.stride, g.dilation, g.pad_before, g.pad_after}, attr, engine()};
#endif
}

}  // namespace

const dnnl::engine& engine() {
  static const dnnl::engine e(dnnl::engine::kind::cpu, 0);
  return e;
}

std::string version() {
  const dnnl_version_t* v = dnnl_version();
  return std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
}

bool supports(DType dtype) {
  if (dtype != DType::bf16) return dtype == DType::f32;
  const auto isa = static_cast<int>(dnnl::get_effective_cpu_isa());
  const auto needed = static_cast<int>(dnnl::cpu_isa::avx512_core_bf16);
  return (isa & needed) == needed;
}

int64_t channel_block() {
  const auto isa = static_cast<int>(dnnl::get_effective_cpu_isa());
  const auto wide = static_cast<int>(dnnl::cpu_isa::avx512_core);
  return (isa & wide) == wide ? 16 : 8;
}

dnnl::memory::data_type type_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return dnnl::memory::data_type::f32;
    case DType::bf16:
      return dnnl::memory::data_type::bf16;
    default:
      throw Error("onednn", "no data type " + std::string(name_of(dtype)));
  }
}

Call::Call(dnnl::primitive primitive, const std::vector<Arg>& args) : primitive_(std::move(primitive)) {
  for (const Arg& a : args) {
    memories_.emplace_back(a.desc, engine(), nullptr);
    args_.push_back({a.name, memories_.back().get()});
  }
}

void Call::set(size_t arg, void* data) { dnnl_memory_set_data_handle(args_[arg].memory, data); }

void Call::run() {
  dnnl::error::wrap_c_api(
      dnnl_primitive_execute(primitive_.get(), stream().get(), static_cast<int>(args_.size()), args_.data()),
      "a oneDNN primitive did not run");
}

Built build_conv(ConvKind kind, const ConvGeometry& g, const Desc& src, const Desc& weights, const Desc& bias,
                 const Desc& dst, const std::vector<PostOp>& post_ops) {
  const dnnl::primitive_attr attr = attributes(post_ops);
  if (kind == ConvKind::forward) {
    const auto pd = forward_desc(g, src, weights, bias, dst, attr, dnnl::prop_kind::forward_inference);
    return finish(pd, dnnl::convolution_forward(pd), pd.src_desc(), pd.weights_desc(), pd.dst_desc());
  }
  const auto hint = forward_desc(g, src, weights, {}, dst, {}, dnnl::prop_kind::forward_training);
  constexpr auto direct = dnnl::algorithm::convolution_direct;
  if (kind == ConvKind::input_grad) {
#if DNNL_VERSION_MAJOR >= 3
    const dnnl::convolution_backward_data::primitive_desc pd(engine(), direct, src, weights, dst, g.stride, g.dilation,
                                                             g.pad_before, g.pad_after, hint, attr);
#else
    const dnnl::convolution_backward_data::primitive_desc pd(
        {direct, src, weights, dst, g.stride, g.dilation, g.pad_before, g.pad_after}, attr, engine(), hint);
#endif
    return finish(pd, dnnl::convolution_backward_data(pd), pd.diff_src_desc(), pd.weights_desc(), pd.diff_dst_desc());
  }
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::convolution_backward_weights::primitive_desc pd(engine(), direct, src, weights, dst, g.stride, g.dilation,
                                                              g.pad_before, g.pad_after, hint, attr);
#else
  const dnnl::convolution_backward_weights::primitive_desc pd(
      {direct, src, weights, dst, g.stride, g.dilation, g.pad_before, g.pad_after}, attr, engine(), hint);
#endif
  return finish(pd, dnnl::convolution_backward_weights(pd), pd.src_desc(), pd.diff_weights_desc(), pd.diff_dst_desc());
}

Built build_matmul(const Desc& a, const Desc& b, const Desc& bias, const Desc& dst,
                   const std::vector<PostOp>& post_ops) {
  const dnnl::primitive_attr attr = attributes(post_ops);
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::matmul::primitive_desc pd(engine(), a, b, bias, dst, attr);
#else
  const dnnl::matmul::primitive_desc pd({a, b, bias, dst}, attr, engine());
#endif
  return finish(pd, dnnl::matmul(pd), pd.src_desc(), pd.weights_desc(), pd.dst_desc());
}

dnnl::primitive build_reorder(const Desc& from, const Desc& to) {
  dnnl::primitive_attr attr;
  return dnnl::reorder(dnnl::reorder::primitive_desc(engine(), from, engine(), to, attr));
}

}  // namespace lamina::cpu::onednn
