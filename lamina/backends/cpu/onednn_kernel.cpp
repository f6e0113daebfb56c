#include "lamina/backends/cpu/onednn_kernel.h"

#include "lamina/core/parallel.h"

namespace lamina::cpu {

namespace {

std::string short_name(int arg) {
  switch (arg) {
    case DNNL_ARG_SRC:
      return "src";
    case DNNL_ARG_WEIGHTS:
      return "weights";
    case DNNL_ARG_DST:
      return "dst";
    case DNNL_ARG_DIFF_SRC:
      return "src gradient";
    case DNNL_ARG_DIFF_WEIGHTS:
      return "weight gradient";
    case DNNL_ARG_DIFF_DST:
      return "dst gradient";
    default:
      return "operand";
  }
}

}  // namespace

onednn::PostOp::Kind post_op_of(OpId op) {
  switch (op) {
    case OpId::add:
      return onednn::PostOp::Kind::add;
    case OpId::mul:
      return onednn::PostOp::Kind::mul;
    case OpId::tanh:
      return onednn::PostOp::Kind::tanh;
    case OpId::sigmoid:
      return onednn::PostOp::Kind::sigmoid;
    default:
      return onednn::PostOp::Kind::relu;
  }
}

OnednnKernel::OnednnKernel(onednn::Built built, const std::vector<Operand>& operands)
    : description_("onednn:" + built.name) {
  std::vector<onednn::Call::Arg> args;
  std::string reordered;
  for (const Operand& o : operands) {
    args.push_back({o.name, o.wanted});
    Bound b{.index = static_cast<size_t>(o.index), .output = o.output, .reorder = {}, .packed = {}};
    if (o.given != o.wanted) {
      const onednn::Desc &from = o.output ? o.wanted : o.given, &to = o.output ? o.given : o.wanted;
      b.reorder.emplace(onednn::build_reorder(from, to),
                        std::vector<onednn::Call::Arg>{{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
      if (o.constant) {
        b.packed = Storage::allocate(o.wanted.get_size());
      } else {
        b.offset = reserve(o.wanted.get_size());
      }
      reordered += (reordered.empty() ? ", reorders " : " and ") + short_name(o.name) + (o.constant ? " once" : "");
    }
    bound_.push_back(std::move(b));
  }
  if (built.scratchpad.get_size()) {
    scratchpad_ = reserve(built.scratchpad.get_size());
    scratchpad_arg_ = args.size();
    args.push_back({DNNL_ARG_SCRATCHPAD, built.scratchpad});
  }
  main_.emplace(std::move(built.primitive), args);
  description_ += reordered;
}

size_t OnednnKernel::reserve(size_t bytes) {
  const size_t offset = workspace_bytes_;
  workspace_bytes_ += (bytes + 63) / 64 * 64;
  return offset;
}

void OnednnKernel::run(void* const* in, void* const* out, void* workspace) {
  release_threads();  // oneDNN runs on OpenMP's
  auto* const base = static_cast<std::byte*>(workspace);
  for (size_t i = 0; i < bound_.size(); ++i) {
    Bound& b = bound_[i];
    void* data = b.output ? out[b.index] : in[b.index];
    if (b.reorder) {
      void* staged = b.packed ? b.packed->data() : base + b.offset;
      b.reorder->set(b.output ? 0 : 1, staged);
      b.reorder->set(b.output ? 1 : 0, data);
      if (!b.output && !b.packed) b.reorder->run();
      data = staged;
    }
    main_->set(i, data);
  }
  if (scratchpad_arg_) main_->set(*scratchpad_arg_, base + scratchpad_);
  main_->run();
  for (Bound& b : bound_) {
    if (b.output && b.reorder) b.reorder->run();
  }
}

void OnednnKernel::refresh(void* const* in) {
  for (Bound& b : bound_) {
    if (!b.packed) continue;
    b.reorder->set(0, in[b.index]);
    b.reorder->set(1, b.packed->data());
    b.reorder->run();
  }
}

}  // namespace lamina::cpu
