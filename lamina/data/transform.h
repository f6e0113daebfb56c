// What happens to an example between the file and the network.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lamina/core/fields.h"
#include "lamina/core/philox.h"
#include "lamina/core/registry.h"
#include "lamina/data/dataset.h"

namespace lamina::data {

/// How sequences of unequal length become batches: padded at their end, to one of few lengths, so that few steps are
/// captured.
struct SequenceOptions {
  int64_t fields = 1;             // so many fields of an example, the first ones, are sequences
  Dims sizes = {};                // the lengths that batches are padded to; default: 8, 16, 24, 32, 48, 64, 96, 128, …
  std::vector<double> fill = {};  // what padding holds, for each field; default: 0, in further fields of i64 −100, the
                                  // target that losses and metrics ignore
  bool together = false;          // one length for all fields
  int64_t sort = 50;  // training: so many batches at a time are made of examples sorted by length; 0: of any
  LAMINA_OPTIONS(fields, sizes, fill, together, sort)
};

class Transform {
 public:
  virtual ~Transform() = default;
  virtual std::string name() const = 0;
  /// Changes the example, never the memory of its tensors, which others may share. `random` belongs to (seed, epoch,
  /// index) and this transform alone.
  virtual void apply(Example& example, Philox& random) const = 0;
  /// Whether it draws no random numbers and can treat a whole batch at once, by apply_batch().
  virtual bool works_on_batches() const { return false; }
  /// apply() for every example of a stacked batch.
  virtual void apply_batch(Batch& batch, TensorPool& pool) const { (void)batch, (void)pool; }
  /// Whether it joins the examples of a batch or depends on the epoch: then change_batch() stands for apply(), and
  /// apply() gives what one example looks like. Such transforms come last.
  virtual bool changes_batches() const { return false; }
  /// `random` belongs to (seed, epoch, batch) and this transform alone.
  virtual void change_batch(Batch& batch, Philox& random, int64_t epoch, TensorPool& pool) const {
    (void)batch, (void)random, (void)epoch, (void)pool;
  }
  /// How many views it makes of an input, along a new first axis; those after it see each view by itself. Batches then
  /// hold the views of all inputs as inputs, [n · views, …], and one target for each input, [n].
  virtual int64_t views() const { return 1; }
  /// How sequences become batches; null where it says nothing of that. The last transform that does counts; without
  /// one, sets whose inputs differ in length (DatasetInfo::unequal) have the defaults.
  virtual const SequenceOptions* sequences() const { return nullptr; }
  /// [height, width] of a picture that is large enough for it where it comes first: pictures may be decoded at reduced
  /// scale, but not below. Empty: it needs all pixels.
  virtual Dims enough() const { return {}; }
  /// The shape of one input after it; throws Error where the input does not fit.
  virtual Shape output_shape(const Shape& input) const { return input; }
  /// Learns from the training part (means, ranges); `so_far` are the transforms before this one.
  virtual void fit(const Dataset& train, std::span<const std::shared_ptr<Transform>> so_far) {
    (void)train, (void)so_far;
  }
  /// What fit() learnt, as JSON, and back. "{}" where there is nothing.
  virtual std::string state() const { return "{}"; }
  virtual void load_state(const std::string& json) { (void)json; }
};

using TransformPtr = std::shared_ptr<Transform>;
using Transforms = std::vector<TransformPtr>;

/// Applies all of them; transform k draws from the stream (seed, epoch, index, k).
Example apply_all(std::span<const TransformPtr> transforms, Example example, int64_t seed, int64_t epoch,
                  int64_t index);
/// Transform k of a batch draws from the stream (seed, epoch, number of the batch, k).
void change_batch(const Transform& transform, size_t k, Batch& batch, int64_t seed, int64_t epoch, int64_t number,
                  TensorPool& pool);
/// How many views of an input come out.
int64_t views_of(std::span<const TransformPtr> transforms);
/// The shape of one input (one view) after all of them; throws Error naming the transform that it does not fit.
Shape output_shape(std::span<const TransformPtr> transforms, Shape input);
/// Fits each on the training part, as the transforms before it leave it.
void fit_all(std::span<const TransformPtr> transforms, const Dataset& train);

/// What was fitted, one JSON value per transform, and back; throws Error where the number differs.
std::string state_of(std::span<const TransformPtr> transforms);
void load_state(std::span<const TransformPtr> transforms, const std::string& json);

/// All transforms that recipes can name.
std::span<const Entry<Transform>> transform_table();

}  // namespace lamina::data
