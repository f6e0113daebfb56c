#include "lamina/engine/dispatch.h"

#include <list>
#include <string>
#include <unordered_map>

#include "lamina/core/error.h"
#include "lamina/engine/backend.h"
#include "lamina/engine/tape.h"

namespace lamina {

namespace {

thread_local Recorder* recorder = nullptr;

/// Kernels of eager calls, kept for calls of the same op, metas and attributes; the least recently
/// used goes first. One per thread: a kernel holds scratch state.
class KernelCache {
 public:
  Kernel* find_or_prepare(const OpDef& def, const Metas& in, const Metas& out, const Attrs& attrs) {
    make_key(def.id, in, out, attrs);
    if (const auto it = index_.find(key_); it != index_.end()) {
      entries_.splice(entries_.begin(), entries_, it->second);
      return it->second->kernel.get();
    }
    std::unique_ptr<Kernel> kernel;
    for (const Backend* backend : backends()) {
      KernelChoice choice = backend->prepare({def.id, in, out, attrs});
      if (auto* k = std::get_if<std::unique_ptr<Kernel>>(&choice)) {
        kernel = std::move(*k);
        break;
      }
      if (def.decompose) break;  // its primitives may be fast here, where the next backend is slow
    }
    entries_.push_front({key_, std::move(kernel)});
    index_[key_] = entries_.begin();
    if (entries_.size() > kCapacity) {
      index_.erase(entries_.back().key);
      entries_.pop_back();
    }
    return entries_.front().kernel.get();
  }

  void* workspace(size_t bytes) {
    if (!bytes) return nullptr;
    if (!workspace_ || workspace_->bytes() < bytes) workspace_ = Storage::allocate(bytes);
    return workspace_->data();
  }

 private:
  static constexpr size_t kCapacity = 1024;
  struct Entry {
    std::string key;
    std::unique_ptr<Kernel> kernel;  // null: nobody has one
  };

  template <class T>
  void put(const T& value) {
    key_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }

  void put(const Meta& m) {
    put(m.dtype);
    put(static_cast<int8_t>(m.rank()));
    for (int i = 0; i < m.rank(); ++i) put(m.shape[i]);
    for (int i = 0; i < m.rank(); ++i) put(m.strides[i]);
  }

  void make_key(OpId op, const Metas& in, const Metas& out, const Attrs& attrs) {
    key_.clear();
    put(op);
    const auto& list = backends();
    put(list.empty() ? nullptr : list.front());
    for (const Meta& m : in) put(m);
    for (const Meta& m : out) put(m);
    key_ += attrs.json();
  }

  std::string key_;
  std::list<Entry> entries_;
  std::unordered_map<std::string, std::list<Entry>::iterator> index_;
  std::shared_ptr<Storage> workspace_;
};

KernelCache& kernel_cache() {
  thread_local KernelCache cache;
  return cache;
}

Metas metas_of(const Tensors& tensors) {
  Metas metas;
  metas.reserve(tensors.size());
  for (const Tensor& t : tensors) metas.push_back(t.meta());
  return metas;
}

Tensor view_of(const Tensor& x, const Meta& meta) {
  auto impl = std::make_shared<TensorImpl>();
  impl->meta = meta;
  x.raw();  // throws where there are no values
  impl->storage = x.impl()->storage;
  return Tensor(std::move(impl));
}

/// Runs a kernel; empty where no backend has one.
Tensors run_eagerly(const OpDef& def, const Tensors& inputs, const Metas& in, const Metas& out, const Attrs& attrs) {
  Kernel* kernel = kernel_cache().find_or_prepare(def, in, out, attrs);
  if (!kernel) return {};
  Tensors outputs;
  std::vector<void*> in_ptrs, out_ptrs;
  for (const Tensor& t : inputs) in_ptrs.push_back(t.mutable_raw());
  for (const Meta& m : out) {
    outputs.push_back(Tensor::empty(m.shape, m.dtype));
    out_ptrs.push_back(outputs.back().mutable_raw());
  }
  kernel->run(in_ptrs.data(), out_ptrs.data(), kernel_cache().workspace(kernel->workspace_bytes()));
  return outputs;
}

bool anyone_has_kernel(const OpDef& def, const Metas& in, const Metas& out, const Attrs& attrs) {
  return !def.decompose || kernel_cache().find_or_prepare(def, in, out, attrs) != nullptr;
}

}  // namespace

RecorderScope::RecorderScope(Recorder* r) : previous_(recorder) { recorder = r; }
RecorderScope::~RecorderScope() { recorder = previous_; }
Recorder* active_recorder() { return recorder; }

Tensors dispatch(OpId id, Tensors inputs, const Attrs& attrs) {
  const OpDef& def = op_def(id);
  if (!def.traits.strided && !def.traits.view) {
    for (Tensor& t : inputs) {
      if (!t.is_contiguous()) t = dispatch1(OpId::contiguous, {t});
    }
  }
  const Metas in = metas_of(inputs);
  const Metas out = def.infer(in, attrs);

  Tensors outputs;
  if (recorder && (def.traits.view || anyone_has_kernel(def, in, out, attrs))) {
    outputs = recorder->record(def, inputs, attrs, out);
  } else if (!recorder && def.traits.view) {
    outputs = {view_of(inputs[0], out[0])};
  } else if (!recorder) {
    outputs = run_eagerly(def, inputs, in, out, attrs);
  }
  if (outputs.empty() && !out.empty()) {
    if (def.decompose) return def.decompose(inputs, attrs);
    std::string reasons;
    for (const Backend* b : backends()) {
      KernelChoice choice = b->prepare({id, in, out, attrs});
      if (auto* refusal = std::get_if<Refusal>(&choice))
        reasons += "\n  " + std::string(b->name()) + ": " + refusal->reason;
    }
    Error error(std::string(def.name), "no backend has a kernel for this call" + reasons);
    for (const Meta& m : in) error.detail("input " + m.str());
    throw error;
  }
  attach(def, inputs, attrs, outputs);
  return outputs;
}

Tensor dispatch1(OpId op, Tensors inputs, const Attrs& attrs) { return dispatch(op, std::move(inputs), attrs)[0]; }

}  // namespace lamina
