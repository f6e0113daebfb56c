// What first and second derivatives say of a function at a point.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lamina/tensor/tensor.h"

namespace lamina::inspect {

enum class Convexity : uint8_t {
  strictly_convex,   // the Hessian is positive definite
  convex,            // positive semidefinite: flat in some direction, to second order
  flat,              // zero
  concave,           // negative semidefinite
  strictly_concave,  // negative definite
  neither,           // bent up in some direction and down in another
};

enum class Stationary : uint8_t {
  no,            // the gradient is not zero
  minimum,       // zero gradient, positive definite Hessian: a strict local minimum
  maximum,       // likewise
  saddle,        // some direction up, some down
  undetermined,  // the Hessian is singular, and second derivatives do not tell
};

struct Curvature {
  double value = 0;
  std::vector<double> gradient;
  std::vector<std::vector<double>> hessian;
  std::vector<double> eigenvalues;              // of the Hessian, ascending: the curvatures in the principal directions
  std::vector<std::vector<double>> directions;  // of length 1, in the order of the eigenvalues
  double along_gradient = 0;  // gᵀHg/gᵀg: second derivative in the direction of steepest ascent; 0 where g is zero
  double graph = 0;  // curvature of the graph itself: f″/(1+f′²)^(3/2) of a curve; det H/(1+|g|²)^((n+2)/2) of a
                     // surface (Gauss) and beyond
  Convexity convexity = Convexity::flat;  // near the point
  Stationary stationary = Stationary::no;
};

/// f in f64 at a point x [n], by the engine's second derivatives. `tolerance`: below it, beside the largest entry and
/// 1, an eigenvalue counts as zero; a gradient likewise beside 1. Throws Error where a derivative is not finite.
Curvature curvature(const std::function<Tensor(const Tensor&)>& f, const std::vector<double>& at,
                    double tolerance = 1e-9);

/// "strictly convex: the Hessian is positive definite".
std::string text_of(Convexity convexity);
/// "a saddle point".
std::string text_of(Stationary stationary);

}  // namespace lamina::inspect
