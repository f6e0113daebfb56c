#include "lamina/learners/neighbours.h"

#include <algorithm>
#include <cmath>

#include "lamina/core/error.h"
#include "lamina/core/parallel.h"
#include "lamina/learners/linalg_internal.h"

namespace lamina::learners {

NearestNeighbours::NearestNeighbours(const Options& o) : LearnerOf(o) {
  nn::require_at_least(o.neighbours, 1, kName, "neighbours");
  if (o.weights != "uniform" && o.weights != "distance") {
    throw Error(kName, "expected the weights uniform or distance, got \"" + o.weights + "\"");
  }
  if (o.metric != "euclidean" && o.metric != "manhattan") {
    throw Error(kName, "expected the metric euclidean or manhattan, got \"" + o.metric + "\"");
  }
}

void NearestNeighbours::do_fit(const Examples& e) {
  if (e.rows() < options_.neighbours) {
    throw Error(kName, "expected at least " + std::to_string(options_.neighbours) +
                           " examples, as many as neighbours, got " + std::to_string(e.rows()));
  }
  x_ = e.x;
  y_ = e.y;
}

Tensor NearestNeighbours::do_predict(const Tensor& x) const {
  const MatrixView rows = view(x), known = view(x_);
  const int64_t n = known.rows(), k = options_.neighbours;
  const bool classes_learnt = classes() > 0, near_more = options_.weights == "distance";
  const bool squares = options_.metric == "euclidean";
  const std::vector<double> value = classes_learnt ? std::vector<double>{} : y_.values();
  const std::vector<int64_t> id = classes_learnt ? y_.ints() : std::vector<int64_t>{};
  Matrix out = Matrix::Zero(rows.rows(), classes_learnt ? classes() : 1);
  parallel_for(rows.rows(), 16, [&](int64_t begin, int64_t end) {
    std::vector<std::pair<double, int64_t>> far(static_cast<size_t>(n));
    for (int64_t r = begin; r < end; ++r) {
      for (int64_t i = 0; i < n; ++i) {
        const auto difference = known.row(i) - rows.row(r);
        far[static_cast<size_t>(i)] = {squares ? difference.squaredNorm() : difference.cwiseAbs().sum(), i};
      }
      std::partial_sort(far.begin(), far.begin() + k, far.end());
      double all = 0;
      const bool met = far.front().first == 0;
      for (int64_t j = 0; j < k; ++j) {
        const auto [distance, i] = far[static_cast<size_t>(j)];
        double weight = 1;
        if (near_more) weight = met ? distance == 0 : 1 / (squares ? std::sqrt(distance) : distance);
        all += weight;
        out(r, classes_learnt ? id[static_cast<size_t>(i)] : 0) +=
            weight * (classes_learnt ? 1 : value[static_cast<size_t>(i)]);
      }
      out.row(r) /= all;
    }
  });
  return to_tensor(out);
}

void NearestNeighbours::do_save(State& state) const {
  state["x"] = x_;
  state["y"] = y_;
}

void NearestNeighbours::do_restore(const State& state) {
  x_ = saved(state, "x");
  y_ = saved(state, "y");
}

Summary NearestNeighbours::summary() const {
  Summary s;
  s.facts = {{"examples kept", static_cast<double>(x_.size(0))}};
  return s;
}

}  // namespace lamina::learners
