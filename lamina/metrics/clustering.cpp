// How well clusters agree with classes.
#include <algorithm>
#include <cmath>
#include <map>

#include "lamina/core/error.h"
#include "lamina/metrics/metrics.h"

namespace lamina::metrics {

namespace {

/// How many examples are in each pair of cluster and class.
struct Contingency {
  std::map<std::pair<int64_t, int64_t>, double> cells;
  std::map<int64_t, double> clusters, classes;
  double total = 0;
};

Contingency contingency_of(const char* metric, std::span<const int64_t> clusters, std::span<const int64_t> classes) {
  if (clusters.size() != classes.size() || clusters.empty()) {
    throw Error(metric, "expected a cluster and a class for each example, got " + std::to_string(clusters.size()) +
                            " clusters and " + std::to_string(classes.size()) + " classes");
  }
  Contingency c;
  for (size_t i = 0; i < clusters.size(); ++i) {
    ++c.cells[{clusters[i], classes[i]}];
    ++c.clusters[clusters[i]];
    ++c.classes[classes[i]];
    ++c.total;
  }
  return c;
}

double entropy_of(const std::map<int64_t, double>& counts, double total) {
  double h = 0;
  for (const auto& [id, n] : counts) h -= n / total * std::log(n / total);
  return h;
}

}  // namespace

double purity(std::span<const int64_t> clusters, std::span<const int64_t> classes) {
  const Contingency c = contingency_of("purity", clusters, classes);
  std::map<int64_t, double> largest;
  for (const auto& [cell, n] : c.cells) largest[cell.first] = std::max(largest[cell.first], n);
  double right = 0;
  for (const auto& [cluster, n] : largest) right += n;
  return right / c.total;
}

double nmi(std::span<const int64_t> clusters, std::span<const int64_t> classes) {
  const Contingency c = contingency_of("nmi", clusters, classes);
  double shared = 0;
  for (const auto& [cell, n] : c.cells) {
    shared += n / c.total * std::log(n * c.total / (c.clusters.at(cell.first) * c.classes.at(cell.second)));
  }
  const double both = entropy_of(c.clusters, c.total) + entropy_of(c.classes, c.total);
  // One cluster and one class agree fully.
  return both == 0 ? 1 : std::max(0.0, 2 * shared / both);
}

}  // namespace lamina::metrics
