#include "lamina/core/parallel.h"
#include "lamina/learners/linalg_internal.h"
#include "lamina/ops/ops.h"

namespace lamina::learners {

MatrixView view(const Tensor& x) {
  const int64_t columns = x.rank() == 2 ? x.size(1) : 1;
  return {x.data<double>(), x.size(0), columns};
}

VectorView view_vector(const Tensor& x) { return {x.data<double>(), x.numel()}; }

Tensor to_tensor(const Matrix& m) {
  return Tensor::from(std::span<const double>(m.data(), static_cast<size_t>(m.size())), {m.rows(), m.cols()},
                      DType::f64);
}

Tensor to_vector_tensor(const Vector& v) {
  return Tensor::from(std::span<const double>(v.data(), static_cast<size_t>(v.size())), {v.size()}, DType::f64);
}

Tensor as_f64(const Tensor& x) { return contiguous(x.dtype() == DType::f64 ? x : cast(x, DType::f64)); }

Matrix gram(const MatrixView& x, const Vector& weight) {
  constexpr int64_t kBlocks = 16;  // as many partial sums, whatever the machine
  const int64_t n = x.rows(), grain = std::max<int64_t>(256, (n + kBlocks - 1) / kBlocks);
  std::vector<Matrix> partial(static_cast<size_t>((n + grain - 1) / grain), Matrix::Zero(x.cols(), x.cols()));
  parallel_for(n, grain, [&](int64_t begin, int64_t end) {
    Matrix& sum = partial[static_cast<size_t>(begin / grain)];
    constexpr int64_t kRows = 256;  // stay in cache
    for (int64_t i = begin; i < end; i += kRows) {
      const int64_t m = std::min(kRows, end - i);
      const auto block = x.middleRows(i, m);
      if (weight.size() == 0) {
        sum.selfadjointView<Eigen::Lower>().rankUpdate(block.transpose());
      } else {
        const Matrix scaled = weight.segment(i, m).cwiseSqrt().asDiagonal() * block;
        sum.selfadjointView<Eigen::Lower>().rankUpdate(scaled.transpose());
      }
    }
  });
  Matrix total = Matrix::Zero(x.cols(), x.cols());
  for (const Matrix& m : partial) total += m;
  return total.selfadjointView<Eigen::Lower>();
}

}  // namespace lamina::learners
