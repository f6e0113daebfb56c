// Modules: trees of layers whose members are values, each listed once.
//
//     class Mlp : public nn::Layer {
//      public:
//       explicit Mlp(MlpOptions o) : fc1_{{.in = o.in, .out = o.hidden}}, fc2_{{.in = o.hidden, .out = o.out}} {}
//       Tensor forward(const Tensor& x) override { return fc2_(relu(fc1_(x))); }
//       LAMINA_FIELDS(fc1_, fc2_)  // names "fc1.weight", …
//      private:
//       nn::Linear fc1_, fc2_;
//     };
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <vector>

#include "lamina/nn/param.h"

namespace lamina::nn {

class Module;

class ModuleVisitor {
 public:
  virtual ~ModuleVisitor() = default;
  virtual void field(std::string_view name, Param& param) = 0;
  virtual void field(std::string_view name, Buffer& buffer) = 0;
  virtual void field(std::string_view name, Module& child) = 0;
};

/// Anything that owns parameters. A copy shares them; clone() does not.
class Module {
 public:
  virtual ~Module() = default;
  Module() = default;
  Module(const Module&) = default;
  Module& operator=(const Module&) = default;

  /// Visits parameters, buffers and children in the order of their listing. Written by LAMINA_FIELDS.
  virtual void visit(ModuleVisitor& visitor) = 0;
  /// The same object again, sharing its parameters. Written by LAMINA_FIELDS.
  virtual std::unique_ptr<Module> copy() const = 0;
  /// "Conv2d": for reports and errors.
  virtual std::string kind() const = 0;
  /// Options as JSON, for the layer table ("{}" where there are none).
  virtual std::string describe() const { return "{}"; }

  /// All parameters with their dotted paths, trainable or not.
  std::vector<NamedVariable> named_parameters();
  std::vector<NamedVariable> named_buffers();
  /// The trainable parameters: what value_and_grad takes.
  std::vector<Variable> parameters();
  /// Parameters and buffers: what capture() and checkpoints take.
  std::vector<NamedVariable> state();
  int64_t parameter_count();

  /// Makes the parameters whose path matches the glob (* and ?) trainable or not; returns how many.
  int set_trainable(std::string_view glob, bool trainable);
  int freeze(std::string_view glob) { return set_trainable(glob, false); }

  /// The name its parent lists it by; empty for a root.
  const std::string& name() const { return name_; }
  void set_name(std::string_view name) { name_ = name; }

 protected:
  /// Gives the children the names they are listed by: done before they first run.
  void name_children();

 private:
  std::string name_;
  bool children_named_ = false;
};

/// A module with one tensor in and one out: what Sequential holds.
class Layer : public Module {
 public:
  virtual Tensor forward(const Tensor& x) = 0;
  /// forward(), with this layer's name on the path that errors and reports show.
  Tensor operator()(const Tensor& x);
};

using LayerPtr = std::unique_ptr<Layer>;

/// copy() of a layer, as a layer.
LayerPtr copy_layer(const Layer& layer);
/// A deep copy: parameters and buffers of its own. What was shared within the module stays shared within the copy.
std::unique_ptr<Module> clone(const Module& module);
LayerPtr clone(const Layer& layer);
/// Makes all floating parameters and buffers new ones of another dtype (f64 for gradient checks). Optimizers bound
/// before still hold the old ones.
void convert(Module& module, DType dtype);

struct LoadOptions {
  bool strict = true;  // names that are missing or too many are errors
};
/// Assigns parameters and buffers by name. Throws Error, before anything has changed, that lists names missing, names
/// unknown and shapes that differ; integers and floats of other widths are converted.
void load_state(Module& module, const std::map<std::string, Tensor>& tensors, const LoadOptions& options = {});

/// Told of each layer call on this thread while it lives. Of several, only the last one made is told.
class CallObserver {
 public:
  CallObserver();
  virtual ~CallObserver();
  CallObserver(const CallObserver&) = delete;
  /// After the layer at current_module_path() has run.
  virtual void called(const Layer& layer, const Tensor& x, const Tensor& y) = 0;

 private:
  CallObserver* previous_;
};

/// Is the forward pass running to train (dropout drops, batch norm uses the batch)? Default: no.
bool is_training();

enum class Mode { eval, train };

/// Sets the mode of forward passes on this thread while it lives.
class ModeScope {
 public:
  explicit ModeScope(Mode mode);
  ~ModeScope();
  ModeScope(const ModeScope&) = delete;

 private:
  Mode previous_;
};

namespace detail {
std::string_view next_name(std::string_view& names);

template <class... Fields>
void visit_members(ModuleVisitor& visitor, [[maybe_unused]] std::string_view names, Fields&... fields) {
  (visitor.field(next_name(names), fields), ...);
}
/// "lamina::nn::Conv2d" → "Conv2d".
std::string kind_of(const char* mangled);
}  // namespace detail

}  // namespace lamina::nn

/// Lists the parameters, buffers and child modules of a module, once.
#define LAMINA_FIELDS(...)                                                                         \
  void visit([[maybe_unused]] ::lamina::nn::ModuleVisitor& visitor) override {                     \
    ::lamina::nn::detail::visit_members(visitor, #__VA_ARGS__ __VA_OPT__(, ) __VA_ARGS__);         \
  }                                                                                                \
  std::unique_ptr<::lamina::nn::Module> copy() const override {                                    \
    return std::unique_ptr<::lamina::nn::Module>(new std::remove_cvref_t<decltype(*this)>(*this)); \
  }                                                                                                \
  std::string kind() const override { return ::lamina::nn::detail::kind_of(typeid(*this).name()); }
