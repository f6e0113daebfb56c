// Reflection for option and attribute structs, written once per struct:
//
//     struct PoolAttrs {
//       Dims kernel, stride;
//       bool ceil_mode = false;
//       LAMINA_OPTIONS(kernel, stride, ceil_mode)
//     };
//
// From this one listing come equality, hashing, printing, JSON, YAML recipes with error
// positions, and the recipe reference.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/core/dtype.h"
#include "lamina/core/shape.h"

namespace lamina {

class FieldVisitor;

/// A list of option structs as a field: optimizer groups, ….
class StructList {
 public:
  virtual ~StructList() = default;
  virtual size_t size() const = 0;
  /// New structs have their defaults.
  virtual void resize(size_t size) = 0;
  virtual void visit(size_t index, FieldVisitor& visitor) = 0;
};

/// Visits the fields of a struct in the order of their listing.
class FieldVisitor {
 public:
  virtual ~FieldVisitor() = default;
  virtual void field(std::string_view name, int64_t& value) = 0;
  virtual void field(std::string_view name, double& value) = 0;
  virtual void field(std::string_view name, bool& value) = 0;
  virtual void field(std::string_view name, std::string& value) = 0;
  virtual void field(std::string_view name, DType& value) = 0;
  virtual void field(std::string_view name, Dims& value) = 0;
  virtual void field(std::string_view name, std::vector<double>& value) = 0;
  virtual void field(std::string_view name, std::vector<std::string>& value) = 0;
  virtual void field(std::string_view name, StructList& list) = 0;
};

/// {"kernel": [2, 2], …}: the canonical text of an options struct, equal for equal values.
class FieldPrinter final : public FieldVisitor {
 public:
  void field(std::string_view name, int64_t& value) override;
  void field(std::string_view name, double& value) override;
  void field(std::string_view name, bool& value) override;
  void field(std::string_view name, std::string& value) override;
  void field(std::string_view name, DType& value) override;
  void field(std::string_view name, Dims& value) override;
  void field(std::string_view name, std::vector<double>& value) override;
  void field(std::string_view name, std::vector<std::string>& value) override;
  void field(std::string_view name, StructList& list) override;
  /// The JSON object of all fields seen.
  std::string json() const { return "{" + text_ + "}"; }

 private:
  void add(std::string_view name, std::string_view value);
  std::string text_;
};

namespace detail {
/// Cuts the next name from "a, b_, c" (trailing underscores dropped).
std::string_view next_field_name(std::string_view& names);

/// A vector of structs that list their fields, seen as a StructList.
template <class T>
class StructVector final : public StructList {
 public:
  explicit StructVector(std::vector<T>& items) : items_(items) {}
  size_t size() const override { return items_.size(); }
  void resize(size_t size) override { items_.resize(size); }
  void visit(size_t index, FieldVisitor& visitor) override { items_[index].visit(visitor); }

 private:
  std::vector<T>& items_;
};

template <class T>
void visit_field(FieldVisitor& visitor, std::string_view name, T& field) {
  visitor.field(name, field);
}
template <class T>
  requires requires(T item, FieldVisitor& visitor) { item.visit(visitor); }
void visit_field(FieldVisitor& visitor, std::string_view name, std::vector<T>& list) {
  StructVector<T> items(list);
  visitor.field(name, static_cast<StructList&>(items));
}

template <class Visitor, class... Fields>
void visit_fields([[maybe_unused]] Visitor& visitor, [[maybe_unused]] std::string_view names, Fields&... fields) {
  (visit_field(visitor, next_field_name(names), fields), ...);
}
}  // namespace detail

}  // namespace lamina

#define LAMINA_OPTIONS(...)                                                           \
  void visit([[maybe_unused]] ::lamina::FieldVisitor& visitor) {                      \
    ::lamina::detail::visit_fields(visitor, #__VA_ARGS__ __VA_OPT__(, ) __VA_ARGS__); \
  }
