// Batches, prepared ahead by worker threads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "lamina/data/dataset.h"
#include "lamina/data/transform.h"

namespace lamina::data {

struct LoaderOptions {
  int64_t batch = 64;
  bool shuffle = false;
  bool drop_last = false;
  int64_t seed = 0;
  int64_t workers = 1;   // 0: in the calling thread
  int64_t prefetch = 4;  // batches held ready
};

/// The order of an epoch and every random number in it are functions of (seed, epoch, index), never of the number of
/// workers, so an epoch can be entered at any batch. Sequences of unequal length become batches as SequenceOptions say.
/// An Error in a worker is thrown by next().
class Loader {
 public:
  Loader(DatasetPtr set, Transforms transforms, LoaderOptions options);
  ~Loader();
  Loader(const Loader&) = delete;

  int64_t batches_per_epoch() const;
  /// Begins an epoch at the given batch; abandons one under way.
  void start(int64_t epoch, int64_t first_batch = 0);
  /// False at the end of the epoch.
  bool next(Batch& batch);
  /// Seconds that next() waited for workers since start().
  double waited() const;
  const Dataset& dataset() const;
  const LoaderOptions& options() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Stacks fields of equal shapes. Where the first axis differs, pads with zeros to the longest and appends
/// a field of i32 lengths [n].
Batch collate(const std::vector<Example>& examples);
/// Pads the sequences among the fields as the options say, and always appends their lengths. Throws Error where a
/// sequence is longer than the last of options.sizes.
Batch collate(const std::vector<Example>& examples, const SequenceOptions& options);
/// What the transforms say of sequences, or what holds for the set; nothing where its examples are of one shape.
std::optional<SequenceOptions> sequences_of(std::span<const TransformPtr> transforms, const DatasetInfo& info);

}  // namespace lamina::data
