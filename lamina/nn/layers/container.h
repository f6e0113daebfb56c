// Layers made of layers.
#pragma once

#include <concepts>
#include <functional>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "lamina/nn/layers/shape.h"

namespace lamina::nn {

/// A layer of any kind, held as a value: copying it copies the layer (which shares its parameters).
/// A member of this type can be listed in LAMINA_FIELDS.
class AnyLayer {
 public:
  /// The identity.
  AnyLayer();
  AnyLayer(const Layer& layer);
  /// Throws Error where null.
  AnyLayer(LayerPtr layer);
  AnyLayer(const AnyLayer& other);
  AnyLayer(AnyLayer&&) noexcept = default;
  AnyLayer& operator=(const AnyLayer& other);
  AnyLayer& operator=(AnyLayer&&) noexcept = default;

  Tensor operator()(const Tensor& x) { return (*layer_)(x); }
  Layer& operator*() { return *layer_; }
  Layer* operator->() { return layer_.get(); }
  operator Module&() { return *layer_; }

 private:
  LayerPtr layer_;
};

/// The arguments of Sequential and Branches: constructors of layers are instantiated once, in the library, and not by
/// each program.
using LayerList = std::initializer_list<const Layer*>;

/// One after another: Sequential{Linear{{.in = 4, .out = 8}}, Relu{}, Linear{{.in = 8, .out = 3}}}. Children are
/// named "0", "1", … unless added with a name.
class Sequential : public Layer {
 public:
  Sequential() = default;
  template <class... Layers>
    requires(sizeof...(Layers) > 0 && (std::derived_from<Layers, Layer> && ...) &&
             !(sizeof...(Layers) == 1 && (std::same_as<Layers, Sequential> && ...)))
  explicit Sequential(const Layers&... layers) : Sequential(LayerList{&layers...}) {}

  /// Named by its number. Returns *this.
  Sequential& add(AnyLayer layer);
  /// Throws Error where the name is empty, holds a dot or is taken.
  Sequential& add(std::string_view name, AnyLayer layer);
  size_t size() const { return children_.size(); }
  /// Throws Error out of range.
  Layer& operator[](size_t index);

  Tensor forward(const Tensor& x) override;
  void visit(ModuleVisitor& visitor) override;
  std::unique_ptr<Module> copy() const override { return std::make_unique<Sequential>(*this); }
  std::string kind() const override { return "Sequential"; }

 private:
  explicit Sequential(LayerList layers);
  std::vector<std::pair<std::string, AnyLayer>> children_;
};

/// body(x) + shortcut(x); the shortcut is the identity unless given. (He et al. 2016)
class Residual final : public Layer {
 public:
  explicit Residual(AnyLayer body, AnyLayer shortcut = {});
  Tensor forward(const Tensor& x) override;
  LAMINA_FIELDS(body_, shortcut_)

 private:
  AnyLayer body_, shortcut_;
};

/// The results of several layers on the same input, joined along axis 1, the channels (or any other):
/// Branches{Conv2d{…}, MaxPool2d{…}}. Children are named as in Sequential.
class Branches final : public Layer {
 public:
  template <class... Layers>
    requires(sizeof...(Layers) > 1 && (std::derived_from<Layers, Layer> && ...))
  explicit Branches(const Layers&... layers) : Branches(LayerList{&layers...}) {}
  explicit Branches(std::vector<AnyLayer> branches, int axis = 1);

  Tensor forward(const Tensor& x) override;
  void visit(ModuleVisitor& visitor) override;
  std::unique_ptr<Module> copy() const override { return std::make_unique<Branches>(*this); }
  std::string kind() const override { return "Branches"; }
  std::string describe() const override;

 private:
  explicit Branches(LayerList branches);
  std::vector<AnyLayer> branches_;
  int axis_;
};

/// A function without parameters as a layer: Lambda{[](const Tensor& x) { return x * 2.0; }, "double"}.
class Lambda final : public Layer {
 public:
  explicit Lambda(std::function<Tensor(const Tensor&)> function, std::string label = "");
  Tensor forward(const Tensor& x) override { return function_(x); }
  std::string describe() const override;
  LAMINA_FIELDS()

 private:
  std::function<Tensor(const Tensor&)> function_;
  std::string label_;
};

}  // namespace lamina::nn
