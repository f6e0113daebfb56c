#include "lamina/data/split.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "lamina/core/error.h"
#include "lamina/core/philox.h"

namespace lamina::data {

namespace {

int64_t held_out(int64_t n, double fraction) {
  if (!(fraction >= 0 && fraction <= 1)) {
    throw Error("split", "expected a fraction between 0 and 1, got " + std::to_string(fraction));
  }
  return static_cast<int64_t>(std::llround(static_cast<double>(n) * fraction));
}

void shuffle(std::vector<int64_t>& items, Philox& random) {
  for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[random.below(i)]);
}

std::vector<int64_t> shuffled_range(int64_t n, Philox& random) {
  std::vector<int64_t> items(static_cast<size_t>(n));
  std::iota(items.begin(), items.end(), int64_t{0});
  shuffle(items, random);
  return items;
}

/// Streams of their own, so that a split and the shuffling of the same seed have nothing in common.
Philox stream(int64_t seed) { return Philox(static_cast<uint64_t>(seed), 0x73706c6974ULL); }

IndexSplit by_flags(const std::vector<bool>& second) {
  IndexSplit split;
  for (size_t i = 0; i < second.size(); ++i) {
    (second[i] ? split.second : split.first).push_back(static_cast<int64_t>(i));
  }
  return split;
}

}  // namespace

IndexSplit split_random(int64_t n, double fraction, int64_t seed) {
  Philox random = stream(seed);
  const std::vector<int64_t> order = shuffled_range(n, random);
  std::vector<bool> second(order.size());
  for (int64_t i = 0; i < held_out(n, fraction); ++i) second[static_cast<size_t>(order[static_cast<size_t>(i)])] = true;
  return by_flags(second);
}

IndexSplit split_stratified(std::span<const int64_t> classes, double fraction, int64_t seed) {
  Philox random = stream(seed);
  std::map<int64_t, std::vector<int64_t>> members;
  for (size_t i = 0; i < classes.size(); ++i) members[classes[i]].push_back(static_cast<int64_t>(i));
  // Each class gives the whole part of its share; the rest goes to the largest remainders (Hamilton's method), ties
  // in random order.
  struct Share {
    double remainder;
    uint64_t tie;
    std::vector<int64_t>* items;
    size_t count;
  };
  std::vector<Share> shares;
  int64_t open = held_out(static_cast<int64_t>(classes.size()), fraction);
  for (auto& [id, items] : members) {
    shuffle(items, random);
    const double share = static_cast<double>(items.size()) * fraction;
    const auto count = static_cast<size_t>(share);
    shares.push_back({share - static_cast<double>(count), random.next_u64(), &items, count});
    open -= static_cast<int64_t>(count);
  }
  std::sort(shares.begin(), shares.end(), [](const Share& a, const Share& b) {
    return a.remainder != b.remainder ? a.remainder > b.remainder : a.tie < b.tie;
  });
  std::vector<bool> second(classes.size());
  // The last example of a class is only taken where nothing else is left.
  for (const size_t spared : {1, 0}) {
    for (Share& s : shares) {
      const bool largest = s.count == static_cast<size_t>(static_cast<double>(s.items->size()) * fraction);
      if (open <= 0 || !largest || s.count + spared >= s.items->size()) continue;
      ++s.count;
      --open;
    }
  }
  for (Share& s : shares) {
    for (size_t i = 0; i < s.count; ++i) second[static_cast<size_t>((*s.items)[i])] = true;
  }
  return by_flags(second);
}

IndexSplit split_grouped(std::span<const int64_t> groups, double fraction, int64_t seed) {
  Philox random = stream(seed);
  std::map<int64_t, int64_t> sizes;
  for (const int64_t g : groups) ++sizes[g];
  std::vector<int64_t> order;
  for (const auto& [group, size] : sizes) order.push_back(group);
  shuffle(order, random);
  const int64_t wanted = held_out(static_cast<int64_t>(groups.size()), fraction);
  std::map<int64_t, bool> chosen;
  int64_t taken = 0;
  for (const int64_t g : order) {
    // A group is taken where that brings the part nearer to its size.
    const int64_t with = taken + sizes[g];
    if (std::abs(with - wanted) >= std::abs(taken - wanted)) continue;
    chosen[g] = true;
    taken = with;
  }
  std::vector<bool> second;
  for (const int64_t g : groups) second.push_back(chosen.count(g) != 0);
  return by_flags(second);
}

IndexSplit split_by_time(int64_t n, double fraction) {
  std::vector<bool> second(static_cast<size_t>(n));
  std::fill(second.end() - held_out(n, fraction), second.end(), true);
  return by_flags(second);
}

Splits split(const DatasetPtr& whole, double fraction, int64_t seed) {
  IndexSplit parts = whole->info().target == TargetKind::classes ? split_stratified(class_ids(*whole), fraction, seed)
                                                                 : split_random(whole->size(), fraction, seed);
  return {subset(whole, std::move(parts.first)), subset(whole, std::move(parts.second))};
}

DatasetPtr at_most_per_class(const DatasetPtr& whole, int64_t count, int64_t seed) {
  const std::vector<int64_t> classes = class_ids(*whole);
  Philox random = stream(seed);
  std::map<int64_t, int64_t> taken;
  std::vector<int64_t> indices;
  for (const int64_t i : shuffled_range(whole->size(), random)) {
    if (taken[classes[static_cast<size_t>(i)]]++ < count) indices.push_back(i);
  }
  std::sort(indices.begin(), indices.end());
  return subset(whole, std::move(indices));
}

std::vector<int64_t> class_ids(const Dataset& set) {
  if (set.info().target != TargetKind::classes) throw Error(set.info().name, "has no classes");
  std::vector<int64_t> ids(static_cast<size_t>(set.size()));
  for (int64_t i = 0; i < set.size(); ++i) ids[static_cast<size_t>(i)] = set.class_of(i);
  return ids;
}

}  // namespace lamina::data
