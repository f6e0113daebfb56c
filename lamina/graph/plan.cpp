#include "lamina/graph/plan.h"

#include <chrono>
#include <cstring>

#include "lamina/core/error.h"
#include "lamina/core/parallel.h"
#include "lamina/graph/passes.h"
#include "lamina/tensor/tensor_impl.h"

namespace lamina::graph {

namespace {

int64_t bytes_of(const Meta& m) { return m.numel() * static_cast<int64_t>(size_of(m.dtype)); }

/// Asks the backends in order; notes why the earlier ones refused.
std::unique_ptr<Kernel> choose_kernel(const Node& n, const Metas& in, const Metas& out, uint64_t constant_inputs,
                                      std::vector<std::string>& refusals) {
  std::string reasons;
  for (const Backend* backend : backends()) {
    KernelChoice choice =
        n.fused ? backend->prepare_fused(*n.fused, in, out)
                : backend->prepare({n.op, in, out, n.attrs, n.epilogue.get(), constant_inputs, n.overwrites});
    if (auto* kernel = std::get_if<std::unique_ptr<Kernel>>(&choice)) {
      if (!reasons.empty()) refusals.push_back(reasons + "; runs on " + std::string(backend->name()));
      return std::move(*kernel);
    }
    if (!reasons.empty()) reasons += "; ";
    reasons += n.name() + " on " + std::string(backend->name()) + ": " + std::get<Refusal>(choice).reason;
  }
  throw Error(n.name(), "no backend has a kernel: " + reasons);
}

/// Touches every page once, on all threads. The first touch is the system's work: tenths of a millisecond per page on a
/// virtual machine that gets its memory from a host only then. Inside of a kernel the other threads would wait for it.
void touch_pages(std::byte* data, int64_t bytes) {
  constexpr int64_t kPage = 4096, kPart = 2 << 20;  // a part: a huge page
  parallel_for(bytes, kPart, [data](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += kPage) data[i] = std::byte{0};
  });
}

}  // namespace

Plan::Plan(Graph recorded, const CaptureOptions& options) {
  report_.nodes = static_cast<int>(recorded.nodes.size());
  PassLog log;
  graph_ = optimize(std::move(recorded), options, log);
  report_.fused_groups = log.fused_groups;
  report_.decisions = std::move(log.decisions);
  report_.refusals = std::move(log.refusals);
  prepare_kernels();
  std::vector<int64_t> workspaces;
  for (const auto& k : kernels_) workspaces.push_back(k ? static_cast<int64_t>(k->workspace_bytes()) : 0);
  memory_ = plan_memory(graph_, workspaces);
  report_.arena_bytes = memory_.arena_bytes;
  count_work();
}

void Plan::prepare_kernels() {
  for (const Node& n : graph_.nodes) {
    kernels_.push_back(
        n.is_view() ? nullptr
                    : choose_kernel(n, graph_.metas(n.in), graph_.metas(n.out), constant_inputs(n), report_.refusals));
  }
}

void Plan::count_work() {
  for (size_t i = 0; i < graph_.nodes.size(); ++i) {
    const Node& n = graph_.nodes[i];
    if (n.is_view()) continue;
    ++report_.steps;
    const Metas in = graph_.metas(n.in), out = graph_.metas(n.out);
    StepInfo info{.name = n.name(), .kernel = kernels_[i]->describe(), .module_path = n.module_path};
    if (n.fused) {
      info.flops = static_cast<double>(n.fused->instructions.size()) * static_cast<double>(out[0].numel());
    } else if (n.def()->flops) {
      info.flops = n.def()->flops(in, out, n.attrs);
    }
    for (const Metas* metas : {&in, &out}) {
      for (const Meta& m : *metas) info.bytes += static_cast<double>(bytes_of(m));
    }
    report_.flops += info.flops;
    report_.bytes_moved += info.bytes;
    report_.graph += n.name() + " " + out[0].str();
    if (!info.kernel.empty()) report_.graph += "  [" + info.kernel + "]";
    if (!n.module_path.empty()) report_.graph += "  # " + n.module_path;
    report_.graph += "\n";
    infos_.push_back(std::move(info));
  }
  for (const StateValue& s : graph_.state) report_.state_bytes += bytes_of(graph_.meta(s.before));
}

void Plan::allocate() {
  arena_ = Storage::allocate(static_cast<size_t>(memory_.arena_bytes));
  touch_pages(arena_->data(), memory_.arena_bytes);
  input_patches_.resize(graph_.inputs.size());
  state_patches_.resize(graph_.state.size());
  output_patches_.resize(graph_.outputs.size());
  bound_state_.assign(graph_.state.size(), nullptr);
  outputs_.resize(graph_.outputs.size());
  for (size_t i = 0; i < graph_.state.size(); ++i) {
    if (graph_.state[i].after == graph_.state[i].before) unchanging_state_.push_back(i);
  }

  size_t count = 0;
  for (const Node& n : graph_.nodes) count += n.is_view() ? 0 : n.in.size() + n.out.size();
  pointers_.assign(count, nullptr);
  size_t next = 0;
  for (size_t i = 0; i < graph_.nodes.size(); ++i) {
    const Node& n = graph_.nodes[i];
    if (n.is_view()) continue;
    void** first = pointers_.data() + next;
    for (int id : n.in) resolve(id, next++);
    for (int id : n.out) resolve(id, next++);
    if (static_cast<int>(i) < graph_.invariant_nodes) ++invariant_steps_;
    steps_.push_back({kernels_[i].get(), first, first + n.in.size(), arena_->data() + memory_.workspace_offsets[i]});
  }
}

