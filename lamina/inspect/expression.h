// Formulas of named numbers: "(x+y)*z", "sigmoid(w*x + b)", "x^2 + 3*exp(-y)".
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lamina/tensor/tensor.h"

namespace lamina::inspect {

/// + - * / ^ (or **), parentheses, numbers, pi, and the pointwise ops by name. A power binds tighter than a sign and
/// groups from the right: -x^2 is -(x^2), 2^3^2 is 2^9.
class Expression {
 public:
  /// Throws Error that points at the letter where the formula cannot be read, and names the nearest function.
  static Expression parse(const std::string& text);

  const std::string& text() const { return text_; }
  /// In the order of their first appearance.
  const std::vector<std::string>& variables() const { return variables_; }
  /// Values of the variables, in their order, all of one shape and floating dtype.
  Tensor operator()(const Tensors& values) const;

  struct Term;

 private:
  std::string text_;
  std::vector<std::string> variables_;
  std::shared_ptr<const Term> root_;
};

/// Names of the functions that formulas can use.
std::vector<std::string> function_names();

/// "x=2, y=-3e-1" as values in the order of the expression's variables. Throws Error where one is missing, unknown,
/// given twice or no finite number.
std::vector<double> parse_point(const Expression& expression, const std::string& text);

}  // namespace lamina::inspect
