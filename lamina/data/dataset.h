// Data sets: examples by index.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lamina/tensor/tensor.h"

namespace lamina::data {

/// The fields of one example; of supervised sets {input, target}. A class is an i64 scalar, several
/// tags a f32 vector of 0 and 1, a regression target a f32 vector. Images are u8 [channels, height, width], texts u8
/// [bytes] of UTF-8, sequences i64 [steps] of ids or f32 [steps, features].
using Example = Tensors;
/// The same fields, stacked along a new first axis. Sequences of unequal length are padded; behind all fields come
/// their lengths, i32 [n] for each, the only fields of i32 (see lengths_of).
using Batch = Tensors;

class TensorPool;

enum class TargetKind : uint8_t { classes, tags, values, none, text };

struct DatasetInfo {
  std::string name;
  Shape input;        // of one input: [1, 28, 28], [features]; −1 first: sequences of unequal length, [−1, features]
  bool text = false;  // the inputs are texts, u8 [bytes] of UTF-8
  TargetKind target = TargetKind::classes;
  std::vector<std::string> classes;   // by id; of values: the names of the target columns
  std::vector<std::string> features;  // of a table: its input columns
  std::string fingerprint;            // changes with the content
  std::vector<std::string> notes;     // what a user should know: files left out, …

  int64_t outputs() const { return static_cast<int64_t>(classes.size()); }
  /// Do inputs differ in length?
  bool unequal() const { return !input.empty() && input[0] < 0; }
};

class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual const DatasetInfo& info() const = 0;
  virtual int64_t size() const = 0;
  /// Called from several threads at once. Throws Error naming the file of a bad example.
  virtual Example get(int64_t index) const = 0;
  /// Several examples at once, stacked, in buffers of the pool; false where the set has no faster way than get().
  virtual bool gather(std::span<const int64_t> indices, Batch& batch, TensorPool& pool) const {
    (void)indices, (void)batch, (void)pool;
    return false;
  }
  /// The class id of an example of a set with TargetKind::classes, without reading its input where that is possible.
  virtual int64_t class_of(int64_t index) const;
  /// How long an input is, near enough to put examples of similar length together. Default: reads it.
  virtual int64_t length_of(int64_t index) const;
  /// What to call an example in texts: a file name, "row 17".
  virtual std::string label(int64_t index) const { return "example " + std::to_string(index); }
};

using DatasetPtr = std::shared_ptr<const Dataset>;

/// The lengths i32 [n] of the which-th sequence among the fields of a batch; undefined where there are not so many.
Tensor lengths_of(const Batch& batch, int64_t which = 0);

/// Examples held in memory: inputs [n, …], targets [n, …] or undefined. Fills in the shape of one input and the
/// fingerprint where they are empty. Throws Error where the sizes differ, or a class id is outside of info.classes.
DatasetPtr in_memory(DatasetInfo info, const Tensor& inputs, const Tensor& targets);
/// Examples held in memory that differ in length: inputs, and targets where they are sequences, i64 [steps] or f32
/// [steps, features]. Throws Error where their fields do not fit together, or a class id is outside of info.classes.
DatasetPtr in_memory(DatasetInfo info, std::vector<Example> examples);
/// Some examples of another set, in the given order.
DatasetPtr subset(DatasetPtr whole, std::vector<int64_t> indices);
/// One after the other; throws Error where their inputs or targets differ.
DatasetPtr joined(std::vector<DatasetPtr> parts);

/// A training and a test part, as most published sets come.
struct Splits {
  DatasetPtr train, test;
};

/// MNIST and its kin from a folder of IDX files, gzipped or not. An empty folder name: $LAMINA_DATA/mnist.
Splits mnist(const std::string& folder = "");

}  // namespace lamina::data
