// Tensors as Eigen's matrices, for factorisations.
#pragma once

#include <Eigen/Dense>
#include <cstdint>

#include "lamina/tensor/tensor.h"

namespace lamina::learners {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Vector = Eigen::VectorXd;
using MatrixView = Eigen::Map<const Matrix>;
using VectorView = Eigen::Map<const Vector>;

/// Of a contiguous f64 tensor, [rows, columns] or [rows]; it must outlive the view.
MatrixView view(const Tensor& x);
VectorView view_vector(const Tensor& x);
Tensor to_tensor(const Matrix& m);         // [rows, columns]
Tensor to_vector_tensor(const Vector& v);  // [n]
/// Contiguous, f64.
Tensor as_f64(const Tensor& x);

/// Xᵀ·diag(w)·X, symmetric; w may be empty. Blocks of rows in parallel, added in a fixed order.
Matrix gram(const MatrixView& x, const Vector& weight = {});

}  // namespace lamina::learners
