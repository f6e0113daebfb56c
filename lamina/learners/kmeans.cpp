#include "lamina/learners/kmeans.h"

#include <cmath>
#include <limits>

#include "lamina/core/error.h"
#include "lamina/core/parallel.h"
#include "lamina/core/philox.h"
#include "lamina/learners/linalg_internal.h"
#include "lamina/learners/text_internal.h"

namespace lamina::learners {

namespace {

constexpr int64_t kGrain = 512;

/// The nearest centre of each row, and the squared distance to it.
struct Nearest {
  std::vector<int64_t> cluster;
  Vector distance;
};

Nearest nearest(const MatrixView& x, const Matrix& centres) {
  Nearest found{std::vector<int64_t>(static_cast<size_t>(x.rows())), Vector(x.rows())};
  const Vector norms = centres.rowwise().squaredNorm();
  parallel_for(x.rows(), kGrain, [&](int64_t begin, int64_t end) {
    const auto rows = x.middleRows(begin, end - begin);
    const Matrix products = rows * centres.transpose();
    for (int64_t i = begin; i < end; ++i) {
      Eigen::Index best = 0;
      (norms.transpose() - 2 * products.row(i - begin)).minCoeff(&best);
      found.cluster[static_cast<size_t>(i)] = best;
      found.distance[i] = (x.row(i) - centres.row(best)).squaredNorm();
    }
  });
  return found;
}

/// k-means++: each next centre is drawn with a probability that grows with the squared distance to those chosen.
Matrix first_centres(const MatrixView& x, int64_t clusters, Philox& random) {
  Matrix centres(clusters, x.cols());
  centres.row(0) = x.row(static_cast<int64_t>(random.below(static_cast<uint64_t>(x.rows()))));
  Vector distance = (x.rowwise() - centres.row(0)).rowwise().squaredNorm();
  for (int64_t k = 1; k < clusters; ++k) {
    double left = random.uniform() * distance.sum();
    int64_t pick = 0;
    while (pick + 1 < x.rows() && (left -= distance[pick]) >= 0) ++pick;
    centres.row(k) = x.row(pick);
    distance = distance.cwiseMin((x.rowwise() - centres.row(k)).rowwise().squaredNorm());
  }
  return centres;
}

struct Run {
  Matrix centres;
  Nearest found;
  double inertia = std::numeric_limits<double>::infinity();
  int64_t iterations = 0;
};

Matrix means(const MatrixView& x, Nearest& found, int64_t clusters) {
  Matrix sums = Matrix::Zero(clusters, x.cols());
  std::vector<int64_t> counts(static_cast<size_t>(clusters), 0);
  for (int64_t i = 0; i < x.rows(); ++i) {
    const int64_t k = found.cluster[static_cast<size_t>(i)];
    sums.row(k) += x.row(i);
    ++counts[static_cast<size_t>(k)];
  }
  for (int64_t k = 0; k < clusters; ++k) {
    auto& count = counts[static_cast<size_t>(k)];
    if (count == 0) {  // takes the farthest example from a cluster that has others
      Eigen::Index far = 0;
      found.distance.maxCoeff(&far);
      const int64_t from = found.cluster[static_cast<size_t>(far)];
      if (counts[static_cast<size_t>(from)] > 1) {
        sums.row(from) -= x.row(far);
        --counts[static_cast<size_t>(from)];
        found.cluster[static_cast<size_t>(far)] = k;
        found.distance[far] = 0;
      }
      sums.row(k) = x.row(far);
      count = 1;
    }
  }
  for (int64_t k = 0; k < clusters; ++k) sums.row(k) /= static_cast<double>(counts[static_cast<size_t>(k)]);
  return sums;
}

Run lloyd(const MatrixView& x, Matrix centres, const KMeansOptions& o, double tolerance) {
  Run run{std::move(centres), {}, 0, 0};
  for (run.iterations = 1; run.iterations <= o.max_iterations; ++run.iterations) {
    run.found = nearest(x, run.centres);
    const Matrix next = means(x, run.found, o.clusters);
    const double moved = (next - run.centres).squaredNorm();
    run.centres = next;
    if (moved <= tolerance) break;
  }
  run.found = nearest(x, run.centres);
  run.inertia = run.found.distance.sum();
  return run;
}

}  // namespace

KMeans::KMeans(const Options& options) : LearnerOf(options) {
  nn::require_at_least(options.clusters, 1, "kmeans", "clusters");
  nn::require_at_least(options.max_iterations, 1, "kmeans", "max_iterations");
  nn::require_at_least(options.starts, 1, "kmeans", "starts");
}

void KMeans::do_fit(const Examples& examples) {
  const MatrixView x = view(examples.x);
  if (x.rows() < options_.clusters) {
    throw Error("kmeans", "expected at least " + std::to_string(options_.clusters) +
                              " examples, one per cluster, got " + std::to_string(x.rows()));
  }
  const double variance =
      (x.rowwise() - x.colwise().mean()).squaredNorm() / static_cast<double>(x.size());  // mean over the features
  Run best;
  for (int64_t start = 0; start < options_.starts; ++start) {
    Philox random(static_cast<uint64_t>(options_.seed), static_cast<uint64_t>(start));
    Run run = lloyd(x, first_centres(x, options_.clusters, random), options_, options_.tolerance * variance);
    if (run.inertia < best.inertia) best = std::move(run);
  }
  std::vector<int64_t> sizes(static_cast<size_t>(options_.clusters), 0);
  for (const int64_t k : best.found.cluster) ++sizes[static_cast<size_t>(k)];
  centres_ = to_tensor(best.centres);
  sizes_ = Tensor::from(sizes, {options_.clusters});
  inertia_ = best.inertia;
  iterations_ = best.iterations;
}

Tensor KMeans::do_predict(const Tensor& x) const {
  const MatrixView rows = view(x), centres = view(centres_);
  Matrix out(rows.rows(), centres.rows());
  parallel_for(rows.rows(), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t k = 0; k < centres.rows(); ++k) out(i, k) = -(rows.row(i) - centres.row(k)).squaredNorm();
    }
  });
  return to_tensor(out);
}

double KMeans::do_score(const Examples& examples) const {
  return view(do_predict(examples.x)).rowwise().maxCoeff().mean();
}

void KMeans::do_save(State& state) const {
  state["centres"] = centres_;
  state["sizes"] = sizes_;
  state["inertia"] = Tensor::from({inertia_, static_cast<double>(iterations_)}, {2}, DType::f64);
}

void KMeans::do_restore(const State& state) {
  centres_ = saved(state, "centres");
  sizes_ = saved(state, "sizes");
  inertia_ = saved(state, "inertia").at({0});
  iterations_ = static_cast<int64_t>(saved(state, "inertia").at({1}));
}

Summary KMeans::summary() const {
  Summary s;
  s.columns = {"cluster", "examples"};
  for (int64_t c = 0; c < width(); ++c) s.columns.push_back(feature_name(c));
  for (int64_t k = 0; k < options_.clusters; ++k) {
    std::vector<std::string> row{std::to_string(k), std::to_string(sizes_.ints()[static_cast<size_t>(k)])};
    for (int64_t c = 0; c < width(); ++c) row.push_back(short_number(centres_.at({k, c})));
    s.rows.push_back(std::move(row));
  }
  s.facts = {{"inertia", inertia_}, {"iterations", static_cast<double>(iterations_)}};
  return s;
}

}  // namespace lamina::learners
