// Ways to divide examples. All are functions of their seed alone.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lamina/data/dataset.h"

namespace lamina::data {

struct IndexSplit {
  std::vector<int64_t> first, second;  // `second` holds the fraction asked for
};

IndexSplit split_random(int64_t n, double fraction, int64_t seed);
/// The classes in equal shares on both sides (as near as whole examples allow).
IndexSplit split_stratified(std::span<const int64_t> classes, double fraction, int64_t seed);
/// No group on both sides.
IndexSplit split_grouped(std::span<const int64_t> groups, double fraction, int64_t seed);
/// The last ones are held out.
IndexSplit split_by_time(int64_t n, double fraction);

/// Stratified for sets of classes, random for others. The validation part is `test` of the result.
Splits split(const DatasetPtr& whole, double fraction, int64_t seed);

/// The examples of these classes alone; a class id becomes the place of its name in the list. Throws Error with the
/// nearest name for a class that there is not, or that is named twice.
DatasetPtr of_classes(const DatasetPtr& whole, const std::vector<std::string>& names);
/// Their places in the whole set.
std::vector<int64_t> indices_of_classes(const Dataset& set, const std::vector<std::string>& names);
/// At most so many examples of each class, drawn at random; those for a larger number include those for a smaller one.
DatasetPtr at_most_per_class(const DatasetPtr& whole, int64_t count, int64_t seed);

/// All class ids of a set with TargetKind::classes.
std::vector<int64_t> class_ids(const Dataset& set);

}  // namespace lamina::data
