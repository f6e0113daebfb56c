#include "lamina/nn/module.h"

#include <cxxabi.h>

#include <cstdlib>
#include <set>

#include "lamina/core/error.h"
#include "lamina/core/fields.h"
#include "lamina/core/glob.h"
#include "lamina/engine/module_path.h"

namespace lamina::nn {

namespace {

thread_local Mode current_mode = Mode::eval;
thread_local CallObserver* innermost_observer = nullptr;

/// Walks a tree of modules and names the children on the way.
class Walker : public ModuleVisitor {
 public:
  void field(std::string_view name, Param& param) override {
    if (param.defined()) parameter(path(name), param.variable());
  }
  void field(std::string_view name, Buffer& b) override {
    if (b.defined()) buffer(path(name), b.variable());
  }
  void field(std::string_view name, Module& child) override {
    child.set_name(name);
    const std::string outer = prefix_;
    prefix_ = path(name) + ".";
    child.visit(*this);
    prefix_ = outer;
  }

 protected:
  virtual void parameter(const std::string& path, Variable& variable) = 0;
  virtual void buffer(const std::string& path, Variable& variable) = 0;

 private:
  std::string path(std::string_view name) const { return prefix_ + std::string(name); }
  std::string prefix_;
};

/// Lists variables, shared ones once, under their first name.
class Lister final : public Walker {
 public:
  Lister(bool parameters, bool buffers) : parameters_(parameters), buffers_(buffers) {}
  std::vector<NamedVariable> found;

 protected:
  void parameter(const std::string& path, Variable& v) override { add(parameters_, path, v); }
  void buffer(const std::string& path, Variable& v) override { add(buffers_, path, v); }

 private:
  void add(bool wanted, const std::string& path, const Variable& v) {
    if (wanted && seen_.insert(v.id()).second) found.push_back({path, v});
  }
  bool parameters_, buffers_;
  std::set<const void*> seen_;
};

/// Puts other variables in the place of all variables, the same one wherever one is shared.
template <class Replace>
class Replacer final : public Walker {
 public:
  explicit Replacer(Replace replace) : replace_(replace) {}

 protected:
  void parameter(const std::string&, Variable& v) override { exchange(v); }
  void buffer(const std::string&, Variable& v) override { exchange(v); }

 private:
  void exchange(Variable& v) {
    const auto known = replaced_.find(v.id());
    if (known != replaced_.end()) {
      v = known->second.second;
      return;
    }
    const Variable old = v;  // kept, so that its id stays its own
    v = replace_(old);
    replaced_.emplace(old.id(), std::pair(old, v));
  }
  Replace replace_;
  std::map<const void*, std::pair<Variable, Variable>> replaced_;
};

std::vector<NamedVariable> list(Module& module, bool parameters, bool buffers) {
  Lister lister(parameters, buffers);
  module.visit(lister);
  return std::move(lister.found);
}

void clone_variables(Module& module) {
  Replacer replacer([](const Variable& v) { return v.clone(); });
  module.visit(replacer);
}

class ChildNamer final : public ModuleVisitor {
 public:
  void field(std::string_view, Param&) override {}
  void field(std::string_view, Buffer&) override {}
  void field(std::string_view name, Module& child) override { child.set_name(name); }
};

}  // namespace

std::vector<NamedVariable> Module::named_parameters() { return list(*this, true, false); }
std::vector<NamedVariable> Module::named_buffers() { return list(*this, false, true); }
std::vector<NamedVariable> Module::state() { return list(*this, true, true); }

std::vector<Variable> Module::parameters() {
  std::vector<Variable> trainable;
  for (const NamedVariable& p : named_parameters()) {
    if (p.variable.trainable()) trainable.push_back(p.variable);
  }
  return trainable;
}

int64_t Module::parameter_count() {
  int64_t count = 0;
  for (const NamedVariable& p : named_parameters()) count += p.variable.value().numel();
  return count;
}

int Module::set_trainable(std::string_view glob, bool trainable) {
  int matched = 0;
  for (const NamedVariable& p : named_parameters()) {
    if (!matches_glob(glob, p.name)) continue;
    p.variable.set_trainable(trainable);
    ++matched;
  }
  return matched;
}

void Module::name_children() {
  if (children_named_) return;
  ChildNamer namer;
  visit(namer);
  children_named_ = true;
}

Tensor Layer::operator()(const Tensor& x) {
  name_children();
  const ModulePathScope scope(name());
  try {
    Tensor y = forward(x);
    if (innermost_observer) innermost_observer->called(*this, x, y);
    return y;
  } catch (Error& error) {
    if (!name().empty()) error.in_module(name());
    throw;
  }
}

LayerPtr copy_layer(const Layer& layer) {
  return LayerPtr(static_cast<Layer*>(layer.copy().release()));  // a copy is of the same class
}

std::unique_ptr<Module> clone(const Module& module) {
  std::unique_ptr<Module> copy = module.copy();
  clone_variables(*copy);
  return copy;
}

LayerPtr clone(const Layer& layer) {
  LayerPtr copy = copy_layer(layer);
  clone_variables(*copy);
  return copy;
}

void convert(Module& module, DType dtype) {
  if (!is_floating(dtype)) {
    throw Error("convert", "parameters have a floating dtype, not " + std::string(name_of(dtype)));
  }
  Replacer replacer([dtype](const Variable& v) {
    const Tensor& value = v.value();
    if (!is_floating(value.dtype()) || value.dtype() == dtype) return v;
    return Variable(Tensor::from(value.values(), value.shape(), dtype), v.trainable());
  });
  module.visit(replacer);
}

namespace {

bool same_family(DType a, DType b) {
  return a == b || (is_floating(a) && is_floating(b)) || (is_integral(a) && is_integral(b));
}

std::string listing(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size() && i < 8; ++i) text += (i ? ", " : "") + names[i];
  if (names.size() > 8) text += ", … (" + std::to_string(names.size()) + " in all)";
  return text;
}

}  // namespace