void Plan::resolve(int value, size_t pointer) {
  const Value& v = graph_.values[static_cast<size_t>(value)];
  const Location& where = memory_.locations[static_cast<size_t>(value)];
  const int64_t shift = v.meta.offset * static_cast<int64_t>(size_of(v.meta.dtype));
  const auto slot = static_cast<size_t>(where.slot);
  switch (where.place) {
    case Place::arena:
      pointers_[pointer] = arena_->data() + where.offset + shift;
      break;
    case Place::input:
      input_patches_[slot].push_back({pointer, shift});
      break;
    case Place::state:
      state_patches_[slot].push_back({pointer, shift});
      break;
    case Place::output:
      output_patches_[slot].push_back({pointer, shift});
      break;
    case Place::constant:
      pointers_[pointer] = graph_.values[static_cast<size_t>(v.root)].constant.impl()->storage->data() + shift;
      break;
    case Place::nowhere:
      pointers_[pointer] = nullptr;
      break;
  }
}

/// Bit i: input i is a constant, an unchanging variable, or made of such.
uint64_t Plan::constant_inputs(const Node& n) const {
  uint64_t mask = 0;
  for (size_t i = 0; i < n.in.size() && i < 64; ++i) {
    const Value& v = graph_.values[static_cast<size_t>(graph_.root(n.in[i]))];
    const bool unchanging_variable = v.kind == ValueKind::state && graph_.state[static_cast<size_t>(v.slot)].after ==
                                                                       graph_.state[static_cast<size_t>(v.slot)].before;
    const bool invariant = v.kind == ValueKind::computed && v.node < graph_.invariant_nodes;
    if (v.kind == ValueKind::constant || unchanging_variable || invariant) mask |= uint64_t{1} << i;
  }
  return mask;
}

/// Runs what depends on unchanging variables alone, at first and when one of them was changed by others.
void Plan::refresh_invariants() {
  bool stale = seen_versions_.empty();
  seen_versions_.resize(unchanging_state_.size() + 1);  // never empty again
  for (size_t i = 0; i < unchanging_state_.size(); ++i) {
    const uint64_t version = graph_.state[unchanging_state_[i]].variable.version();
    stale = stale || seen_versions_[i] != version;
    seen_versions_[i] = version;
  }
  if (!stale) return;
  for (size_t i = 0; i < steps_.size(); ++i) {
    const Step& s = steps_[i];
    s.kernel->refresh(s.in);
    if (i < invariant_steps_) s.kernel->run(s.in, s.out, s.workspace);
  }
}

void Plan::bind_state() {
  for (size_t i = 0; i < graph_.state.size(); ++i) {
    const StateValue& s = graph_.state[i];
    const Tensor* value = &s.variable.value();
    const bool written = s.after != s.before;
    // Whoever else holds the old value keeps it: the step writes to a copy.
    if ((written && (value->impl().use_count() > 1 || value->impl()->storage.use_count() > 1)) ||
        !value->is_contiguous()) {
      const Tensor& old = *value;
      if (!old.is_contiguous()) throw Error("plan", "a variable must be contiguous");
      Tensor copy = Tensor::from_bytes(old.raw(), old.shape(), old.dtype());
      copy.impl()->leaf = old.impl()->leaf;
      copy.impl()->variable = true;
      s.variable.replace(std::move(copy));
      value = &s.variable.value();
    }
    void* data = value->mutable_raw();
    if (data == bound_state_[i]) continue;
    bound_state_[i] = data;
    for (const Patch& p : state_patches_[i]) pointers_[p.pointer] = static_cast<std::byte*>(data) + p.bytes;
  }
}

void Plan::bind_outputs() {
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (outputs_[i].defined() && outputs_[i].impl().use_count() == 1 && outputs_[i].impl()->storage.use_count() == 1)
      continue;
    const Meta& m = graph_.meta(graph_.outputs[i]);
    outputs_[i] = Tensor::empty(m.shape, m.dtype);
    auto* data = static_cast<std::byte*>(outputs_[i].mutable_raw());
    for (const Patch& p : output_patches_[i]) pointers_[p.pointer] = data + p.bytes;
  }
}

void Plan::run_steps() {
  if (StepTimer* timer = active_step_timer()) return run_timed(*timer);
  for (size_t i = invariant_steps_; i < steps_.size(); ++i) {
    const Step& s = steps_[i];
    s.kernel->run(s.in, s.out, s.workspace);
  }
}

void Plan::run_timed(StepTimer& timer) {
  const auto now = [] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  };
  for (size_t i = invariant_steps_; i < steps_.size(); ++i) {
    const Step& s = steps_[i];
    const double begin = now();
    s.kernel->run(s.in, s.out, s.workspace);
    timer.record(infos_[i], begin, now());
  }
}

const Tensors& Plan::run(const Tensors& inputs) {
  if (!arena_) allocate();
  for (size_t i = 0; i < inputs.size(); ++i) {
    auto* data = static_cast<std::byte*>(inputs[i].mutable_raw());
    for (const Patch& p : input_patches_[i]) pointers_[p.pointer] = data + p.bytes;
  }
  bind_state();
  bind_outputs();
  refresh_invariants();
  run_steps();
  for (int i : memory_.copied_states) {
    const StateValue& s = graph_.state[static_cast<size_t>(i)];
    const Location& from = memory_.locations[static_cast<size_t>(s.after)];
    std::memcpy(bound_state_[static_cast<size_t>(i)], arena_->data() + from.offset,
                static_cast<size_t>(bytes_of(graph_.meta(s.after))));
  }
  for (const StateValue& s : graph_.state) {
    if (s.after != s.before) s.variable.touch();
  }
  return outputs_;
}

}  // namespace lamina::graph
