#include "lamina/nn/layers/container.h"

#include "lamina/core/error.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/pointwise.h"

namespace lamina::nn {

AnyLayer::AnyLayer() : layer_(std::make_unique<Identity>()) {}

AnyLayer::AnyLayer(const Layer& layer) : layer_(copy_layer(layer)) {}

AnyLayer::AnyLayer(LayerPtr layer) : layer_(std::move(layer)) {
  if (!layer_) throw Error("AnyLayer", "there is no layer in this pointer");
}

AnyLayer::AnyLayer(const AnyLayer& other) : layer_(copy_layer(*other.layer_)) {}

AnyLayer& AnyLayer::operator=(const AnyLayer& other) {
  layer_ = copy_layer(*other.layer_);
  return *this;
}

Sequential::Sequential(LayerList layers) {
  for (const Layer* layer : layers) add(*layer);
}

Sequential& Sequential::add(AnyLayer layer) { return add(std::to_string(children_.size()), std::move(layer)); }

Sequential& Sequential::add(std::string_view name, AnyLayer layer) {
  if (name.empty() || name.find('.') != std::string_view::npos) {
    throw Error("Sequential", "a layer's name is a word without dots, got \"" + std::string(name) + "\"");
  }
  for (const auto& [taken, child] : children_) {
    if (taken == name) throw Error("Sequential", "there is already a layer \"" + std::string(name) + "\"");
  }
  layer->set_name(name);
  children_.emplace_back(name, std::move(layer));
  return *this;
}

Layer& Sequential::operator[](size_t index) {
  if (index >= children_.size()) {
    throw Error("Sequential", "there is no layer " + std::to_string(index) + " of " + std::to_string(children_.size()));
  }
  return *children_[index].second;
}

Tensor Sequential::forward(const Tensor& x) {
  Tensor y = x;
  for (auto& [name, layer] : children_) y = layer(y);
  return y;
}

void Sequential::visit(ModuleVisitor& visitor) {
  for (auto& [name, layer] : children_) visitor.field(name, *layer);
}

Residual::Residual(AnyLayer body, AnyLayer shortcut) : body_(std::move(body)), shortcut_(std::move(shortcut)) {}

Tensor Residual::forward(const Tensor& x) {
  const Tensor y = body_(x), straight = shortcut_(x);
  if (y.shape() != straight.shape()) {
    throw Error("Residual", "body and shortcut give different shapes")
        .detail("input    " + x.meta().str())
        .detail("body     " + y.meta().str())
        .detail("shortcut " + straight.meta().str())
        .hint("give a shortcut that changes the shape as the body does");
  }
  return y + straight;
}

Branches::Branches(LayerList branches) : axis_(1) {
  for (const Layer* branch : branches) branches_.emplace_back(*branch);
}

Branches::Branches(std::vector<AnyLayer> branches, int axis) : branches_(std::move(branches)), axis_(axis) {
  if (branches_.empty()) throw Error("Branches", "needs at least one branch");
}

Tensor Branches::forward(const Tensor& x) {
  Tensors results;
  for (AnyLayer& branch : branches_) results.push_back(branch(x));
  return concat(results, axis_);
}

void Branches::visit(ModuleVisitor& visitor) {
  for (size_t i = 0; i < branches_.size(); ++i) visitor.field(std::to_string(i), *branches_[i]);
}

std::string Branches::describe() const { return "{\"axis\": " + std::to_string(axis_) + "}"; }

Lambda::Lambda(std::function<Tensor(const Tensor&)> function, std::string label)
    : function_(std::move(function)), label_(std::move(label)) {
  if (!function_) throw Error("Lambda", "the function is empty");
}

std::string Lambda::describe() const {
  FieldPrinter printer;
  std::string label = label_;
  printer.field("label", label);
  return printer.json();
}

}  // namespace lamina::nn
