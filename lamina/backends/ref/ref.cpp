#include "lamina/backends/ref/ref.h"

#include <array>
#include <string>

#include "lamina/backends/ref/kernels_internal.h"

namespace lamina {

namespace {

constexpr size_t kOps = static_cast<size_t>(OpId::count);

class RefKernel final : public Kernel {
 public:
  explicit RefKernel(ref::Run run) : run_(std::move(run)) {}
  void run(void* const* in, void* const* out, void*) override { run_(in, out); }
  std::string describe() const override { return "ref"; }

 private:
  ref::Run run_;
};

std::array<ref::PrepareFn, kOps> make_table() {
  std::array<ref::PrepareFn, kOps> table{};
  for (size_t i = 0; i < kOps; ++i) {
    if (op_def(static_cast<OpId>(i)).traits.pointwise) table[i] = ref::prepare_pointwise;
  }
  const auto set = [&](OpId op, ref::PrepareFn fn) { table[static_cast<size_t>(op)] = fn; };
  set(OpId::full, ref::prepare_pointwise);
  set(OpId::pad, ref::prepare_pad);
  set(OpId::concat, ref::prepare_concat);
  set(OpId::contiguous, ref::prepare_contiguous);
  set(OpId::arange, ref::prepare_arange);
  for (OpId op : {OpId::sum, OpId::prod, OpId::amax, OpId::amin}) set(op, ref::prepare_reduce);
  for (OpId op : {OpId::argmax, OpId::argmin}) set(op, ref::prepare_arg);
  set(OpId::cumsum, ref::prepare_cumsum);
  set(OpId::matmul, ref::prepare_matmul);
  set(OpId::conv, ref::prepare_conv);
  set(OpId::conv_input_grad, ref::prepare_conv_input_grad);
  set(OpId::conv_weight_grad, ref::prepare_conv_weight_grad);
  for (OpId op : {OpId::max_pool, OpId::adaptive_max_pool}) set(op, ref::prepare_max_pool);
  set(OpId::max_pool_backward, ref::prepare_max_pool_backward);
  set(OpId::max_pool_gather, ref::prepare_max_pool_gather);
  for (OpId op : {OpId::avg_pool, OpId::avg_pool_backward, OpId::adaptive_avg_pool, OpId::adaptive_avg_pool_backward}) {
    set(op, ref::prepare_avg_pool);
  }
  for (OpId op : {OpId::batch_norm, OpId::layer_norm}) set(op, ref::prepare_norm);
  for (OpId op : {OpId::batch_norm_backward, OpId::layer_norm_backward}) set(op, ref::prepare_norm_backward);
  set(OpId::local_response_norm, ref::prepare_response_norm);
  for (OpId op : {OpId::softmax, OpId::log_softmax}) set(op, ref::prepare_softmax);
  set(OpId::cross_entropy_rows, ref::prepare_cross_entropy);
  set(OpId::gather, ref::prepare_gather);
  set(OpId::scatter_add, ref::prepare_scatter_add);
  set(OpId::index_select, ref::prepare_index_select);
  set(OpId::index_add, ref::prepare_index_add);
  set(OpId::one_hot, ref::prepare_one_hot);
  set(OpId::sort, ref::prepare_sort);
  set(OpId::lstm, ref::prepare_lstm);
  set(OpId::gru, ref::prepare_gru);
  set(OpId::rnn, ref::prepare_rnn);
  set(OpId::ctc_loss, ref::prepare_ctc);
  for (OpId op : {OpId::random_uniform, OpId::random_normal}) set(op, ref::prepare_random);
  set(OpId::random_permutation, ref::prepare_permutation);
  set(OpId::random_advance, ref::prepare_advance);
  return table;
}

KernelChoice as_kernel(ref::Choice choice) {
  if (auto* refusal = std::get_if<Refusal>(&choice)) return *refusal;
  return std::make_unique<RefKernel>(std::move(std::get<ref::Run>(choice)));
}

/// The op by itself, into memory of its own, then the epilogue on what it wrote: the very bits of the two apart.
ref::Choice with_epilogue(ref::PrepareFn fn, const KernelRequest& r) {
  const PointwiseProgram& program = *r.epilogue;
  const Meta result(program.inputs[0], r.out[0].shape);
  Metas operands{result};
  for (size_t i = r.op_inputs(); i < r.in.size(); ++i) operands.push_back(r.in[i]);
  ref::Choice first = fn({r.op, r.in.first(r.op_inputs()), {&result, 1}, r.attrs});
  ref::Choice second = ref::prepare_program(program, operands, r.out);
  for (const ref::Choice* c : {&first, &second}) {
    if (std::holds_alternative<Refusal>(*c)) return std::get<Refusal>(*c);
  }
  return
      [op = std::get<ref::Run>(first), then = std::get<ref::Run>(second), inputs = r.op_inputs(), count = r.in.size(),
       bytes = static_cast<size_t>(result.numel()) * size_of(result.dtype)](void* const* in, void* const* out) {
        std::vector<std::byte> buffer(bytes);
        void* between = buffer.data();
        op(in, &between);
        std::vector<void*> operands{between};
        operands.insert(operands.end(), in + inputs, in + count);
        then(operands.data(), out);
      };
}

class RefBackend final : public Backend {
 public:
  std::string_view name() const override { return "ref"; }

  KernelChoice prepare(const KernelRequest& request) const override {
    static const std::array<ref::PrepareFn, kOps> table = make_table();
    const ref::PrepareFn fn = table[static_cast<size_t>(request.op)];
    for (const auto& metas : {request.in, request.out}) {
      for (const Meta& m : metas) {
        if (m.channel_block != 0) return Refusal{"no kernel for channels in blocks"};
      }
    }
    if (!fn) return Refusal{"no reference kernel; its decomposition is the reference"};
    return as_kernel(request.epilogue ? with_epilogue(fn, request) : fn(request));
  }

  KernelChoice prepare_fused(const PointwiseProgram& program, std::span<const Meta> in,
                             std::span<const Meta> out) const override {
    return as_kernel(ref::prepare_program(program, in, out));
  }
};

}  // namespace

const Backend& ref_backend() {
  static const RefBackend backend;
  return backend;
}

}  // namespace lamina
