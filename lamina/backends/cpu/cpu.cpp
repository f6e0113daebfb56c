#include "lamina/backends/cpu/cpu.h"

#include <algorithm>
#include <array>

#include "lamina/backends/cpu/kernels.h"

namespace lamina {

namespace {

/// A family of kernels and the ops it serves.
struct Family {
  cpu::Prepare prepare;
  std::initializer_list<OpId> ops;
};

/// The one table: an op that no line names runs on the next backend.
const std::initializer_list<Family>& families() {
  static const std::initializer_list<Family> list = {
      {cpu::prepare_matmul, {OpId::matmul}},
      {cpu::prepare_conv, {OpId::conv}},
      {cpu::prepare_conv_input_grad, {OpId::conv_input_grad}},
      {cpu::prepare_conv_weight_grad, {OpId::conv_weight_grad}},
      {cpu::prepare_reduce, {OpId::sum, OpId::prod, OpId::amax, OpId::amin, OpId::argmax, OpId::argmin, OpId::cumsum}},
      {cpu::prepare_movement, {OpId::contiguous, OpId::pad, OpId::concat, OpId::arange}},
      {cpu::prepare_softmax, {OpId::softmax, OpId::log_softmax, OpId::cross_entropy_rows}},
      {cpu::prepare_index,
       {OpId::gather, OpId::scatter_add, OpId::index_select, OpId::index_add, OpId::one_hot, OpId::sort}},
      {cpu::prepare_random,
       {OpId::random_uniform, OpId::random_normal, OpId::random_permutation, OpId::random_advance}},
      {cpu::prepare_pointwise,
       {OpId::full,     OpId::add,        OpId::sub,     OpId::mul,         OpId::div,     OpId::pow,
        OpId::atan2,    OpId::fmod,       OpId::maximum, OpId::minimum,     OpId::eq,      OpId::ne,
        OpId::lt,       OpId::le,         OpId::gt,      OpId::ge,          OpId::where,   OpId::logical_and,
        OpId::neg,      OpId::logical_or, OpId::abs,     OpId::logical_not, OpId::sign,    OpId::floor,
        OpId::ceil,     OpId::round,      OpId::sqrt,    OpId::rsqrt,       OpId::exp,     OpId::expm1,
        OpId::log,      OpId::log1p,      OpId::sin,     OpId::cos,         OpId::tan,     OpId::asin,
        OpId::acos,     OpId::atan,       OpId::sinh,    OpId::cosh,        OpId::tanh,    OpId::asinh,
        OpId::acosh,    OpId::atanh,      OpId::erf,     OpId::relu,        OpId::sigmoid, OpId::softplus,
        OpId::isfinite, OpId::isnan,      OpId::cast}},
      {cpu::prepare_max_pool, {OpId::max_pool, OpId::adaptive_max_pool}},
      {cpu::prepare_max_pool_backward, {OpId::max_pool_backward}},
      {cpu::prepare_avg_pool, {OpId::avg_pool, OpId::adaptive_avg_pool}},
      {cpu::prepare_avg_pool_backward, {OpId::avg_pool_backward, OpId::adaptive_avg_pool_backward}},
      {cpu::prepare_batch_norm, {OpId::batch_norm}},
      {cpu::prepare_batch_norm_backward, {OpId::batch_norm_backward}},
      {cpu::prepare_response_norm, {OpId::local_response_norm}},
      {cpu::prepare_layer_norm, {OpId::layer_norm}},
      {cpu::prepare_layer_norm_backward, {OpId::layer_norm_backward}},
      {cpu::prepare_recurrent, {OpId::lstm, OpId::gru, OpId::rnn}},
      {cpu::prepare_recurrent_backward, {OpId::lstm_backward, OpId::gru_backward, OpId::rnn_backward}},
      {cpu::prepare_ctc, {OpId::ctc_loss, OpId::ctc_loss_backward}},
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
    const cpu::Prepare prepare = table_[static_cast<size_t>(request.op)];
    if (!prepare) return Refusal{"has no kernel for this op"};
    return any_blocked(request.in, request.out) ? cpu::prepare_blocked(request, prepare) : prepare(request);
  }

  KernelChoice prepare_fused(const PointwiseProgram& program, std::span<const Meta> in,
                             std::span<const Meta> out) const override {
    return any_blocked(in, out) ? cpu::prepare_fused_blocked(program, in, out) : cpu::prepare_fused(program, in, out);
  }

  std::optional<int64_t> preferred_channel_block(const KernelRequest& request) const override {
    if (request.op != OpId::conv && request.op != OpId::conv_input_grad) return {};
    return cpu::preferred_conv_block(request);
  }

 private:
  static bool any_blocked(std::span<const Meta> in, std::span<const Meta> out) {
    const auto blocked = [](const Meta& m) { return m.channel_block != 0; };
    return std::any_of(in.begin(), in.end(), blocked) || std::any_of(out.begin(), out.end(), blocked);
  }

  std::array<cpu::Prepare, static_cast<size_t>(OpId::count)> table_{};
};

}  // namespace

const Backend& cpu_backend() {
  static const CpuBackend backend;
  return backend;
}

}  // namespace lamina