void load_state(Module& module, const std::map<std::string, Tensor>& tensors, const LoadOptions& options) {
  std::vector<std::string> missing, unknown, unfit;
  std::set<std::string> known;
  const std::vector<NamedVariable> state = module.state();
  for (const NamedVariable& v : state) {
    known.insert(v.name);
    const auto it = tensors.find(v.name);
    if (it == tensors.end()) {
      missing.push_back(v.name);
    } else if (const Tensor& own = v.variable.value();
               it->second.shape() != own.shape() || !same_family(it->second.dtype(), own.dtype())) {
      unfit.push_back(v.name + ": the network has " + own.meta().str() + ", the file " + it->second.meta().str());
    }
  }
  for (const auto& [name, tensor] : tensors) {
    if (!known.contains(name)) unknown.push_back(name);
  }
  if (!unfit.empty() || (options.strict && !(missing.empty() && unknown.empty()))) {
    Error error("load_state", "these tensors are not those of this network");
    if (!missing.empty()) error.detail("missing: " + listing(missing));
    if (!unknown.empty()) error.detail("unknown: " + listing(unknown));
    for (size_t i = 0; i < unfit.size() && i < 8; ++i) error.detail(unfit[i]);
    throw error.hint("was the file written by a network with other options?");
  }
  for (const NamedVariable& v : state) {
    const auto it = tensors.find(v.name);
    if (it == tensors.end()) continue;
    const DType dtype = v.variable.value().dtype();
    const Tensor& t = it->second;
    v.variable.assign(t.dtype() == dtype && t.is_contiguous() ? t : Tensor::from(t.values(), t.shape(), dtype));
  }
}

CallObserver::CallObserver() : previous_(innermost_observer) { innermost_observer = this; }
CallObserver::~CallObserver() { innermost_observer = previous_; }

bool is_training() { return current_mode == Mode::train; }
ModeScope::ModeScope(Mode mode) : previous_(current_mode) { current_mode = mode; }
ModeScope::~ModeScope() { current_mode = previous_; }

std::string_view detail::next_name(std::string_view& names) { return lamina::detail::next_field_name(names); }

std::string detail::kind_of(const char* mangled) {
  int status = 0;
  char* demangled = abi::__cxa_demangle(mangled, nullptr, nullptr, &status);
  std::string name = status == 0 ? demangled : mangled;
  std::free(demangled);
  name = name.substr(0, name.find('<'));
  const size_t colons = name.rfind("::");
  return colons == std::string::npos ? name : name.substr(colons + 2);
}

}  // namespace lamina::nn
